//! What a review found.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use futures_util::FutureExt;
use sockeye_tower::{CloseReason, EngineIo, MountService, Session};
use tokio::{
    io::AsyncWriteExt,
    sync::{mpsc, oneshot, watch},
};
use tower::Service;

use crate::{
    client::{Connection, Sent, masked},
    support::{Server, Sessions, as_text, pass, rest},
};

/// engine.io-client that is closed within its upgrade says `5` and closes right behind it.
#[tokio::test(start_paused = true)]
async fn a_close_right_behind_the_upgrade_ends_the_connection() {
    let server = Server::echoing(|mount| mount);
    let client = server.open().await;
    let mut socket = client.probed().await;
    let frames = [masked(0x81, b"5"), masked(0x88, b"")].concat();
    socket.stream.write_all(&frames).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(600), async {
        while socket.next().await != Sent::End {}
    });
    assert!(end.await.is_ok(), "the connection is held for ever");
}

/// As above, where the handler goes on for a while after the end.
#[tokio::test(start_paused = true)]
async fn a_close_right_behind_the_upgrade_is_answered_while_the_handler_goes_on() {
    let server = Server::new(EngineIo::new(async |mut session: Session| {
        while session.recv().await.is_some() {}
        std::future::pending::<()>().await;
    }));
    let client = server.open().await;
    let mut socket = client.probed().await;
    let frames = [masked(0x81, b"5"), masked(0x88, b"")].concat();
    socket.stream.write_all(&frames).await.unwrap();
    assert_eq!(socket.next().await, Sent::Close(None));
    let end = tokio::time::timeout(Duration::from_secs(600), socket.next());
    assert_eq!(end.await, Ok(Sent::End), "the connection is held for ever");
}

#[tokio::test(start_paused = true)]
async fn a_violation_in_the_read_of_the_upgrade_ends_the_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(1000));
    let violations = [
        (masked(0x81, &[b'4'; 2000]), 1009),
        // Not masked.
        (vec![0x81, 2, b'4', b'a'], 1002),
    ];
    for (violation, code) in violations {
        let client = server.open().await;
        let session = sessions.recv().await.unwrap();
        let mut socket = client.probed().await;
        let frames = [masked(0x81, b"5"), violation].concat();
        socket.stream.write_all(&frames).await.unwrap();
        rest().await;
        let reason = session.close_reason();
        assert!(
            matches!(reason, Some(CloseReason::Violation(_))),
            "{code}: {reason:?}"
        );
        assert_eq!(socket.next().await, Sent::Close(Some(code)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_the_peer_closes_is_closed_once() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let mut socket = client.probed().await;
    socket.send(0x88, &1000_u16.to_be_bytes()).await;
    let mut closes = Vec::new();
    loop {
        match socket.next().await {
            Sent::End => break,
            sent => closes.push(sent),
        }
    }
    assert_eq!(closes, [Sent::Close(Some(1000))]);
}

/// A second probe begins in the poll of the driver that gave up the first: both wait in one place.
#[tokio::test(start_paused = true)]
async fn a_probe_given_up_as_the_next_begins_is_closed() {
    type Request = http::Request<hyper::body::Incoming>;
    type Answer = oneshot::Sender<http::Response<sockeye_tower::Body>>;
    let (held, mut holding) = mpsc::unbounded_channel::<(Request, Answer)>();
    let (act, when) = watch::channel(None);
    // A mount whose handler answers the held request itself, within its driver's poll.
    let slot: Arc<Mutex<Option<(Request, Answer)>>> = Arc::default();
    let own: Arc<OnceLock<MountService>> = Arc::default();
    let server = {
        let (slot, own) = (slot.clone(), own.clone());
        let handler = move |session: Session| {
            let (slot, own, mut when) = (slot.clone(), own.clone(), when.clone());
            async move {
                let at = when.wait_for(Option::is_some).await.unwrap().unwrap();
                tokio::time::sleep_until(at).await;
                let (request, answer) = slot.lock().unwrap().take().unwrap();
                let response = own.get().unwrap().clone().call(request);
                let response = response.now_or_never().unwrap().unwrap();
                assert_eq!(response.status(), 101);
                answer.send(response).unwrap();
                std::future::pending::<()>().await;
                drop(session);
            }
        };
        Server::new(EngineIo::new(handler).ping_interval(Duration::from_secs(600)))
    };
    let _ = own.set(server.service.clone());
    let client = server.open().await;
    // The second probe's request waits outside the mount.
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let service = hyper::service::service_fn(move |request: Request| {
        let (answer, answered) = oneshot::channel();
        held.send((request, answer)).unwrap();
        answered
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(hyper_util::rt::TokioIo::new(theirs), service)
        .with_upgrades();
    tokio::spawn(connection);
    let mut second = Connection::new(ours);
    second
        .send_handshake("GET", &client.upgrade_query(), "")
        .await;
    *slot.lock().unwrap() = holding.recv().await;
    let mut first = client.probe().await;
    let given_up = tokio::time::Instant::now() + Duration::from_secs(10);
    act.send(Some(given_up)).unwrap();
    assert_eq!(second.answer().await.status, 101);
    assert_eq!(tokio::time::Instant::now(), given_up);
    pass(3600).await;
    let close = first.next().now_or_never();
    assert_eq!(close, Some(Sent::Close(None)));
}

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
