//! The example as a program: what a mount needs of its host is there.

use std::process::Command;

use sockeye_tests::{
    http1::{Connection, Request},
    http2,
    server::Server,
    sockjs::{Client, Receiver, session_id},
    websocket::{Frame, WebSocket},
};

fn start() -> Server {
    let mut command = Command::new(env!("CARGO_BIN_EXE_example-hyper"));
    Server::from_command(command.arg("127.0.0.1:0"))
}

fn url() -> String {
    format!("/echo/000/{}/websocket", session_id())
}

#[test]
fn the_mount_and_the_app_have_their_paths() {
    let server = start();
    let mut connection = Connection::open(&server);
    for (path, text) in [
        ("/echo", "Welcome to SockJS!\n"),
        ("/else", "GET /else is not below /echo\n"),
    ] {
        let answer = connection.ask(&Request::get(path));
        assert_eq!((answer.status(), answer.text()), (200, text));
    }
    server.verdict().unwrap();
}

#[test]
fn a_stream_brings_each_message_as_it_comes() {
    let server = start();
    let client = Client::new(&server, "/echo");
    let mut stream = client.open_attached(Receiver::XhrStreaming);
    for text in ["hello", "again"] {
        client.send(&[text]);
        assert_eq!(stream.messages(1), [text]);
    }
    server.verdict().unwrap();
}

#[test]
fn websockets_open_over_both_versions() {
    let server = start();
    let mut upgraded = WebSocket::open(&server, &url());
    assert_eq!(upgraded.frame(), Frame::text("o"));
    upgraded.send(&Frame::text(r#"["one"]"#));
    assert_eq!(upgraded.frame(), Frame::text(r#"a["one"]"#));

    let mut client = http2::Client::connect(&server);
    let mut tunnel = client.web_socket(&url());
    assert_eq!(tunnel.frame(), Frame::text("o"));
    tunnel.send(Frame::text(r#"["two"]"#).masked());
    assert_eq!(tunnel.frame(), Frame::text(r#"a["two"]"#));
    server.verdict().unwrap();
}
