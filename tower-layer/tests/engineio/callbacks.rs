//! Mounts in the callback form: `on_open` first, then each message, and `on_close` once at every end.

use async_trait::async_trait;
use sockeye_tower::{CloseReason, EngineIo, Message, Sender, SessionEvents, Transport};
use tokio::sync::mpsc;

use crate::{
    client::{Sent, WebSocket},
    support::{Polling, Server, drain, pass, rest},
};

/// Tells every call, and does what messages ask for.
struct Told(mpsc::UnboundedSender<String>);

#[async_trait]
impl SessionEvents for Told {
    async fn on_open(&self, session: &Sender) {
        self.tell("open");
        if session.request().uri().contains("panic") {
            panic!("on_open of this test panics when asked to");
        }
        if session.request().uri().contains("greet") {
            session.send("welcome").await.unwrap();
        }
    }

    async fn on_message(&self, session: &Sender, message: Message) {
        let text = message.as_text().unwrap_or("bytes");
        self.tell(text);
        match text {
            "close" => session.close(3001, "asked to"),
            "panic" => panic!("on_message of this test panics when asked to"),
            "slow" => {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                self.tell("slow is done");
            }
            "where" => self.tell(&format!("{:?}", session.transport())),
            _ => session.send(message.clone()).await.unwrap(),
        }
    }

    async fn on_close(&self, session: &Sender, reason: CloseReason) {
        assert!(session.is_closed());
        assert_eq!(session.close_reason(), Some(reason.clone()));
        self.tell(&match reason {
            CloseReason::Application(close) => format!("closed by us {}", close.code),
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
    (Server::new(EngineIo::events(Told(sender))), Calls(receiver))
}

/// A session in each of the ways it can be connected.
enum Client {
    Polling(Polling),
    WebSocket(WebSocket),
}

const WAYS: [&str; 3] = ["polling", "upgraded", "websocket"];

impl Client {
    async fn open(server: &Server, way: &str) -> Self {
        match way {
            "polling" => Self::Polling(server.open().await),
            "upgraded" => Self::WebSocket(server.open().await.upgraded().await),
            _ => Self::WebSocket(server.open_websocket().await),
        }
    }

    async fn say(&mut self, packet: &str) {
        match self {
            Self::Polling(client) => {
                client.post(packet).await;
            }
            Self::WebSocket(socket) => socket.send_text(packet).await,
        }
    }

    /// Goes without a word.
    async fn vanish(self) {
        match self {
            Self::Polling(client) => drop(client.start_poll().await),
            Self::WebSocket(socket) => drop(socket),
        }
        rest().await;
    }
}

#[tokio::test(start_paused = true)]
async fn callbacks_come_one_after_another() {
    for way in WAYS {
        let (server, mut calls) = server();
        let mut client = Client::open(&server, way).await;
        for message in ["4slow", "4one", "bAQID", "4close", "4never"] {
            client.say(message).await;
        }
        pass(2).await;
        let told = calls.so_far().await;
        // What is there when a callback closes is still delivered; what comes later is not.
        let (last, before) = told.split_last().unwrap();
        assert_eq!(last, "closed by us 3001", "{way}");
        let expected = ["open", "slow", "slow is done", "one", "bytes", "close"];
        assert_eq!(before[..6], expected, "{way}");
        assert!(before[6..].iter().all(|it| it == "never"), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_is_the_same_session_to_them() {
    let (server, mut calls) = server();
    let client = server.open_with("EIO=4&greet=1").await;
    client.send("4where").await;
    let mut socket = client.probed().await;
    client.send("4meanwhile").await;
    socket.send_texts(&["5", "4where", "4later"]).await;
    for expected in ["4welcome", "4meanwhile", "4later"] {
        assert_eq!(socket.text().await, expected);
    }
    let (polling, websocket) = (Transport::Polling, Transport::WebSocket);
    assert_eq!(
        calls.so_far().await,
        [
            "open",
            "where",
            &format!("{polling:?}"),
            "meanwhile",
            "where",
            &format!("{websocket:?}"),
            "later"
        ]
    );
    socket.send_text("1").await;
    assert_eq!(calls.so_far().await, ["PeerClosed(None)"]);
    assert_eq!(server.handle.sessions(), 1, "until the socket is closed");
    socket.expect_close(None).await;
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
    assert!(calls.so_far().await.is_empty());
}

/// python-socketio #38, socket.io #2163 and #2297: the end was told late, twice, or never.
#[tokio::test(start_paused = true)]
async fn on_close_is_called_once_whatever_the_end() {
    for way in WAYS {
        let (server, mut calls) = server();
        let expected = async |calls: &mut Calls, reason: &str| {
            let told = calls.so_far().await;
            assert_eq!(told.first().map(String::as_str), Some("open"), "{way}");
            assert_eq!(told.last().map(String::as_str), Some(reason), "{way}");
            assert_eq!(told.iter().filter(|it| *it == reason).count(), 1);
            pass(1_000).await;
            assert_eq!(
                calls.so_far().await,
                <[&str; 0]>::default(),
                "{way} {reason}"
            );
        };
        let mut client = Client::open(&server, way).await;
        client.say("1").await;
        expected(&mut calls, "PeerClosed(None)").await;

        let mut client = Client::open(&server, way).await;
        client.say("x").await;
        let told = calls.so_far().await;
        assert!(told[1].starts_with("Violation("), "{told:?}");
        drop(client);

        Client::open(&server, way).await.vanish().await;
        expected(&mut calls, "Disconnected").await;

        // It stays silent.
        let client = Client::open(&server, way).await;
        pass(46).await;
        expected(&mut calls, "NoHeartbeat").await;
        drop(client);

        let client = Client::open(&server, way).await;
        drain(&server.handle);
        rest().await;
        drop(client);
        expected(&mut calls, "GoingAway").await;
        assert_eq!(server.handle.sessions(), 0, "{way}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_close_comes_after_a_panic_and_other_sessions_go_on() {
    let (server, mut calls) = server();
    let other = server.open().await;
    for way in WAYS {
        let mut client = Client::open(&server, way).await;
        client.say("4panic").await;
        assert_eq!(
            calls.so_far().await.last().map(String::as_str),
            Some("HandlerPanicked"),
            "{way}"
        );
        match client {
            Client::Polling(client) => assert_eq!(client.poll_text().await, "6\u{1e}1"),
            Client::WebSocket(mut socket) => {
                assert_eq!(socket.next().await, Sent::Close(Some(1011)));
            }
        }
    }
    let client = server.get("EIO=4&transport=polling&panic=1").await;
    assert_eq!(client.status, 200);
    assert_eq!(calls.so_far().await, ["open", "HandlerPanicked"]);
    other.send("4still here").await;
    assert_eq!(other.poll_text().await, "4still here");
    assert_eq!(calls.so_far().await, ["still here"]);
}
