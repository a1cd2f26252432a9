//! A member of each kind, and what each sees of a message.

use sockeye::Session;

use crate::support::{Receiving, Server, Sessions, WebSocket};

/// The three mounts of an app.
pub(crate) struct App {
    pub(crate) sockjs: (Server, Sessions),
    pub(crate) plain: (Server, Sessions),
    pub(crate) streams: (Server, Sessions),
}

/// The peer's side of a member.
pub(crate) enum Peer {
    /// Polls of the session of that name.
    Polling(Server, &'static str),
    /// `xhr_streaming`, or an event stream.
    Streaming(Receiving),
    /// With SockJS frames, or without.
    WebSocket(WebSocket),
}

pub(crate) const KINDS: [&str; 5] = ["polling", "streaming", "framed", "raw", "events"];

impl App {
    /// Mounts that queue this many messages before `send` waits.
    pub(crate) fn new(messages: usize) -> Self {
        const BYTES: usize = 1 << 20;
        Self {
            sockjs: Server::handing_over(|mount| mount.outbox_limits(messages, BYTES)),
            plain: Server::plain(|mount| mount.outbox_limits(messages, BYTES)),
            streams: Server::streaming(|mount| mount.outbox_limits(messages, BYTES)),
        }
    }

    pub(crate) fn servers(&self) -> [&Server; 3] {
        [&self.sockjs.0, &self.plain.0, &self.streams.0]
    }

    /// A peer of that kind, past its opening, and its session. The pipe of a WebSocket holds
    /// `buffer` bytes.
    pub(crate) async fn peer(&mut self, kind: &str, buffer: usize) -> (Peer, Session) {
        let (sockjs, sessions) = &mut self.sockjs;
        match kind {
            "polling" => {
                assert_eq!(sockjs.poll("p").await, "o\n");
                let peer = Peer::Polling(sockjs.clone(), "p");
                (peer, sessions.recv().await.unwrap())
            }
            "streaming" => {
                let mut receiving = sockjs.receive("/0/s/xhr_streaming").await;
                receiving.next().await.unwrap();
                assert_eq!(receiving.next().await.unwrap(), "o\n");
                let session = sessions.recv().await.unwrap();
                (Peer::Streaming(receiving), session)
            }
            "framed" => {
                let websocket = sockjs.websocket_over("/0/w/websocket", buffer).await;
                let session = sessions.recv().await.unwrap();
                let mut peer = Peer::WebSocket(websocket);
                assert_eq!(peer.next().await, r#"Text("o")"#);
                (peer, session)
            }
            "raw" => {
                let (server, sessions) = &mut self.plain;
                let websocket = server.websocket_over("/", buffer).await;
                (Peer::WebSocket(websocket), sessions.recv().await.unwrap())
            }
            _ => {
                let (server, sessions) = &mut self.streams;
                let mut receiving = server.receive("/").await;
                receiving.next().await.unwrap();
                (Peer::Streaming(receiving), sessions.recv().await.unwrap())
            }
        }
    }
}

impl Peer {
    /// What comes next, as it is on the wire; `end` when nothing more does.
    pub(crate) async fn next(&mut self) -> String {
        match self {
            Self::Polling(server, session) => server.poll(session).await,
            Self::Streaming(receiving) => receiving.next().await.unwrap_or_else(|| "end".into()),
            Self::WebSocket(websocket) => format!("{:?}", websocket.next().await),
        }
    }
}

/// How texts that wait together look to a peer of that kind; a WebSocket without frames has one
/// after the other.
pub(crate) fn seen(kind: &str, texts: &[&str]) -> Vec<String> {
    let array = format!("a[\"{}\"]", texts.join("\",\""));
    match kind {
        "polling" | "streaming" => vec![array + "\n"],
        "framed" => vec![format!("Text({array:?})")],
        "raw" => texts.iter().map(|text| format!("Text({text:?})")).collect(),
        _ => vec![
            texts
                .iter()
                .map(|text| format!("data: {text}\n\n"))
                .collect(),
        ],
    }
}
