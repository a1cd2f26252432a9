//! An open session.

use std::{collections::VecDeque, fmt, sync::Arc};

use http::StatusCode;
use http_body_util::Full;
use sockeye_core::escape::quote_into;
use tokio::{
    sync::Mutex,
    task::{AbortHandle, JoinHandle},
};

use super::{
    Error, Frame, Handshake, Response, Violation,
    engineio::{Link, Opened},
    error::excerpt,
    queue::Queue,
    receiver::Receiver,
    route::Sending,
    visit::{Visit, check_content},
    websocket::{Reader, Writer},
};
use crate::{Close, Message, Transport};

/// A session as its client has it.
///
/// A task reads for it, as a browser does: it answers pings, polls again, and opens the next
/// stream when one ends at its limit. What arrives waits for the test, up to 1024 frames or 1 MiB
/// of messages; then nothing more is read, and the session is a slow peer. An Engine.IO session
/// answers the server's pings, or pings itself, and expects as much of the server.
///
/// Every method but [`close`](Self::close) and [`abort`](Self::abort) takes `&self`, so that a
/// test can wait for one thing while it does another; messages are sent one call after the other,
/// as they are by a browser. Dropping a session [aborts](Self::abort) it.
pub struct TestSession {
    visit: Arc<Visit>,
    queue: Arc<Queue>,
    /// Messages of a frame that `recv` has begun.
    messages: Mutex<VecDeque<Message>>,
    way: Way,
    _reading: Reading,
}

/// Where messages go.
enum Way {
    Frames(Mutex<Sender>),
    EngineIo(Arc<Link>),
}

/// What opening a session makes.
#[derive(Debug)]
pub(super) struct Parts {
    source: Source,
    first: Option<Frame>,
    sender: Sender,
}

#[derive(Debug)]
enum Source {
    Http(Box<Receiver>),
    WebSocket(Box<Reader>),
}

#[derive(Debug)]
enum Sender {
    Http(Option<Sending>),
    WebSocket(Box<Writer>),
}

impl Parts {
    pub(super) fn http(receiver: Receiver, first: Frame, sending: Option<Sending>) -> Self {
        Self {
            source: Source::Http(Box::new(receiver)),
            first: Some(first),
            sender: Sender::Http(sending),
        }
    }

    pub(super) fn websocket(reader: Reader, first: Option<Frame>, writer: Writer) -> Self {
        Self {
            source: Source::WebSocket(Box::new(reader)),
            first,
            sender: Sender::WebSocket(Box::new(writer)),
        }
    }
}

impl Source {
    async fn next(&mut self) -> Result<Frame, Error> {
        match self {
            Self::Http(receiver) => receiver.next().await,
            Self::WebSocket(reader) => reader.next().await,
        }
    }

    /// Reads until the session's end, which it gives.
    async fn run(mut self, queue: &Queue) -> Error {
        loop {
            match self.next().await {
                Ok(Frame::Close(close)) if matches!(self, Self::Http(_)) => {
                    queue.push(Frame::Close(close.clone())).await;
                    return Error::Closed(close);
                }
                // A WebSocket closes as such after its `c`.
                Ok(frame) => queue.push(frame).await,
                Err(error) => return error,
            }
        }
    }
}

impl TestSession {
    pub(super) fn start(visit: Arc<Visit>, parts: Parts) -> Result<Self, Error> {
        let queue = Arc::new(Queue::default());
        let Parts {
            source,
            first,
            sender,
        } = parts;
        if let Some(Frame::Close(close)) = first {
            return Err(Error::Closed(close));
        }
        let task = tokio::spawn({
            let queue = queue.clone();
            async move {
                if let Some(first) = first {
                    queue.push(first).await;
                }
                let end = source.run(&queue).await;
                queue.end(end);
            }
        });
        Ok(Self {
            visit,
            queue,
            messages: Mutex::default(),
            way: Way::Frames(Mutex::new(sender)),
            _reading: Reading::of(task),
        })
    }

    pub(super) fn over_engineio(visit: Arc<Visit>, opened: Opened) -> Self {
        let queue = Arc::new(Queue::default());
        let Opened { link, receiving } = opened;
        let task = tokio::spawn({
            let queue = queue.clone();
            async move {
                let end = receiving.run(&queue).await;
                queue.end(end);
            }
        });
        Self {
            visit,
            queue,
            messages: Mutex::default(),
            way: Way::EngineIo(link),
            _reading: Reading::of(task),
        }
    }

    /// How the session is carried; an Engine.IO session that was upgraded is on a WebSocket.
    pub fn transport(&self) -> Transport {
        match &self.way {
            Way::Frames(_) => self.visit.transport,
            Way::EngineIo(link) => link.transport(),
        }
    }

    /// The SockJS session's id in the URL, or the one that Engine.IO's server gave.
    pub fn id(&self) -> &str {
        match &self.way {
            Way::Frames(_) => &self.visit.id,
            Way::EngineIo(link) => &link.handshake.sid,
        }
    }

    /// What the server announced when it opened this Engine.IO session.
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn handshake(&self) -> &Handshake {
        &self.link("handshake").handshake
    }

    /// Takes this Engine.IO session from polling to a WebSocket, as its clients do: it probes the
    /// WebSocket while polling goes on, lets the requests under way end, and goes over. Whatever
    /// either side sends meanwhile arrives once and in order.
    ///
    /// # Errors
    ///
    /// When the server refuses the WebSocket, closes it again ([`Error::NotUpgraded`]), breaks the
    /// protocol or does not go on in time; the session then goes on polling, unless it has ended.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped gives the WebSocket up, and polling goes on.
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's, or is on a WebSocket already.
    pub async fn upgrade(&self) -> Result<(), Error> {
        let link = self.link("upgrade");
        assert!(
            link.transport() == Transport::Polling,
            "upgrade: this session is on a WebSocket already"
        );
        let upgraded = self.visit.client.in_time(link.upgrade()).await;
        self.explained(upgraded)
    }

    /// From now on answers no pings of Engine.IO's revision 4, and sends none in revision 3; see
    /// [`SessionBuilder::without_heartbeats`](super::SessionBuilder::without_heartbeats).
    ///
    /// # Panics
    ///
    /// When the session is none of Engine.IO's.
    pub fn stop_heartbeats(&self) {
        self.link("stop_heartbeats").stop_heartbeats();
    }

    fn link(&self, method: &str) -> &Link {
        match &self.way {
            Way::EngineIo(link) => link,
            Way::Frames(_) => panic!("{method}: this session is not Engine.IO's"),
        }
    }

    /// The answer that opened the session: its status and headers.
    pub fn opening(&self) -> Response {
        let opening = self.visit.heads().opening.clone();
        opening.expect("a session is opened by an answer")
    }

    /// The latest answer that receives: of the poll or stream under way, if its head is there.
    pub fn latest_received(&self) -> Response {
        let received = self.visit.heads().received.clone();
        received.expect("a session is opened by an answer")
    }

    /// The answer to the latest request that sent messages; none before one, and none on a
    /// WebSocket.
    pub fn latest_sent(&self) -> Option<Response> {
        self.visit.heads().sent.clone()
    }

    /// Heartbeats that arrived so far: `h` frames, on a raw WebSocket pings, in an event stream
    /// comments; from an Engine.IO server pings in revision 4, pongs in revision 3.
    pub fn heartbeats(&self) -> u64 {
        self.queue.heartbeats()
    }

    /// Sends one message; over HTTP the server has taken it when this returns.
    ///
    /// # Errors
    ///
    /// When the session has ended, or a request was refused or not answered in time, which leaves
    /// open whether the message arrived; for binary on a transport of text, and for a text with
    /// U+001E in it where Engine.IO's revision 4 polls.
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), Error> {
        self.send_all([message]).await
    }

    /// Sends messages in one array, or one payload of Engine.IO, however long that becomes; on a
    /// WebSocket without arrays (raw, or Engine.IO's) one after the other.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_all<M: Into<Message>>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<(), Error> {
        let messages: Vec<Message> = messages.into_iter().map(Into::into).collect();
        let sending = async {
            let mut sender = match &self.way {
                Way::Frames(sender) => sender.lock().await,
                Way::EngineIo(link) => return link.send(messages).await,
            };
            match &mut *sender {
                Sender::WebSocket(writer) if !writer.is_framed => {
                    for message in messages {
                        writer.send(message).await?;
                    }
                    Ok(())
                }
                sender => self.send_json(sender, &array(&messages)?).await,
            }
        };
        let sent = self.visit.client.in_time(sending).await;
        self.explained(sent)
    }

    /// Sends this text as it is, where [`send`](Self::send) would send a JSON array, or Engine.IO's
    /// payload or packet: to see what a server makes of a client that breaks the protocol.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_frame(&self, text: &str) -> Result<(), Error> {
        let sending = async {
            match &self.way {
                Way::Frames(sender) => self.send_json(&mut *sender.lock().await, text).await,
                Way::EngineIo(link) => link.send_text(text).await,
            }
        };
        let sent = self.visit.client.in_time(sending).await;
        self.explained(sent)
    }

    /// The next message, or the data of the next event. Other frames are passed over.
    ///
    /// # Errors
    ///
    /// When the session ends ([`Error::Closed`] if the server closed it), or no message comes in
    /// time. An end is told again by every later call.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped loses no message.
    pub async fn recv(&self) -> Result<Message, Error> {
        let receiving = async {
            loop {
                let mut messages = self.messages.lock().await;
                if let Some(message) = messages.pop_front() {
                    return Ok(message);
                }
                match self.queue.next().await? {
                    Frame::Messages(more) => messages.extend(more),
                    Frame::Event(event) => return Ok(Message::Text(event.data().clone())),
                    Frame::Open | Frame::Heartbeat | Frame::Close(_) => {}
                }
            }
        };
        self.visit.client.in_time(receiving).await
    }

    /// The next frame, whatever it says; a session's first is [`Frame::Open`], but for a raw
    /// WebSocket's.
    ///
    /// Messages of a frame that [`recv`](Self::recv) has begun are left to it.
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv); a `c` frame or a close packet is shown before it is an error.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped loses no frame.
    pub async fn recv_frame(&self) -> Result<Frame, Error> {
        self.visit.client.in_time(self.queue.next()).await
    }

    /// Waits until the server closes the session; messages that come before are dropped.
    ///
    /// Of a WebSocket that is closed without a `c` frame it is the WebSocket's close, with code
    /// 1005 if that has none. So it is of an Engine.IO session, whose close packet has no code
    /// either.
    ///
    /// # Errors
    ///
    /// When the session ends in another way, or does not end in time.
    pub async fn closed(&self) -> Result<Close, Error> {
        let ended = async { Ok(self.ended().await) };
        match self.visit.client.in_time(ended).await? {
            Error::Closed(close) => Ok(close),
            other => Err(other),
        }
    }

    /// Leaves as a page does that calls `close()`: with close 1000 on a WebSocket, whose answer is
    /// waited for; with Engine.IO's close packet where that polls, and the poll under way is
    /// answered. Elsewhere SockJS has no such word, and the receiving request is given up.
    ///
    /// # Errors
    ///
    /// When the server does not answer in time, or with anything else.
    pub async fn close(self) -> Result<(), Error> {
        self.close_with(1000, "").await
    }

    /// As [`close`](Self::close), with a code and a reason, which only a WebSocket carries.
    ///
    /// # Errors
    ///
    /// As [`close`](Self::close).
    pub async fn close_with(self, code: u16, reason: &str) -> Result<(), Error> {
        let closing = async {
            let close = Close::new(code, reason);
            match &self.way {
                Way::EngineIo(link) => link.close(&close).await?,
                Way::Frames(sender) => {
                    let Sender::WebSocket(writer) = &mut *sender.lock().await else {
                        return Ok(());
                    };
                    // How the session ended is read: a write may fail only because the answer was
                    // faster.
                    let _ = writer.close(&close).await;
                }
            }
            match self.ended().await {
                Error::Closed(_) => Ok(()),
                other => Err(other),
            }
        };
        self.visit.client.in_time(closing).await
    }

    /// Drops the connection as it is, without a goodbye, as a lost network does.
    pub fn abort(self) {}

    /// Lets everything pass until the session has ended.
    async fn ended(&self) -> Error {
        loop {
            if let Err(error) = self.queue.next().await {
                return error;
            }
        }
    }

    /// A write that failed tells less than the end that has been read.
    fn explained<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| match error {
            Error::Disconnected => self.queue.ended_by().unwrap_or(error),
            other => other,
        })
    }

    async fn send_json(&self, sender: &mut Sender, json: &str) -> Result<(), Error> {
        match sender {
            Sender::WebSocket(writer) => writer.send(json.into()).await,
            Sender::Http(Some(sending)) => self.post(*sending, json).await,
            Sender::Http(None) => Err(Error::OneWay),
        }
    }

    async fn post(&self, sending: Sending, json: &str) -> Result<(), Error> {
        let visit = &self.visit;
        let path = visit.in_session(sending.endpoint());
        let mut request = visit.request(http::Method::POST, &path, None);
        let (content_type, body) = sending.body(json);
        let content_type = http::HeaderValue::from_static(content_type);
        request
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, content_type);
        *request.body_mut() = Full::new(body.into());
        let exchange = visit.client.exchange(request).await?;
        let response = visit.client.whole(exchange).await?;
        visit.note_sent(&response);
        let (status, body) = match sending {
            Sending::Xhr => (StatusCode::NO_CONTENT, ""),
            Sending::Jsonp => (StatusCode::OK, "ok"),
        };
        if response.status() == status && response.text() == body {
            return Ok(check_content(
                response.headers(),
                "text/plain; charset=UTF-8",
            )?);
        }
        if !response.status().is_success() {
            return Err(Error::Refused(Box::new(response)));
        }
        Err(Violation::SendAnswer {
            status: response.status(),
            body: excerpt(response.body()),
        }
        .into())
    }
}

impl fmt::Debug for TestSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSession")
            .field("transport", &self.transport())
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// The task that reads; it ends with this, and the connection with it.
#[derive(Debug)]
struct Reading(AbortHandle);

impl Reading {
    fn of(task: JoinHandle<()>) -> Self {
        Self(task.abort_handle())
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Messages as a client sends them.
fn array(messages: &[Message]) -> Result<String, Error> {
    let mut json = vec![b'['];
    for (index, message) in messages.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        quote_into(message.as_text().ok_or(Error::Binary)?, &mut json);
    }
    json.push(b']');
    Ok(String::from_utf8(json).expect("quoted text is text"))
}
