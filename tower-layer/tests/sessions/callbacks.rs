//! The callback form: the order of its calls, and `on_close` exactly once for every end.

use async_trait::async_trait;
use sockeye_tower::{Close, CloseReason, Message, Sender, SessionEvents, SockJs, Transport};
use tokio::sync::mpsc;

use crate::support::{Sent, Server, close, drain, pass, rest, text};

/// Tells every call, and does what messages ask for.
struct Told(mpsc::UnboundedSender<String>);

#[async_trait]
impl SessionEvents for Told {
    async fn on_open(&self, session: &Sender) {
        self.tell("open");
        if session.request().uri().contains("panic") {
            panic!("on_open of this test panics when asked to");
        }
    }

    async fn on_message(&self, session: &Sender, message: Message) {
        let text = message.as_text().unwrap();
        self.tell(text);
        match text {
            "close" => session.close(3001, "asked to"),
            "panic" => panic!("on_message of this test panics when asked to"),
            "slow" => {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                self.tell("slow is done");
            }
            _ => {}
        }
    }

    async fn on_close(&self, session: &Sender, reason: CloseReason) {
        assert!(session.is_closed());
        assert_eq!(session.close_reason(), Some(reason.clone()));
        self.tell(&match reason {
            CloseReason::Application(close) => format!("closed by us {}", close.code),
            CloseReason::PeerClosed(close) => {
                format!("closed by the peer {:?}", close.map(|close| close.code))
            }
            reason => format!("{reason:?}"),
        });
    }
}

impl Told {
    fn tell(&self, what: &str) {
        let _ = self.0.send(what.into());
    }
}

struct Calls(mpsc::UnboundedReceiver<String>);

impl Calls {
    /// What was called so far, once everything has come to rest.
    async fn so_far(&mut self) -> Vec<String> {
        rest().await;
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

fn server() -> (Server, Calls) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Server::new(SockJs::events(Told(sender))), Calls(receiver))
}

#[tokio::test(start_paused = true)]
async fn callbacks_come_one_after_another() {
    let (server, mut calls) = server();
    let mut websocket = server.websocket("/websocket").await;
    for message in ["slow", "one", "two", "close", "never"] {
        websocket.send_text(message).await;
    }
    pass(2).await;
    assert_eq!(
        calls.so_far().await,
        [
            "open",
            "slow",
            "slow is done",
            "one",
            "two",
            "close",
            "never",
            "closed by us 3001"
        ]
    );
    assert_eq!(websocket.next().await, close(3001, "asked to"));
}

#[tokio::test(start_paused = true)]
async fn on_close_hears_of_the_peers_close() {
    let (server, mut calls) = server();
    let mut websocket = server.websocket("/0/s/websocket").await;
    websocket.send_close(3005, "bye").await;
    assert_eq!(
        calls.so_far().await,
        ["open", "closed by the peer Some(3005)"]
    );
    websocket = server.websocket("/0/s/websocket").await;
    websocket.send(0x88, b"").await;
    assert_eq!(calls.so_far().await, ["open", "closed by the peer None"]);
}

#[tokio::test(start_paused = true)]
async fn on_close_hears_of_a_lost_connection_on_every_transport() {
    for transport in Transport::SOCKJS {
        let (server, mut calls) = server();
        let session = server.client().session("/").transport(transport);
        let session = session.open().await.unwrap();
        assert_eq!(calls.so_far().await, ["open"], "{transport}");
        session.abort();
        assert_eq!(calls.so_far().await, ["Disconnected"], "{transport}");
        assert_eq!(server.handle.sessions(), 0, "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_close_hears_of_an_expired_session_once() {
    let (server, mut calls) = server();
    assert_eq!(server.poll("s").await, "o\n");
    pass(4).await;
    assert_eq!(calls.so_far().await, ["open"]);
    pass(1).await;
    assert_eq!(calls.so_far().await, ["Expired"]);
    pass(1000).await;
    assert!(calls.so_far().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn on_close_hears_of_the_drain() {
    for transport in Transport::SOCKJS {
        let (server, mut calls) = server();
        let session = server.client().session("/").transport(transport);
        let session = session.open().await.unwrap();
        assert_eq!(calls.so_far().await, ["open"], "{transport}");
        drain(&server.handle);
        assert_eq!(calls.so_far().await, ["GoingAway"], "{transport}");
        assert_eq!(session.closed().await, Ok(Close::GOING_AWAY), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_close_comes_after_on_message_panicked_and_other_sessions_go_on() {
    let (server, mut calls) = server();
    let mut other = server.websocket("/websocket").await;
    let mut websocket = server.websocket("/0/s/websocket").await;
    websocket.send_text(r#"["one","panic","never"]"#).await;
    assert_eq!(
        calls.so_far().await,
        ["open", "open", "one", "panic", "HandlerPanicked"]
    );
    assert_eq!(websocket.next().await, text("o"));
    assert_eq!(websocket.next().await, text(r#"c[1011,"Internal error"]"#));
    assert_eq!(websocket.next().await, close(1011, "Internal error"));
    other.send_text("still here").await;
    assert_eq!(calls.so_far().await, ["still here"]);
    websocket.send_close(1011, "").await;
    assert_eq!(websocket.next().await, Sent::End);
    other.send_text("close").await;
    assert_eq!(other.next().await, close(3001, "asked to"));
    other.send_close(3001, "").await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn on_close_comes_after_on_open_panicked() {
    let (server, mut calls) = server();
    let first = server.receive("/0/s/xhr?panic").await.rest().await;
    assert_eq!(first, "o\n");
    assert_eq!(calls.so_far().await, ["open", "HandlerPanicked"]);
    assert_eq!(server.poll("s").await, "c[1011,\"Internal error\"]\n");
    assert!(calls.so_far().await.is_empty());
}
