//! Every route, method, page and handshake against the table of who may do what, over TCP.
//!
//! The same table is held against the mounts in memory, with `SameOrigin` as well and every session
//! counted (`tower-layer/tests/matrix`).

use sockeye_tests::{
    http1::Connection,
    matrix::{self, LIST, Mount, Policy},
    server::Server,
    sockjs::{Client, session_id},
};

use crate::{Context, cases};

cases![
    under_a_list_every_request_has_its_answer,
    without_a_list_every_request_has_its_answer,
];

fn under_a_list_every_request_has_its_answer(context: &Context) {
    let list = LIST.join(",");
    let server = context.start(&["--allowed-origins", &list, "--disconnect-ms", "600000"]);
    check(&server, Policy::List);
}

fn without_a_list_every_request_has_its_answer(context: &Context) {
    let server = context.start(&["--disconnect-ms", "600000"]);
    check(&server, Policy::Any);
}

fn check(server: &Server, policy: Policy) {
    let mut faults = Vec::new();
    let live = Client::open(server, "/echo");
    let mut taken = 0;
    // Answers that end share a connection: one too many would be taken for that of the next request.
    let mut shared = Connection::open(server);
    for case in matrix::cases(Mount::SockJs) {
        let expected = case.expected(policy);
        let request = case.request("/echo", &session_id(), &live.session);
        let mut own = (!expected.is_whole).then(|| Connection::open(server));
        let connection = own.as_mut().unwrap_or(&mut shared);
        connection.send(&request);
        let head = connection.head();
        let is_read = expected.is_whole && head.status == expected.status;
        let body = is_read.then(|| connection.body(&head, request.method()));
        let body = body.map(|body| String::from_utf8(body).expect("text"));
        if expected.is_whole && !is_read || head.has_token("connection", "close") {
            shared = Connection::open(server);
        }
        let found = expected.faults(&head, body.as_deref());
        if !found.is_empty() {
            faults.push(format!("{found:?} {case:?}: {head:?}"));
        }
        taken += usize::from(expected.takes);
    }
    let shown = faults.len().min(10);
    assert!(
        faults.is_empty(),
        "{} faults; some:\n{}",
        faults.len(),
        faults[..shown].join("\n")
    );
    assert!(taken > 0);
    assert_eq!(live.messages(taken), vec!["x"; taken]);
}
