//! A WebSocket that wants to take a session over from polling.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
};

use sockeye_core::engineio::{
    Binary, PacketRef, ProbeId, Probed, Reason, ReceiverId, Revision, Source,
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
    transport::websocket::{Driver, End, Payload, Read, Socket, Wire, put_frame},
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
        return close(socket, &common.config).await;
    };
    let mut dance = Dance {
        shared: &shared,
        id,
        revision,
        is_over: false,
    };
    let receiver = poll_fn(|cx| dance.poll(cx, &mut socket, &common.config)).await;
    dance.is_over = receiver.is_some();
    drop(dance);
    let Some(receiver) = receiver else {
        return close(socket, &common.config).await;
    };
    // The session is ours; its task of up to now gives it to us.
    let Ok(running) = shared.succeed().await else {
        return;
    };
    let wire = Packets {
        receiver,
        revision,
        binary,
    };
    // A task of its own: this one has room for the dance, which is over.
    tokio::spawn(Driver::over(socket, running, wire));
}

struct Dance<'a> {
    shared: &'a Shared,
    id: ProbeId,
    revision: Revision,
    is_over: bool,
}

impl Dance<'_> {
    /// Ready with the receiver's name once the session has moved, or without one when it stays.
    fn poll<Io: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut Socket<Io>,
        config: &CommonConfig,
    ) -> Poll<Option<ReceiverId>> {
        loop {
            let goes_on = self.shared.update(|state| {
                Shared::set_probe(state, cx);
                let machine = state.machine.engineio();
                machine.is_some_and(|machine| machine.is_probing(self.id))
            });
            if !goes_on {
                return Poll::Ready(None);
            }
            // A peer that takes no answer is not asked for more.
            if ready!(socket.poll_flush(cx)).is_err() {
                return Poll::Ready(None);
            }
            let mut batch = Batch::new(self.revision);
            let read = socket.poll_read(cx, limits(config), |incoming| batch.take_in(incoming));
            let is_lost = match ready!(read) {
                Read::Some => false,
                Read::End | Read::Violation(_) => true,
            };
            if let Some(moved) = self.take(&mut batch, socket, is_lost) {
                return Poll::Ready(moved);
            }
        }
    }

    /// Takes in what a read brought; `None` to go on.
    fn take<Io: AsyncRead + AsyncWrite + Unpin>(
        &self,
        batch: &mut Batch,
        socket: &mut Socket<Io>,
        is_lost: bool,
    ) -> Option<Option<ReceiverId>> {
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
                    Probed::GiveUp => return Some(None),
                }
            }
            let Some(receiver) = moved else {
                drop(packets);
                return (batch.is_over() || is_lost).then_some(None);
            };
            // What came with the last step is the session's.
            for packet in packets {
                machine.handle_packet(Source::WebSocket(receiver), packet, now);
            }
            if batch.is_broken() {
                machine.fail(Reason::ParseError, now);
            }
            if let Some(End::Peer(close)) = Packets::end(batch) {
                machine.handle_peer_close(close);
            }
            state.transport = Transport::WebSocket;
            Some(Some(receiver))
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

/// Closes without a word, as nothing of the session concerns this WebSocket.
async fn close<Io: AsyncRead + AsyncWrite + Unpin>(mut socket: Socket<Io>, config: &CommonConfig) {
    put_frame(socket.out(), Payload::Close, 0, |_| {});
    let goodbye = async {
        poll_fn(|cx| socket.poll_flush(cx)).await?;
        poll_fn(|cx| socket.poll_shutdown(cx)).await?;
        while poll_fn(|cx| socket.poll_discard(cx)).await {}
        std::io::Result::Ok(())
    };
    // In time or not, the connection ends here.
    let _ = timeout(config.close_timeout, goodbye).await;
}
