//! Events between the servers of a cluster.

use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sockeye_core::Text;
use sockeye_rooms::PublishError;

use super::Namespace;
use crate::{
    BroadcastWithAck, EmitError,
    answers::Answers,
    call::{Call, Occasion, Of},
    handler::{Handler, Returned},
    listeners::{keep, run_all},
    packet::Packet,
    server_side::Question,
};

/// How long the answers of other nodes are awaited.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

impl Namespace {
    /// Calls `handler` for each event of this name that another node's
    /// [`server_side_emit`](Self::server_side_emit) sends.
    ///
    /// It may ask for [`Data`](crate::Data) and for an [`Ack`](crate::Ack); there is no socket.
    ///
    /// Handlers of one event are started in the order in which they were added, each event in a task
    /// of its own.
    ///
    /// # Panics
    ///
    /// The adapter that brings an event panics if it does so outside of a tokio runtime.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_socketio::{Ack, Data, Namespace, SocketIo};
    ///
    /// let io = SocketIo::new();
    /// io.of("/").on_server_side("count", async |namespace: Namespace, ack: Ack| {
    ///     ack.send(&namespace.sockets().len())
    /// });
    /// io.of("/").server_side_emit("count", &())?; // to the others, if there are any
    /// # Ok::<(), sockeye_socketio::EmitError>(())
    /// ```
    pub fn on_server_side<H, A>(&self, event: impl Into<Text>, handler: H)
    where
        H: Handler<A>,
        H::Output: Returned,
        A: 'static,
    {
        let event = event.into();
        let run = keep(handler, Some(event.clone()));
        self.0.own.on_server_side(event, run);
    }

    /// Sends an event to the application on every other node; never to this one, nor to clients.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the other nodes are not told.
    pub fn server_side_emit<T: Serialize + ?Sized>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> Result<(), EmitError> {
        self.announce(event.as_ref(), arguments, None)
    }

    /// As [`server_side_emit`](Self::server_side_emit), and waits for the answers of the other nodes,
    /// for 5 seconds at most. Alone there is none to wait for.
    ///
    /// # Errors
    ///
    /// As [`server_side_emit`](Self::server_side_emit).
    pub fn server_side_emit_with_ack<R, T>(
        &self,
        event: impl AsRef<str>,
        arguments: &T,
    ) -> BroadcastWithAck<R>
    where
        R: DeserializeOwned,
        T: Serialize + ?Sized,
    {
        let answers = Answers::new(ANSWERED_WITHIN);
        let sent = self.announce(event.as_ref(), arguments, Some(&answers));
        // This node is not asked.
        answers.node_asked(0);
        BroadcastWithAck::new(sent.map(|()| answers), ANSWERED_WITHIN)
    }

    fn announce<T: Serialize + ?Sized>(
        &self,
        event: &str,
        arguments: &T,
        answers: Option<&Answers>,
    ) -> Result<(), EmitError> {
        let parser = self.parser();
        let encoded = parser.encode_event(self.name(), None, event, arguments, None)?;
        let wanted = answers.map(|answers| (0, answers.clone()));
        let packet = Packet::new(encoded, Default::default(), parser.clone(), wanted);
        let told: Result<(), PublishError> = self.0.rooms.announce(packet);
        told.map_err(EmitError::Unpublished)
    }

    pub(super) fn hear(&self, packet: &Packet) {
        let Some(data) = packet.data() else { return };
        let runs = match data.event_name() {
            Some(name) => self.0.own.server_side(&name),
            None => Vec::new(),
        };
        if runs.is_empty() {
            return;
        }
        let call = Call {
            of: Of::Namespace(self.clone()),
            occasion: Occasion::ServerSide(Question::new(data, packet.answers().cloned())),
        };
        tokio::spawn(run_all(runs, call));
    }
}
