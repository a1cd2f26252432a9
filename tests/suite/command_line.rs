//! What the conformance server takes, and how it refuses.

use sockeye_tests::{
    http1::Request,
    server::{Server, run},
};

use crate::{Context, cases};

cases![
    unknown_options_and_bad_values_exit_with_2,
    what_is_not_built_yet_exits_with_2,
    engineio_options_act,
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
    let refused: [&[&str]; 18] = [
        &["--nonsense"], &["--nonsense", "1"], &["-l"], &["extra"],
        &["--listen"], &["--listen", "nowhere"], &["--listen", "127.0.0.1"], &["--listen", "127.0.0.1:99999"],
        &["--stack", "rocket"], &["--stack"],
        &["--heartbeat-ms", "soon"], &["--heartbeat-ms", "-1"], &["--disconnect-ms", "1.5"], &["--disconnect-ms", ""],
        &["--allowed-origins", "not an origin"], &["--sockjs-url", "ftp"],
        &["--ping-interval-ms", "0"], &["--ping-timeout-ms", "soon"],
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
    ] {
        assert_refused(context, arguments);
    }
}

fn engineio_options_act(context: &Context) {
    let open = |server: &Server, revision: u8| {
        let target = format!("/engine.io/?EIO={revision}&transport=polling");
        server.ask(&Request::get(&target))
    };
    let server = context.start(&["--ping-interval-ms", "12345", "--ping-timeout-ms", "6789"]);
    let opened = open(&server, 4);
    let timers = r#""pingInterval":12345,"pingTimeout":6789,"maxPayload":1000000}"#;
    assert!(opened.text().ends_with(timers), "{}", opened.text());
    assert_eq!(open(&server, 3).status(), 400);

    let server = context.start(&["--permissive"]);
    let opened = open(&server, 3);
    let timers = r#""pingInterval":300,"pingTimeout":200,"maxPayload":10000000}"#;
    assert!(opened.text().ends_with(timers), "{}", opened.text());
}

fn a_taken_port_is_an_error(context: &Context) {
    let address = context.server().address().to_string();
    let output = run(context.program(), &["--listen", &address]);
    assert!(!output.status.success(), "{output:?}");
    assert!(!output.stderr.is_empty(), "{output:?}");
}
