//! What the conformance server takes, and how it refuses.

use sockeye_tests::{http1::Request, server::run};

use crate::{Context, cases};

cases![
    unknown_options_and_bad_values_exit_with_2,
    what_is_not_built_yet_exits_with_2,
    options_of_later_mounts_are_taken,
    a_taken_port_is_an_error,
];

#[track_caller]
fn assert_refused(context: &Context, arguments: &[&str]) {
    let output = run(context.program(), arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    assert!(
        !output.stderr.is_empty(),
        "{arguments:?}: nothing on stderr"
    );
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
}

fn unknown_options_and_bad_values_exit_with_2(context: &Context) {
    #[rustfmt::skip]
    let refused: [&[&str]; 16] = [
        &["--nonsense"], &["--nonsense", "1"], &["-l"], &["extra"],
        &["--listen"], &["--listen", "nowhere"], &["--listen", "127.0.0.1"], &["--listen", "127.0.0.1:99999"],
        &["--stack", "rocket"], &["--stack"],
        &["--heartbeat-ms", "soon"], &["--heartbeat-ms", "-1"], &["--disconnect-ms", "1.5"], &["--disconnect-ms", ""],
        &["--allowed-origins", "not an origin"], &["--sockjs-url", "ftp"],
    ];
    for arguments in refused {
        assert_refused(context, arguments);
    }
}

fn what_is_not_built_yet_exits_with_2(context: &Context) {
    for arguments in [
        &["--redis", "redis://x"][..],
        &["--adapter", "pubsub"],
        &["--metrics"],
        &["--node-id", "a"],
    ] {
        assert_refused(context, arguments);
    }
}

fn options_of_later_mounts_are_taken(context: &Context) {
    let server = context.start(&[
        "--ping-interval-ms",
        "300",
        "--ping-timeout-ms",
        "200",
        "--permissive",
    ]);
    assert_eq!(server.ask(&Request::get("/healthz")).text(), "ok");
}

fn a_taken_port_is_an_error(context: &Context) {
    let address = context.server().address().to_string();
    let output = run(context.program(), &["--listen", &address]);
    assert!(!output.status.success(), "{output:?}");
    assert!(!output.stderr.is_empty(), "{output:?}");
}
