//! What a peer sends behind what it is refused for is nobody's, above all not another connection's.

use sockeye_tower::{CloseReason, Message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::support::{Sent, Server, Sessions, close, masked, rest, since, text};

/// A frame that is refused, with the head of another behind it; and what that other holds: `text`
/// in a frame that lacks its last byte, which is the next peer's first.
fn forgery(text: &str) -> (Vec<u8>, Vec<u8>) {
    let (last, text) = text.as_bytes().split_last().unwrap();
    // What the next peer begins with, which the mask makes the last of the text.
    let mut mask = [0; 4];
    mask[text.len() % 4] = 0x81 ^ last;
    let mut begun = vec![0x81, 0x80 | (text.len() as u8 + 1)];
    begun.extend(mask);
    let masking = mask.iter().cycle();
    begun.extend(text.iter().zip(masking).map(|(byte, mask)| byte ^ mask));
    let head = [0x81, 0x80 | begun.len() as u8, 0, 0, 0, 0];
    ([&masked(0xf1, b"")[..], &head].concat(), begun)
}

/// A peer that takes nothing is refused, and goes on to speak; then another comes.
async fn expect_own_words(
    (server, mut sessions): (Server, Sessions),
    target: &str,
    [forged, own]: [&str; 2],
) {
    let mut intruder = server.websocket_over(target, 1024).await;
    let session = sessions.recv().await.unwrap();
    session.try_send("x".repeat(10_000)).unwrap();
    rest().await;
    let (refused, begun) = forgery(forged);
    intruder.stream.write_all(&refused).await.unwrap();
    rest().await;
    let reason = session.close_reason();
    assert!(
        matches!(reason, Some(CloseReason::Violation(_))),
        "{reason:?}"
    );
    intruder.stream.write_all(&begun).await.unwrap();
    rest().await;
    let mut websocket = server.websocket(target).await;
    let mut session = sessions.recv().await.unwrap();
    websocket.send_text(own).await;
    assert_eq!(
        session.recv().await,
        Some(Message::from("hello")),
        "{target}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_plain_peer_says_that_takes_nothing_is_not_anothers() {
    let words = ["forged", "hello"];
    expect_own_words(Server::plain(|mount| mount), "/", words).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_sockjs_peer_says_that_takes_nothing_is_not_anothers() {
    let server = Server::handing_over(|mount| mount);
    let words = ["[\"forged\"]", "[\"hello\"]"];
    expect_own_words(server, "/0/s/websocket", words).await;
    let server = Server::handing_over(|mount| mount);
    expect_own_words(server, "/websocket", ["forged", "hello"]).await;
}

/// It may write all it has before it reads; what it is owed reaches it then, the refusal last.
#[tokio::test(start_paused = true)]
async fn a_refused_peer_that_takes_nothing_before_it_has_said_all_is_told() {
    let (server, mut sessions) = Server::plain(|mount| mount);
    let mut websocket = server.websocket_over("/", 1024).await;
    let session = sessions.recv().await.unwrap();
    let owed = "x".repeat(10_000);
    session.try_send(&*owed).unwrap();
    session.try_send("behind").unwrap();
    rest().await;
    let (refused, begun) = forgery("forged");
    websocket.stream.write_all(&refused).await.unwrap();
    for _ in 0..1000 {
        websocket.stream.write_all(&begun).await.unwrap();
    }
    assert_eq!(websocket.next().await, text(&owed));
    assert_eq!(websocket.next().await, text("behind"));
    assert_eq!(websocket.next().await, close(1002, "Protocol error"));
    assert_eq!(websocket.next().await, Sent::End);
}

/// An end of the application's own does not make a peer understood that breaks the rules then.
#[tokio::test(start_paused = true)]
async fn a_violation_behind_the_applications_close_ends_the_connection() {
    let start = Instant::now();
    let (server, mut sessions) = Server::plain(|mount| mount);
    let mut websocket = server.websocket_over("/", 1024).await;
    let session = sessions.recv().await.unwrap();
    let owed = "x".repeat(10_000);
    session.try_send(&*owed).unwrap();
    session.close(3000, "over");
    rest().await;
    let (refused, begun) = forgery("forged");
    websocket.stream.write_all(&refused).await.unwrap();
    rest().await;
    assert_eq!(websocket.next().await, text(&owed));
    assert_eq!(websocket.next().await, close(3000, "over"));
    websocket.stream.write_all(&begun).await.unwrap();
    let mut rest = Vec::new();
    let end = websocket.stream.read_to_end(&mut rest).await;
    assert_eq!((end.unwrap(), rest), (0, vec![]));
    assert_eq!(
        since(start),
        0,
        "an answer is waited for that is not understood"
    );
}
