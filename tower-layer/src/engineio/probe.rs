//! A WebSocket that wants to take a session over from polling.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

use sockeye_core::engineio::{
    Binary, PacketRef, ProbeId, Probed, Reason, ReceiverId, Revision, Source, TransportError,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use super::websocket::{Batch, Packets, limits, put_packet};
use crate::{
    Transport,
    common::{Common, CommonConfig},
    session::Shared,
    transport::websocket::{Driver, End, Payload, Read, Socket, Wire, put_close, put_frame},
};

/// Goes through the dance, and starts the session's driver if it succeeds.
pub(super) async fn run<Io>(
    io: Io,
    shared: Arc<Shared>,
    common: Arc<Common>,
    probe: Option<ProbeId>,
    revision: Revision,
    binary: Binary,
) where
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut socket = Socket::new(io);
    let Some(id) = probe else {
        return close(socket, None, &common.config).await;
    };
    let mut dance = Dance {
        shared: &shared,
        id,
        revision,
        is_over: false,
    };
    let outcome = poll_fn(|cx| dance.poll(cx, &mut socket, &common.config)).await;
    dance.is_over = matches!(outcome, Outcome::Moved { .. });
    drop(dance);
    let (receiver, end) = match outcome {
        Outcome::Moved { receiver, end } => (receiver, end),
        Outcome::Stays { end } => return close(socket, end, &common.config).await,
    };
    // The session is ours; its task of up to now gives it to us.
    let Ok(running) = shared.succeed().await else {
        // That task has ended first, and the session with it.
        return close(socket, end, &common.config).await;
    };
    let wire = Packets {
        receiver,
        revision,
        binary,
    };
    // A task of its own: this one has room for the dance, which is over.
    tokio::spawn(Driver::over(socket, running, wire, end));
}

struct Dance<'a> {
    shared: &'a Shared,
    id: ProbeId,
    revision: Revision,
    is_over: bool,
}

/// What the dance came to.
///
/// With either comes why the last read was the last of the peer, if it was.
enum Outcome {
    /// The session has moved, and its machine knows of the end.
    Moved {
        receiver: ReceiverId,
        end: Option<End>,
    },
    /// The session stays where it is.
    Stays { end: Option<End> },
}

impl Dance<'_> {
    /// Ready once the session has moved, or when it stays.
    fn poll<Io: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket<Io>,
        config: &CommonConfig,
    ) -> Poll<Outcome> {
        loop {
            let goes_on = self.shared.update(|state| {
                Shared::set_probe(state, self.id, cx);
                let machine = state.machine.engineio();
                machine.is_some_and(|machine| machine.is_probing(self.id))
            });
            if !goes_on {
                return Poll::Ready(Outcome::Stays { end: None });
            }
            // A peer that takes no answer is not asked for more.
            if ready!(socket.poll_flush(cx)).is_err() {
                return Poll::Ready(Outcome::Stays { end: None });
            }
            let mut batch = Batch::new(self.revision);
            let read = socket.poll_read(cx, limits(config), |incoming| batch.take_in(incoming));
            let end = match ready!(read) {
                Read::Some => None,
                Read::End => Some(End::Lost),
                Read::Violation(close) => Some(End::Violation(close)),
            };
            let end = Packets::end(&mut batch).or(end);
            if let Some(outcome) = self.take(&mut batch, socket, end) {
                return Poll::Ready(outcome);
            }
        }
    }

    /// Takes in what a read brought and what it came to; `None` to go on.
    fn take<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        batch: &mut Batch,
        socket: &mut Socket<Io>,
        end: Option<End>,
    ) -> Option<Outcome> {
        let (id, revision) = (self.id, self.revision);
        self.shared.update(|state| {
            let now = state.now();
            let machine = state.machine.engineio()?;
            let mut packets = batch.packets();
            let mut moved = None;
            for packet in packets.by_ref() {
                match machine.handle_probe(id, &packet, now) {
                    Probed::Reply => {
                        let reply = PacketRef::Pong("probe");
                        put_packet(reply, revision, Binary::Bytes, socket.out());
                    }
                    Probed::Upgraded(receiver) => {
                        moved = Some(receiver);
                        break;
                    }
                    Probed::GiveUp => return Some(Outcome::Stays { end }),
                }
            }
            let Some(receiver) = moved else {
                drop(packets);
                let is_over = batch.is_broken() || end.is_some();
                return is_over.then_some(Outcome::Stays { end });
            };
            // What came with the last step is the session's.
            for packet in packets {
                machine.handle_packet(Source::WebSocket(receiver), packet, now);
            }
            if batch.is_broken() {
                machine.fail(Reason::ParseError, now);
            }
            match &end {
                None | Some(End::Lost) => {}
                Some(End::Peer(close)) => machine.handle_peer_close(close.clone()),
                Some(End::Violation(close)) => {
                    machine.fail(TransportError::Violation(close.clone()), now);
                }
            }
            state.transport = Transport::WebSocket;
            Some(Outcome::Moved { receiver, end })
        })
    }
}

impl Drop for Dance<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.shared.update(|state| {
                if let Some(machine) = state.machine.engineio() {
                    machine.end_probe(self.id);
                }
            });
        }
    }
}

/// Closes without a word, as nothing of the session concerns this WebSocket; a peer that broke the
/// rules is told which.
async fn close<Io: AsyncRead + AsyncWrite + Unpin>(
    mut socket: Socket<Io>,
    end: Option<End>,
    config: &CommonConfig,
) {
    match end {
        // The codec answers it, and that is our close.
        Some(End::Peer(_)) => {}
        Some(End::Violation(close)) => {
            socket.forget_replies();
            put_close(socket.out(), &close);
        }
        None | Some(End::Lost) => {
            socket.forget_replies();
            put_frame(socket.out(), Payload::Close, 0, |_| {});
        }
    }
    let goodbye = async {
        poll_fn(|cx| socket.poll_flush(cx)).await?;
        poll_fn(|cx| socket.poll_shutdown(cx)).await?;
        while poll_fn(|cx| socket.poll_discard(cx)).await {}
        std::io::Result::Ok(())
    };
    // In time or not, the connection ends here.
    let _ = timeout(config.close_timeout, goodbye).await;
}
