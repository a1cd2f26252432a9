//! Close frames: each side says one.

use tokio::io::AsyncWriteExt;

use crate::{
    client::{Sent, WebSocket, masked},
    support::Server,
};

async fn expect_only(socket: &mut WebSocket, close: Sent, case: &str) {
    let mut all = Vec::new();
    loop {
        match socket.next().await {
            Sent::End => break,
            sent => all.push(sent),
        }
    }
    assert_eq!(all, [close], "{case}");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_the_peer_closes_is_closed_once() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut socket = client.probed().await;
    socket.send(0x88, &1000_u16.to_be_bytes()).await;
    expect_only(&mut socket, Sent::Close(Some(1000)), "closed").await;
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_what_ends_a_probe_is_not_answered_too() {
    let (server, _sessions) = Server::handing_over(|mount| mount.max_message_size(1000));
    let client = server.open().await;
    for (case, first, close) in [
        ("not of the dance", masked(0x81, b"4hello"), None),
        ("no packet", masked(0x81, b"x"), None),
        ("broken rules", masked(0xf1, b""), Some(1002)),
        ("too long", masked(0x81, &[b'4'; 2000]), Some(1009)),
    ] {
        let mut socket = client.probed().await;
        let frames = [first, masked(0x88, b"")].concat();
        socket.stream.write_all(&frames).await.unwrap();
        expect_only(&mut socket, Sent::Close(close), case).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_what_ends_a_session_is_not_answered_too() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for frame in [masked(0x81, b"x"), masked(0xf1, b"")] {
        let mut socket = server.open_websocket().await;
        let frames = [&frame[..], &masked(0x88, b"")].concat();
        socket.stream.write_all(&frames).await.unwrap();
        expect_only(&mut socket, Sent::Close(Some(1002)), "a session").await;
    }
}
