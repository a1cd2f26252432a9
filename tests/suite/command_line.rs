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
    a_node_has_the_name_it_is_given_or_one_of_its_own,
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

fn a_node_has_the_name_it_is_given_or_one_of_its_own(context: &Context) {
    let server = context.start(&["--node-id", "ann's node"]);
    assert_eq!(node_of(&server), r#"["ann's node"]"#);
    let unnamed = || node_of(&context.start(&[]));
    assert_ne!(unnamed(), unnamed());
}

/// What a Socket.IO client is told when it asks for the node, over polling.
fn node_of(server: &Server) -> String {
    let target = "/legacy.io/?EIO=4&transport=polling";
    let opened = server.ask(&Request::get(target));
    let sid = opened.text().split('"').nth(3).expect("a session's id");
    let target = format!("{target}&sid={sid}");
    let say = |packet: &str| {
        let said = server.ask(&Request::post(&target).body(packet));
        assert_eq!((said.status(), said.text()), (200, "ok"));
        server.ask(&Request::get(&target))
    };
    let joined = say("40/features,");
    assert!(
        joined.text().starts_with("40/features,{"),
        "{}",
        joined.text()
    );
    let answer = say(r#"42/features,0["node"]"#);
    let answer = answer.text().strip_prefix("43/features,0");
    answer.expect("an answer to the question").to_owned()
}

fn a_taken_port_is_an_error(context: &Context) {
    let address = context.server().address().to_string();
    let output = run(context.program(), &["--listen", &address]);
    assert!(!output.status.success(), "{output:?}");
    assert!(!output.stderr.is_empty(), "{output:?}");
}
