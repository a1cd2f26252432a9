//! The task that receives: poll after poll, or what a WebSocket brings.

use std::{pin::pin, sync::Arc};

use futures_util::future::select;
use tokio::sync::mpsc;

use super::{
    beat::beat,
    link::{Link, is_unknown},
    open::packet,
    packets, polling,
    upgrade::Move,
};
use crate::{
    engineio::Transport,
    test::{
        Error, Frame,
        queue::Queue,
        websocket::{NO_CODE, Reader},
    },
};

#[derive(Debug)]
pub(in crate::test) struct Receiving {
    link: Arc<Link>,
    source: Source,
    moves: mpsc::Receiver<Move>,
    /// What came with the handshake.
    first: Vec<Frame>,
}

#[derive(Debug)]
pub(super) enum Source {
    Polling,
    WebSocket(Box<Reader>),
}

impl Receiving {
    pub(super) fn new(
        link: Arc<Link>,
        source: Source,
        moves: mpsc::Receiver<Move>,
        first: Vec<Frame>,
    ) -> Self {
        Self {
            link,
            source,
            moves,
            first,
        }
    }

    /// Receives until the session's end, which it gives.
    pub(in crate::test) async fn run(self, queue: &Queue) -> Error {
        let link = self.link.clone();
        let (receiving, beating) = (pin!(self.receive(queue)), pin!(beat(&link, queue)));
        select(receiving, beating).await.factor_first().0
    }

    async fn receive(mut self, queue: &Queue) -> Error {
        let mut frames = std::mem::take(&mut self.first);
        loop {
            for frame in frames {
                if frame == Frame::Heartbeat {
                    self.link.heard.notify_one();
                }
                let close = match &frame {
                    Frame::Close(close) => Some(close.clone()),
                    _ => None,
                };
                queue.push(frame).await;
                if let Some(close) = close {
                    return Error::Closed(close);
                }
            }
            if let Source::Polling = self.source {
                if self.link.is_leaving() {
                    return Error::Closed(NO_CODE);
                }
                self.rest().await;
            }
            frames = match self.next().await {
                Ok(frames) => frames,
                Err(error) => return error,
            };
        }
    }

    /// Lets an upgrade have its time between two polls.
    async fn rest(&mut self) {
        let Ok(Move { rests, outcome }) = self.moves.try_recv() else {
            return;
        };
        let _ = rests.send(());
        // One that was given up changes nothing.
        if let Ok(reader) = outcome.await {
            self.source = Source::WebSocket(reader);
        }
    }

    async fn next(&mut self) -> Result<Vec<Frame>, Error> {
        let Link { visit, options, .. } = &*self.link;
        match &mut self.source {
            Source::Polling => {
                let query = self.link.query(Transport::Polling);
                let packets = match polling::get(visit, options, query).await {
                    // The goodbye was there before this poll.
                    Err(Error::Refused(response))
                        if self.link.is_leaving() && is_unknown(&response) =>
                    {
                        return Err(Error::Closed(NO_CODE));
                    }
                    packets => packets?,
                };
                Ok(packets::frames(options, Transport::Polling, packets)?)
            }
            Source::WebSocket(reader) => {
                let packet = packet(reader, options).await?;
                Ok(packets::frames(options, Transport::WebSocket, [packet])?)
            }
        }
    }
}
