//! The handles that the application holds.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use futures_core::Stream;
use futures_sink::Sink;
use sockeye_core::{
    Message, Text, engineio,
    session::{Close, CloseReason, Outgoing},
};

use super::Shared;
use crate::{Request, SendError, SessionId, Transport, TrySendError};

/// One session with one peer, whatever transports carry it.
///
/// Dropping it closes the session normally (1000 `Normal closure`), after what was sent; a panic
/// that drops it closes with 1011 `Internal error`. In Engine.IO a normal close has no code: a poll
/// takes a close packet, and a WebSocket a bare close frame. It may be moved to another task; the
/// session lives as long as it does. It is also a `Stream` of messages and a `Sink` for them.
///
/// # Example
///
/// ```
/// use sockeye_tower::Session;
///
/// async fn echo(mut session: Session) {
///     while let Some(message) = session.recv().await {
///         if session.send(message).await.is_err() { break }
///     }
/// }
/// # let _ = sockeye_tower::SockJs::new(echo);
/// ```
pub struct Session {
    sender: Sender,
    /// Taken from the inbox in one piece, so that a burst costs one lock.
    taken: VecDeque<Message>,
}

/// Sends to one session from any task; cheap to clone.
///
/// It never keeps its session open: once the session has ended, sending is an error.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            sender: Sender { shared },
            taken: VecDeque::new(),
        }
    }

    /// The next message from the peer, in order; `None` once the session has ended and what
    /// arrived before is taken. [`close_reason`](Self::close_reason) then says why.
    ///
    /// While messages wait here, the peer's socket is not read and its sending requests are held:
    /// at most 1,024 messages or 128 KiB wait, besides those of one read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is returned or stays.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(crate) fn sender_ref(&self) -> &Sender {
        &self.sender
    }

    /// Ready once the session has ended, for whoever does not take what arrives: that may still be
    /// taken.
    pub fn poll_ended(&self, cx: &Context<'_>) -> Poll<()> {
        self.sender.shared.poll_ended(cx)
    }

    /// The next message, but only while a message sent then would not have to wait: for whoever
    /// answers each message, and would otherwise take more than the peer takes of the answers.
    ///
    /// As the stream, but it says `Pending` as well while 1 MiB or 4,096 messages wait for the peer.
    pub fn poll_recv_with_room(&mut self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let shared = &self.sender.shared;
        if !self.taken.is_empty() {
            // An end of the session leaves what has been taken.
            let _ = ready!(shared.poll_send_room(cx));
        } else if !ready!(shared.poll_take_with_room(cx, &mut self.taken)) {
            return Poll::Ready(None);
        }
        Poll::Ready(self.pop())
    }

    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Message>> {
        if self.taken.is_empty() && !ready!(self.sender.shared.poll_take(cx, &mut self.taken)) {
            return Poll::Ready(None);
        }
        Poll::Ready(self.pop())
    }

    fn pop(&mut self) -> Option<Message> {
        let message = self.taken.pop_front();
        if self.taken.is_empty() && self.taken.capacity() > KEPT_SLOTS {
            // A burst's memory is not kept by an idle session.
            self.taken = VecDeque::new();
        }
        message
    }

    /// Queues a message for the peer, waiting while 1 MiB or 4,096 messages wait already.
    ///
    /// A message is text, binary, an [`Event`](crate::Event) with a name and an id for event
    /// streams, or a [`Prepared`](crate::Prepared) one that many sessions share.
    ///
    /// What is queued is sent in the order of the calls. A queued message may still be lost when
    /// the peer vanishes.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] once the session has ended, [`SendError::Binary`] where the transport
    /// carries text alone, [`SendError::Separator`] for a text with U+001E where Engine.IO's polling
    /// would have to carry it, [`SendError::TooLarge`] above the mount's message size (but not in
    /// Engine.IO, where that limit is the peer's).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it is ready, nothing was queued.
    pub fn send(
        &self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        self.sender.send(message)
    }

    /// Queues a message for the peer if there is room now.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and [`TrySendError::Full`] with the message when it would wait.
    pub fn try_send(&self, message: impl Into<Outgoing>) -> Result<(), TrySendError> {
        self.sender.try_send(message)
    }

    /// Ends the session: what was sent before still goes out, then the close.
    ///
    /// `code` is 1000, or 3000 to 4999 for meanings of your own; `reason` is for people. The first
    /// close counts. Engine.IO has no place for either: its peers are told of the close alone, on
    /// polling by the next poll, which is waited for at most the mount's `closing_timeout`.
    ///
    /// Nothing in them may be confidential: on polling and streaming transports they are told to
    /// whoever asks with the id in the session's URL, whatever [`SockJs::on_request`] says.
    ///
    /// [`SockJs::on_request`]: crate::SockJs::on_request
    pub fn close(&self, code: u16, reason: impl Into<Text>) {
        self.sender.close(code, reason);
    }

    /// A handle for other tasks to send with.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The session's public name; not the id in its URL, which stays the client's secret.
    pub fn id(&self) -> SessionId {
        self.sender.id()
    }

    /// The transport of the latest receiver.
    pub fn transport(&self) -> Transport {
        self.sender.transport()
    }

    /// The request of the latest receiver: headers, peer address, extensions.
    ///
    /// With Engine.IO it is the request that opened the session: later ones hold its secret id.
    pub fn request(&self) -> Arc<Request> {
        self.sender.request()
    }

    /// What a hook attached to the session, by its type.
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.sender.data()
    }

    /// Moves the time until which the session is admitted; `None` for as long as it likes.
    ///
    /// At that time it is closed with 4401 `Credentials expired`. A handler calls this when its
    /// peer has shown fresh credentials, in a message, say. On a session that has ended it does
    /// nothing.
    pub fn admit_until(&self, until: impl Into<Option<Instant>>) {
        self.sender.admit_until(until);
    }

    /// Why the session ended; `None` while it is open.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.sender.close_reason()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A panic drops it while unwinding, before anyone can catch it.
        let reason = if std::thread::panicking() {
            CloseReason::HandlerPanicked
        } else {
            CloseReason::Application(Close::NORMAL)
        };
        self.sender.shared.close(reason);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl Stream for Session {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_recv(cx)
    }
}

impl Sink<Message> for Session {
    type Error = SendError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.sender.shared.poll_send_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        // `poll_ready` promised room; another task may have taken it, and then the message goes
        // beyond the soft limit rather than being lost.
        self.sender.shared.broadcast(Outgoing::Own(message))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        // What is queued is on its way; nothing waits for a flush.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.close(Close::NORMAL.code, Close::NORMAL.reason);
        Poll::Ready(Ok(()))
    }
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// As [`Session::send`].
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it is ready, nothing was queued.
    pub fn send(
        &self,
        message: impl Into<Outgoing>,
    ) -> impl Future<Output = Result<(), SendError>> + Send {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.shared.poll_send(cx, &mut message))
    }

    /// Queues a message without waiting: at the hard limit of its queue the session is closed as too
    /// slow, as by a broadcast.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn push(&self, message: impl Into<Outgoing>) -> Result<(), SendError> {
        self.shared.broadcast(message.into())
    }

    /// What [`send`](Self::send) is made of: takes the message, or remembers the task until there is
    /// room. Ready at once where there is no message.
    ///
    /// # Errors
    ///
    /// As [`Session::send`].
    pub fn poll_send(
        &self,
        cx: &Context<'_>,
        message: &mut Option<Outgoing>,
    ) -> Poll<Result<(), SendError>> {
        self.shared.poll_send(cx, message)
    }

    /// Ready while a `send` would not have to wait, and once the session has ended.
    pub fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.shared.poll_send_room(cx).map(drop)
    }

    /// Whether a message would go out at once: a receiver is attached and takes what it is given.
    pub fn is_writable(&self) -> bool {
        self.shared.peek(|state| state.machine.is_writable())
    }

    /// As [`Session::try_send`].
    ///
    /// # Errors
    ///
    /// As [`Session::try_send`].
    pub fn try_send(&self, message: impl Into<Outgoing>) -> Result<(), TrySendError> {
        self.shared.try_send(message.into())
    }

    /// As [`Session::close`].
    pub fn close(&self, code: u16, reason: impl Into<Text>) {
        self.shared
            .close(CloseReason::Application(Close::new(code, reason)));
    }

    /// As [`Session::id`].
    pub fn id(&self) -> SessionId {
        self.shared.id()
    }

    /// As [`Session::transport`].
    pub fn transport(&self) -> Transport {
        self.shared.peek(|state| state.transport)
    }

    /// As [`Session::request`].
    pub fn request(&self) -> Arc<Request> {
        self.shared.peek(|state| state.request.clone())
    }

    /// As [`Session::data`].
    pub fn data<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.shared.data()
    }

    /// As [`Session::admit_until`].
    pub fn admit_until(&self, until: impl Into<Option<Instant>>) {
        self.shared.admit_until(until.into());
    }

    /// As [`Session::close_reason`].
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.shared.close_reason()
    }

    /// Why an Engine.IO session ended, in that protocol's words; `None` while it is open, and for
    /// every other protocol.
    pub fn engineio_reason(&self) -> Option<engineio::Reason> {
        self.shared.engineio_reason()
    }

    /// The wire format of an Engine.IO session; `None` for every other protocol.
    pub fn engineio_revision(&self) -> Option<engineio::Revision> {
        self.shared.peek(|state| {
            state
                .machine
                .engineio_ref()
                .map(engineio::Session::revision)
        })
    }

    /// The id of an Engine.IO session of revision 3; `None` for all others, whose id is a secret.
    ///
    /// Clients of that revision (socket.io 1.x and 2.x) make the public ids of their sockets from it,
    /// and a server must come to the same. Whoever knows it can read and end the session.
    pub fn engineio_v3_id(&self) -> Option<Text> {
        self.data::<V3Id>().map(|id| id.0.clone())
    }

    /// Ends the session for a reason that is more than a code: for layers that run handlers of their
    /// own ([`CloseReason::HandlerPanicked`]) or speak a protocol of their own
    /// ([`CloseReason::Violation`]).
    pub fn end(&self, reason: CloseReason) {
        self.shared.close(reason);
    }

    /// Whether the session has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.peek(|state| !state.machine.is_open())
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// The id of a session of revision 3.
pub(crate) struct V3Id(pub(crate) Text);

/// Slots that `taken` keeps when empty.
const KEPT_SLOTS: usize = 16;
