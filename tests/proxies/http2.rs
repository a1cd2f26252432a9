//! HTTP/2 from the client to the proxy.

use sockeye_tests::{
    http2::{Client, Exchange, request},
    sockjs::{Receiver, message_frame, session_id},
    websocket::Frame,
};

use crate::{
    Context, cases,
    proxy::{Config, Software},
};

cases![
    web_sockets_over_http_2_pass_haproxy,
    streams_over_http_2_pass_haproxy,
    streams_over_http_2_pass_nginx,
];

/// Sessions side by side on one connection: more than the six that browsers open over HTTP/1.1.
const SESSIONS: usize = 8;

/// Opens a WebSocket. HAProxy's answer has a `Sec-WebSocket-Accept` that HTTP/2 does not know, and
/// clients pass over.
fn web_socket(client: &mut Client, path: &str) -> Exchange {
    let mut socket = client.connect_protocol(path, "websocket", &[("sec-websocket-version", "13")]);
    let head = socket.head();
    assert_eq!(head.status, 200, "{head:?}");
    socket
}

fn web_sockets_over_http_2_pass_haproxy(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses()).start();
    let mut client = Client::to(proxy.http_2_address());
    assert!(client.takes_extended_connect());
    let mut framed: Vec<_> = (0..SESSIONS)
        .map(|n| {
            web_socket(
                &mut client,
                &format!("/echo/{n:03}/{}/websocket", session_id()),
            )
        })
        .collect();
    let mut raw = web_socket(&mut client, "/echo/websocket");
    for socket in &mut framed {
        assert_eq!(socket.frame(), Frame::text("o"));
    }
    for (n, socket) in framed.iter_mut().enumerate() {
        socket.send(Frame::text(format!("[\"{n}\"]")).masked());
        let echo = message_frame(&[n.to_string()]);
        assert_eq!(socket.frame(), Frame::text(echo));
    }
    raw.send(Frame::text("raw").masked());
    assert_eq!(raw.frame(), Frame::text("raw"));
    raw.send(Frame::close(1000, "").masked());
    assert_eq!(raw.frame().close_code().0, 1000);
}

/// Every streaming transport, several of each side by side, and messages for all of them.
fn streams_pass(mut client: Client) {
    for receiver in Receiver::STREAMING {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|n| format!("{n:03}/{}", session_id()))
            .collect();
        let mut streams: Vec<_> = sessions
            .iter()
            .map(|session| {
                let path = format!("/echo/{session}/{}", receiver.name());
                let (method, query) = match receiver {
                    Receiver::XhrStreaming => ("POST", ""),
                    Receiver::HtmlFile => ("GET", "?c=_jp.a1b2c3"),
                    _ => ("GET", ""),
                };
                let mut stream =
                    client.start(request(method, &format!("{path}{query}"), &[]), Some(""));
                assert_eq!(stream.head().status, 200);
                stream
            })
            .collect();
        for (session, stream) in sessions.iter().zip(&mut streams) {
            let opening = [receiver.prelude(), receiver.wrap("o")].concat();
            expect(stream, &opening);
            let sent = client.ask(
                "POST",
                &format!("/echo/{session}/xhr_send"),
                &[("content-type", "text/plain")],
                r#"["side by side"]"#,
            );
            assert_eq!(sent.status, 204, "{sent:?}");
            expect(stream, &receiver.wrap(&message_frame(&["side by side"])));
        }
    }
}

/// Reads as many bytes, in whatever parts a proxy made of them.
#[track_caller]
fn expect(stream: &mut Exchange, expected: &[u8]) {
    let mut got = Vec::new();
    while got.len() < expected.len() {
        got.extend(stream.data().expect("goes on"));
    }
    assert_eq!(
        String::from_utf8_lossy(&got),
        String::from_utf8_lossy(expected)
    );
}

fn streams_over_http_2_pass_haproxy(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Haproxy, nodes.addresses()).start();
    streams_pass(Client::to(proxy.http_2_address()));
}

fn streams_over_http_2_pass_nginx(context: &Context) {
    let nodes = context.nodes(&[]);
    let proxy = Config::documented(Software::Nginx, nodes.addresses()).start();
    streams_pass(Client::to(proxy.http_2_address()));
}
