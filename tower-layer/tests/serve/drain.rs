//! The end of a server.

use crate::client::Server;
use sockeye_tower::{DrainPolicy, Handle};
use std::time::Duration;

/// Longer than any test: a server that ends within it did not wait for its bound.
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_drain_closes_idle_connections_and_ends_the_server() {
    let handle = Handle::new();
    let server = Server::start(|serve| serve.handle(&handle)).await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    assert!(!idle.answer().await.closes());
    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    assert_eq!(idle.rest().await, "");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_waits_for_answers_in_progress_and_goes_on_accepting() {
    let handle = Handle::new();
    let mut server = Server::start(|serve| serve.handle(&handle)).await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    idle.answer().await;
    let mut waiting = server.connect().await;
    waiting.get("/hold").await;
    server.hears("/hold").await;

    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    // Its end shows that the server has heard.
    assert_eq!(idle.rest().await, "");
    for _ in 0..2 {
        let mut late = server.connect().await;
        late.get("/health").await;
        let answer = late.answer().await;
        assert_eq!(answer.body, "/health");
        assert!(answer.closes(), "{answer:?}");
        assert_eq!(late.rest().await, "");
    }
    // Says nothing, and so must not keep the server.
    let _silent = server.connect().await;

    assert!(!server.task.is_finished());
    server.release.add_permits(1);
    let answer = waiting.answer().await;
    assert_eq!(answer.body, "released");
    assert!(answer.closes(), "{answer:?}");
    assert_eq!(waiting.rest().await, "");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_waits_for_a_late_connections_answer() {
    let handle = Handle::new();
    let mut server = Server::start(|serve| serve.handle(&handle)).await;
    let mut early = server.connect().await;
    early.get("/hold").await;
    server.hears("/hold").await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    idle.answer().await;
    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    assert_eq!(idle.rest().await, "");
    let mut late = server.connect().await;
    late.get("/hold").await;
    server.hears("/hold").await;
    server.release.add_permits(2);
    assert_eq!(early.answer().await.body, "released");
    assert_eq!(late.answer().await.body, "released");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_has_said_nothing_when_the_drain_starts_can_still_ask() {
    let handle = Handle::new();
    let mut server = Server::start(|serve| serve.handle(&handle)).await;
    let mut fresh = server.connect().await;
    let mut waiting = server.connect().await;
    waiting.get("/hold").await;
    // The listener hands connections out in order: the fresh one has been accepted too.
    server.hears("/hold").await;
    let mut idle = server.connect().await;
    idle.get("/").await;
    idle.answer().await;
    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    assert_eq!(idle.rest().await, "");
    fresh.get("/health").await;
    let answer = fresh.answer().await;
    assert_eq!(answer.body, "/health");
    assert!(answer.closes(), "{answer:?}");
    server.release.add_permits(1);
    waiting.answer().await;
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_cuts_what_is_open_at_its_bound() {
    let handle = Handle::new();
    let mut server = Server::start(|serve| serve.handle(&handle)).await;
    let mut waiting = server.connect().await;
    waiting.get("/hold").await;
    server.hears("/hold").await;
    let _drained = handle.drain(DrainPolicy::new().bound(Duration::from_millis(10)));
    server.task.await.unwrap().unwrap();
    assert_eq!(waiting.rest().await, "");
}

#[tokio::test]
async fn a_server_whose_drain_was_started_before_it_ends_at_once() {
    let handle = Handle::new();
    let _drained = handle.drain(DrainPolicy::new().bound(NEVER));
    let server = Server::start(|serve| serve.handle(&handle)).await;
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn dropping_the_server_cuts_its_connections() {
    let mut server = Server::start(|serve| serve).await;
    let mut waiting = server.connect().await;
    waiting.get("/hold").await;
    server.hears("/hold").await;
    server.task.abort();
    assert_eq!(waiting.rest().await, "");
}
