//! Going over from polling to a WebSocket, as engine.io-client does.

use futures_util::FutureExt;
use tokio::sync::oneshot;

use super::link::{Link, Out};
use crate::{
    Message,
    engineio::Transport,
    test::{
        Error, Violation,
        error::excerpt,
        websocket::{self, Reader},
    },
};

/// Asks the task that polls to rest, once its poll has been answered.
#[derive(Debug)]
pub(super) struct Move {
    /// Told when no poll is under way.
    pub(super) rests: oneshot::Sender<()>,
    /// The WebSocket to go on with; when that does not come, polling goes on.
    pub(super) outcome: oneshot::Receiver<Box<Reader>>,
}

impl Link {
    /// Probes a WebSocket, lets the requests under way end, and goes over.
    pub(in crate::test) async fn upgrade(&self) -> Result<(), Error> {
        let visit = &self.visit;
        let query = self.query(Transport::WebSocket);
        let path = visit.in_mount("/");
        let (mut reader, mut writer) = websocket::connect(visit, &path, Some(query)).await?;
        // How the server ended it is read.
        let _ = writer.send("2probe".into()).await;
        let answer = reader.message().await.map_err(not_upgraded)?;
        if answer != Message::from("3probe") {
            return Err(unexpected(&answer).into());
        }
        // With this no POST is under way, and none begins.
        let mut out = self.out.lock().await;
        if let Out::WebSocket(_) = *out {
            // Only one probe can win, and this one is not it.
            return Err(unexpected(&answer).into());
        }
        let (rests, is_resting) = oneshot::channel();
        let (over, outcome) = oneshot::channel();
        let asked = self.moves.send(Move { rests, outcome }).await;
        asked.map_err(|_| Error::Disconnected)?;
        is_resting.await.map_err(|_| Error::Disconnected)?;
        match reader.message().now_or_never() {
            None => {}
            Some(Ok(early)) => return Err(unexpected(&early).into()),
            Some(Err(error)) => return Err(not_upgraded(error)),
        }
        writer.send("5".into()).await?;
        *out = Out::WebSocket(writer);
        self.note_upgraded();
        // Nobody takes it if the session has been dropped meanwhile.
        let _ = over.send(Box::new(reader));
        Ok(())
    }
}

fn not_upgraded(error: Error) -> Error {
    match error {
        Error::Closed(close) => Error::NotUpgraded(close),
        other => other,
    }
}

fn unexpected(message: &Message) -> Violation {
    Violation::Probe {
        got: excerpt(message.as_bytes()),
    }
}
