//! websocket-multiplex: many channels over one session.

use std::{
    collections::BTreeMap,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;
use sockeye_core::{
    Message, Text, limits,
    session::{Inbox, Outgoing, QueueLimits},
    sockjs::multiplex::{Command, Event, MAX_CHANNELS, Multiplexer, escape},
};

use crate::{BoxFuture, Handler, SendError, Sender, Session};

/// A handler that shares each session among channels, as the websocket-multiplex clients do.
///
/// Each channel looks like a connection to its own handler. A client that asks for a channel nobody
/// registered is ignored, as the convention has it.
///
/// # Example
///
/// ```
/// use sockeye_tower::{SockJs, multiplex::{Channel, Multiplex}};
///
/// async fn echo(mut channel: Channel) {
///     while let Some(text) = channel.recv().await {
///         if channel.send(text).await.is_err() { break }
///     }
/// }
///
/// let service = SockJs::new(Multiplex::new().channel("red", echo).channel("blue", echo)).service();
/// # let _ = service;
/// ```
#[derive(Clone, Default)]
pub struct Multiplex {
    channels: BTreeMap<Box<str>, Run>,
}

type Run = Arc<dyn Fn(Channel) -> BoxFuture<()> + Send + Sync>;

impl Multiplex {
    /// No channels yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a channel under the name that clients use; a later one of that name replaces it.
    #[must_use]
    pub fn channel<F, Fut>(mut self, topic: &str, handler: F) -> Self
    where
        F: FnOnce(Channel) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let run = move |channel| -> BoxFuture<()> { Box::pin(handler.clone()(channel)) };
        self.channels.insert(escape(topic).into(), Arc::new(run));
        self
    }
}

impl Handler for Multiplex {
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(async move {
            let mut hub = Hub {
                registered: self.channels,
                machine: Multiplexer::new(MAX_CHANNELS),
                open: BTreeMap::new(),
                handlers: FuturesUnordered::new(),
                sender: session.sender(),
                waiting: None,
            };
            hub.run(session).await;
        })
    }
}

impl fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.channels.keys()).finish()
    }
}

/// One channel of a session, to its handler. Dropping it closes the channel, never the session.
pub struct Channel {
    topic: Box<str>,
    sender: Sender,
    shared: Arc<Shared>,
}

impl Channel {
    /// The next message of this channel; `None` once the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is returned or stays.
    pub async fn recv(&mut self) -> Option<Text> {
        poll_fn(|cx| self.shared.poll_recv(cx)).await
    }

    /// Sends a message on this channel, waiting as [`Session::send`] does.
    ///
    /// # Errors
    ///
    /// [`SendError::Closed`] once the channel or its session is closed; else as [`Session::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped before it is ready, nothing was queued.
    pub async fn send(&self, message: impl Into<Text>) -> Result<(), SendError> {
        if !self.shared.lock().is_open {
            return Err(SendError::Closed);
        }
        let text = message.into();
        let command = Command::Message {
            topic: &self.topic,
            payload: &text,
        };
        self.sender.send(command.to_string()).await
    }

    /// The channel's name as it travels: escaped, if it has other characters than
    /// `A-Z a-z 0-9 @ * _ + - . /`.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The session that carries the channel.
    pub fn session(&self) -> &Sender {
        &self.sender
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if self.shared.close() {
            let command = Command::Unsubscribe { topic: &self.topic }.to_string();
            // Queued without waiting; if the session has ended nobody needs to know.
            let _ = self
                .sender
                .shared()
                .broadcast(Outgoing::Own(Message::from(command)));
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// What a channel shares with its session's hub.
#[derive(Debug, Default)]
struct Shared(Mutex<State>);

#[derive(Debug)]
struct State {
    is_open: bool,
    inbox: Inbox,
    reader: Option<Waker>,
    /// The hub, if it waits for room here.
    hub: Option<Waker>,
}

/// What a channel may leave untaken. Then the session is not read, so all its channels wait for
/// this one.
const INBOX: QueueLimits = QueueLimits {
    messages: 64,
    bytes: limits::INBOX_BYTES,
};

impl Default for State {
    fn default() -> Self {
        Self {
            is_open: true,
            inbox: Inbox::default(),
            reader: None,
            hub: None,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Text>> {
        let mut state = self.lock();
        if let Some(Message::Text(text)) = state.inbox.pop() {
            let hub = state.hub.take();
            drop(state);
            wake(hub);
            return Poll::Ready(Some(text));
        }
        if !state.is_open {
            return Poll::Ready(None);
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Hands a message over, unless the channel has enough for now. What is the last to come is
    /// handed over in any case, as its amount is bounded by the session's own inbox.
    fn poll_push(&self, cx: &Context<'_>, message: &Text, is_last: bool) -> Poll<()> {
        let mut state = self.lock();
        if !state.is_open {
            return Poll::Ready(());
        }
        if !is_last && !state.inbox.has_room(&INBOX) {
            state.hub = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.inbox.push(Message::Text(message.clone()));
        let reader = state.reader.take();
        drop(state);
        wake(reader);
        Poll::Ready(())
    }

    /// Closes the channel; whether it was open.
    fn close(&self) -> bool {
        let mut state = self.lock();
        let was_open = std::mem::replace(&mut state.is_open, false);
        let (reader, hub) = (state.reader.take(), state.hub.take());
        drop(state);
        wake(reader);
        wake(hub);
        was_open
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// One session's channels and their handlers, all in the session's own task.
struct Hub {
    registered: BTreeMap<Box<str>, Run>,
    machine: Multiplexer,
    open: BTreeMap<Box<str>, Arc<Shared>>,
    handlers: FuturesUnordered<BoxFuture<()>>,
    sender: Sender,
    /// A message whose channel has no room yet.
    waiting: Option<(Arc<Shared>, Text)>,
}

impl Hub {
    /// Runs until the session has ended and every channel's handler is done.
    async fn run(&mut self, session: Session) {
        let mut session = Some(session);
        poll_fn(|cx| {
            loop {
                while let Poll::Ready(Some(())) = Pin::new(&mut self.handlers).poll_next(cx) {}
                let Some(open) = &mut session else {
                    return if self.handlers.is_empty() {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    };
                };
                if let Some((channel, message)) = &self.waiting {
                    // A channel that does not read must not hide the end from the others.
                    let has_ended = open.poll_ended(cx).is_ready();
                    if channel.poll_push(cx, message, has_ended).is_pending() {
                        return Poll::Pending;
                    }
                    self.waiting = None;
                }
                match Pin::new(open).poll_next(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some(message)) => self.handle(&message),
                    Poll::Ready(None) => {
                        session = None;
                        for channel in std::mem::take(&mut self.open).into_values() {
                            channel.close();
                        }
                    }
                }
            }
        })
        .await;
    }

    fn handle(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        // Channels that their handlers have closed meanwhile may be opened again.
        let machine = &mut self.machine;
        if let Some(Command::Subscribe { .. }) = Command::parse(text) {
            self.open.retain(|topic, channel| {
                let is_open = channel.lock().is_open;
                if !is_open {
                    machine.close(topic);
                }
                is_open
            });
        }
        let registered = &self.registered;
        match machine.handle_message(text, |topic| registered.contains_key(topic)) {
            None => {}
            Some(Event::Opened { topic }) => {
                let shared = Arc::new(Shared::default());
                self.open.insert(topic.into(), shared.clone());
                let channel = Channel {
                    topic: topic.into(),
                    sender: self.sender.clone(),
                    shared,
                };
                // Handlers of closed channels may still run; a client that opens and closes must not
                // pile them up. Dropping the channel tells the client that it is closed.
                let may_run = self.handlers.len() < MAX_CHANNELS;
                if let (Some(run), true) = (self.registered.get(topic), may_run) {
                    self.handlers.push(run(channel));
                }
            }
            Some(Event::Message { topic, payload }) => {
                if let Some(channel) = self.open.get(topic) {
                    self.waiting = Some((channel.clone(), text.slice_ref(payload)));
                }
            }
            Some(Event::Closed { topic }) => {
                if let Some(channel) = self.open.remove(topic) {
                    channel.close();
                }
            }
            Some(Event::Refused { topic }) => {
                let command = Command::Unsubscribe { topic }.to_string();
                let _ = self
                    .sender
                    .shared()
                    .broadcast(Outgoing::Own(Message::from(command)));
            }
        }
    }
}
