//! What is to be mended yet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Empty;
use sockeye_tower::{Accept, ConnectRequest, Event, EventStream, Session};
use tower::ServiceExt;

use crate::support::{Server, to};

/// A session whose poll is here is not abandoned, however long the hook takes over it.
#[tokio::test(start_paused = true)]
async fn a_slow_on_request_does_not_lose_the_session() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = opened.clone();
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .on_connect(async move |_: &ConnectRequest| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(Accept::new())
            })
            .on_request(async |_: &ConnectRequest| {
                tokio::time::sleep(Duration::from_secs(6)).await;
                Ok(Accept::new())
            })
    });
    assert_eq!(server.poll("s").await, "o\n");
    let session = sessions.recv().await.unwrap();
    session.send("waits").await.unwrap();
    let body = server.poll("s").await;
    assert_eq!(
        (body.as_str(), opened.load(Ordering::Relaxed)),
        ("a[\"waits\"]\n", 1)
    );
}

/// `TrySendError::Full` gives "the message" back: of an event it gives the data alone, and who sends
/// it again sends another event.
#[tokio::test(start_paused = true)]
async fn an_event_that_found_no_room_comes_back_whole() {
    let (told, mut results) = tokio::sync::mpsc::unbounded_channel();
    let service = EventStream::new(async move |session: Session| {
        session.try_send("first").unwrap();
        let event = Event::new("17.25").name("price").id("42");
        if let Err(sockeye_tower::TrySendError::Full(back)) = session.try_send(event) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            session.send(back).await.unwrap();
        }
        told.send(()).unwrap();
    })
    .outbox_limits(1, 1)
    .service();
    let request = to(http::Method::GET, "/")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let Ok(response) = service.oneshot(request).await;
    let body = tokio::spawn(crate::support::Receiving(response.into_body()).rest());
    results.recv().await.unwrap();
    let body = body.await.unwrap();
    assert!(
        body.contains("event: price\nid: 42\ndata: 17.25\n\n"),
        "{body}"
    );
}
