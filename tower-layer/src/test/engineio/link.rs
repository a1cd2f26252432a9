//! What a session's client has to say, and where it goes.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sockeye_core::engineio::{Packet, PacketRef, Payload};
use tokio::sync::{Mutex, Notify, mpsc};

use super::{handshake::Handshake, options::Options, polling, upgrade::Move};
use crate::{
    Close, Message, Transport,
    engineio::{ErrorCode, Transport as Carrier},
    test::{Error, visit::Visit, websocket::Writer},
};

/// The sending side of a session, and what both sides know of each other.
#[derive(Debug)]
pub(in crate::test) struct Link {
    pub(super) visit: Arc<Visit>,
    pub(super) options: Options,
    pub(in crate::test) handshake: Handshake,
    /// Held for one request or write, as a client has only one POST at a time.
    pub(super) out: Mutex<Out>,
    /// How an upgrade reaches the task that polls.
    pub(super) moves: mpsc::Sender<Move>,
    /// A heartbeat came.
    pub(super) heard: Notify,
    has_heartbeats: AtomicBool,
    is_leaving: AtomicBool,
    is_upgraded: AtomicBool,
}

/// Where packets go.
#[derive(Debug)]
pub(super) enum Out {
    Polling,
    WebSocket(Writer),
}

impl Link {
    pub(super) fn new(
        visit: Arc<Visit>,
        options: Options,
        handshake: Handshake,
        out: Out,
    ) -> (Self, mpsc::Receiver<Move>) {
        let (moves, receiver) = mpsc::channel(1);
        let link = Self {
            visit,
            options,
            handshake,
            out: Mutex::new(out),
            moves,
            heard: Notify::new(),
            has_heartbeats: AtomicBool::new(options.has_heartbeats),
            is_leaving: AtomicBool::new(false),
            is_upgraded: AtomicBool::new(false),
        };
        (link, receiver)
    }

    /// The transport that carries the session now.
    pub(in crate::test) fn transport(&self) -> Transport {
        match self.is_upgraded.load(Ordering::Relaxed) {
            true => Transport::WebSocket,
            false => self.visit.transport,
        }
    }

    pub(super) fn note_upgraded(&self) {
        self.is_upgraded.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_heartbeats(&self) -> bool {
        self.has_heartbeats.load(Ordering::Relaxed)
    }

    pub(in crate::test) fn stop_heartbeats(&self) {
        self.has_heartbeats.store(false, Ordering::Relaxed);
    }

    /// Whether the client has said goodbye, and polls no more.
    pub(super) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    pub(super) fn query(&self, carrier: Carrier) -> String {
        let sid = crate::test::route::percent_encoded(&self.handshake.sid);
        self.options.query(carrier, Some(&sid))
    }

    /// Sends messages: in one payload, or a WebSocket message for each.
    pub(in crate::test) async fn send(&self, messages: Vec<Message>) -> Result<(), Error> {
        let packets: Vec<_> = messages.into_iter().map(Packet::Message).collect();
        self.send_packets(&packets).await
    }

    pub(super) async fn send_packets(&self, packets: &[Packet]) -> Result<(), Error> {
        let Options {
            revision, binary, ..
        } = self.options;
        let mut out = self.out.lock().await;
        match &mut *out {
            Out::WebSocket(writer) => {
                for packet in packets {
                    let frame = PacketRef::from(packet).frame(revision, binary);
                    writer.send(frame).await?;
                }
                Ok(())
            }
            // An empty payload is a mistake, and nothing is what was to be sent.
            Out::Polling if packets.is_empty() => Ok(()),
            Out::Polling => {
                let refs = || packets.iter().map(PacketRef::from);
                let form = Payload::of_answer(revision, binary, refs());
                if !refs().all(|packet| form.can_carry(packet)) {
                    return Err(Error::Separator);
                }
                let mut body = Vec::new();
                form.encode(refs(), &mut body);
                polling::post(self, form, body).await
            }
        }
    }

    /// Sends a text as it is: a POST's payload, or a WebSocket message.
    pub(in crate::test) async fn send_text(&self, text: &str) -> Result<(), Error> {
        let mut out = self.out.lock().await;
        match &mut *out {
            Out::WebSocket(writer) => writer.send(text.into()).await,
            Out::Polling => polling::post(self, self.options.text_form(), text.into()).await,
        }
    }

    /// Says goodbye; what the server makes of it is read.
    pub(in crate::test) async fn close(&self, close: &Close) -> Result<(), Error> {
        if let Out::WebSocket(writer) = &mut *self.out.lock().await {
            // A write may fail only because the server was faster.
            let _ = writer.close(close).await;
            return Ok(());
        }
        self.is_leaving.store(true, Ordering::Relaxed);
        match self.send_packets(&[Packet::Close]).await {
            Err(Error::Refused(response)) if is_unknown(&response) => Ok(()),
            other => other,
        }
    }
}

/// Whether a session has ended before the request that was refused came.
pub(super) fn is_unknown(response: &crate::test::Response) -> bool {
    response
        .engineio_error()
        .is_some_and(|(code, _)| code == ErrorCode::SessionUnknown)
}
