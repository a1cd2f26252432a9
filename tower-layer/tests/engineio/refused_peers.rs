//! What a peer sends behind what it is refused for is nobody's, above all not another connection's.

use tokio::io::AsyncWriteExt;

use crate::{
    client::masked,
    support::{Server, Sessions, as_text, rest},
};

/// A frame that is refused, with the head of another behind it; and what the second holds: a text
/// frame that lacks its last byte, which is the next peer's first.
fn forgery() -> (Vec<u8>, Vec<u8>) {
    // The next peer's first byte is 0x81, which the mask makes an `x`.
    let mask = [0, 0, 0, 0x81 ^ b'x'];
    let text = b"4forged";
    let mut begun = vec![0x81, 0x80 | (text.len() as u8 + 1)];
    begun.extend(mask);
    begun.extend(
        text.iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    let head = [0x81, 0x80 | begun.len() as u8, 0, 0, 0, 0];
    ([&masked(0xf1, b"")[..], &head].concat(), begun)
}

async fn expect_own_words(server: &Server, sessions: &mut Sessions) {
    let mut socket = server.open_websocket().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send_text("4hello").await;
    assert_eq!(as_text(session.recv().await), "hello");
}

/// A codec that was fed after it had refused gave its context, with a frame begun in it, to the
/// connection that came next.
#[tokio::test(start_paused = true)]
async fn what_a_refused_upgrade_says_is_not_anothers() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let _intruding = sessions.recv().await.unwrap();
    let mut socket = client.probed().await;
    let (refused, begun) = forgery();
    let frames = [masked(0x81, b"5"), refused].concat();
    socket.stream.write_all(&frames).await.unwrap();
    rest().await;
    let _ = socket.stream.write_all(&begun).await;
    rest().await;
    expect_own_words(&server, &mut sessions).await;
}

/// As above, where the peer that broke the rules takes nothing, so that it cannot be told of it.
#[tokio::test(start_paused = true)]
async fn what_a_refused_peer_says_that_takes_nothing_is_not_anothers() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut connection = server.connect_over(1024);
    let query = "EIO=4&transport=websocket";
    connection.send_handshake("GET", query, "").await;
    assert_eq!(connection.answer().await.status, 101);
    let intruding = sessions.recv().await.unwrap();
    intruding.try_send("x".repeat(10_000)).unwrap();
    rest().await;
    let (refused, begun) = forgery();
    connection.write(&refused).await;
    rest().await;
    let _ = connection.stream.write_all(&begun).await;
    rest().await;
    expect_own_words(&server, &mut sessions).await;
}
