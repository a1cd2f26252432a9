//! Coming back to where one was: what a namespace keeps for clients that lost their connection.
//!
//! ```text
//! emit, broadcast ──> offset, kept, delivered: under one lock, so that every client sees offsets grow
//! connection lost ──> id, rooms and data kept under the socket's secret
//! CONNECT with secret and offset ──> what was missed, then the answer: under that lock as well
//! ```

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sockeye_core::{
    Compression, Delivery, Message, Text, limits,
    socketio::{Data, Encoded, Packet as Wire, PacketKind, ParserKind, ParserLimits, Value},
};
use sockeye_rooms::{AppliedBy, Outcome, Selection};

use crate::{
    EmitError, Namespace, Reason, Socket, SocketId, clock::now, id::token, packet::Packet,
};

/// What is kept for clients that lost their connection, and for how long; see
/// [`Builder::recovery`](crate::Builder::recovery).
///
/// Each namespace keeps its own, in memory: a client has to come back to this node.
///
/// Kept of a client are its id, its rooms and its data ([`Socket::set_data`]); what it missed is sent
/// again in order, before anything newer: the events behind the last one that it got, and that are for
/// the rooms it was in when it left. Not kept are volatile events, those that want an answer, and
/// what [`Socket::insert`] put there. The connection's handler is called for it as for a new one, and
/// [`Socket::is_recovered`] tells them apart. Clients that left, or that were disconnected by the
/// server, come back as new ones; so do those that never got an event, and those before protocol 5.
///
/// # Protocol
///
/// CONNECT's answer has a secret `pid`, and each event's last argument is an offset; a client that
/// comes back sends both. Handlers at clients see the offset as one argument more.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use sockeye_socketio::{Recovery, Socket, SocketIo};
///
/// let recovery = Recovery::new().max_disconnection(Duration::from_secs(30)).max_bytes(4 << 20);
/// let io = SocketIo::builder().recovery(recovery).build();
/// io.of("/").on_connect(async |socket: Socket| {
///     if !socket.is_recovered() {
///         socket.join("lobby")?; // it is in its rooms already otherwise
///     }
///     Ok::<_, sockeye_socketio::BoxError>(())
/// });
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Recovery {
    max_disconnection: Duration,
    skip_middlewares: bool,
    max_packets: usize,
    max_bytes: usize,
    max_sessions: usize,
}

impl Recovery {
    /// Recovery with the defaults.
    pub fn new() -> Self {
        Self {
            max_disconnection: Duration::from_secs(120),
            skip_middlewares: true,
            max_packets: 10_000,
            max_bytes: 16 << 20,
            max_sessions: 10_000,
        }
    }

    /// How long a client may be away; then it comes back as a new one.
    ///
    /// Default: 2 minutes.
    pub fn max_disconnection(mut self, time: Duration) -> Self {
        self.max_disconnection = time;
        self
    }

    /// Whether a client that comes back passes the middlewares by, as it was let in before.
    ///
    /// Default: it does.
    pub fn skip_middlewares(mut self, skip: bool) -> Self {
        self.skip_middlewares = skip;
        self
    }

    /// Events kept for each namespace; the oldest go first, and who missed them comes back as a new
    /// client.
    ///
    /// Default: 10,000.
    pub fn max_packets(mut self, packets: usize) -> Self {
        self.max_packets = packets;
        self
    }

    /// Bytes of the events kept for each namespace; the oldest go first.
    ///
    /// Default: 16 MiB.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Clients kept for each namespace; the one that left first goes first.
    ///
    /// Default: 10,000.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }
}

impl Recovery {
    /// How long a client may be away.
    pub(crate) fn time(self) -> Duration {
        self.max_disconnection
    }
}

impl Default for Recovery {
    fn default() -> Self {
        Self::new()
    }
}

/// What one namespace keeps.
pub(crate) struct Store {
    options: Recovery,
    kept: Mutex<Kept>,
}

struct Kept {
    /// Tells this namespace's offsets from those of another life of the server.
    life: String,
    /// The number of the first packet that is kept.
    first: u64,
    packets: VecDeque<Sent>,
    bytes: usize,
    /// Clients that are here, by their secrets.
    present: HashMap<Box<str>, Socket>,
    /// Clients that are away.
    away: HashMap<Box<str>, Away>,
    /// Those, in the order in which they left. Some may have come back since.
    leaving: VecDeque<(Instant, Box<str>)>,
}

struct Sent {
    at: Instant,
    selection: Selection<SocketId>,
    packet: Packet,
}

/// What a client had that is away.
pub(crate) struct Away {
    since: Instant,
    id: SocketId,
    rooms: Vec<Text>,
    data: Option<Box<Value>>,
}

impl Away {
    fn of(socket: &Socket, since: Instant) -> Self {
        Self {
            since,
            id: socket.id().clone(),
            rooms: socket.namespace().rooms().rooms_of(socket),
            data: socket.kept_data(),
        }
    }
}

/// Bytes that a client may have missed and still come back: what its queue is sure to take at once.
/// Who missed more comes back as a new one.
const MISSED_BYTES: usize = limits::OUTBOX_HARD_BYTES / 2;

/// A client that comes back, and what it had.
pub(crate) struct Rejoining {
    pub(crate) id: SocketId,
    pub(crate) pid: Box<str>,
    pub(crate) data: Option<Box<Value>>,
    rooms: Vec<Text>,
    /// The number of the first packet that it has not seen.
    next: u64,
    /// When it left, which tells this absence from others.
    since: Instant,
}

impl Store {
    pub(crate) fn new(options: Recovery) -> Self {
        Self {
            options,
            kept: Mutex::new(Kept {
                life: token(),
                first: 0,
                packets: VecDeque::new(),
                bytes: 0,
                present: HashMap::new(),
                away: HashMap::new(),
                leaving: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn skips_middlewares(&self) -> bool {
        self.options.skip_middlewares
    }

    /// Whether nobody is here, and nobody away may still come back.
    pub(crate) fn is_empty(&self) -> bool {
        let mut kept = self.lock();
        kept.sweep(&self.options, now());
        kept.present.is_empty() && kept.away.is_empty()
    }

    /// Publishes an event, and sends it to this node's sockets.
    pub(crate) fn broadcast(
        &self,
        namespace: &Namespace,
        selection: Selection<SocketId>,
        encoded: Encoded,
        compression: Compression,
    ) -> Result<Outcome, EmitError> {
        let packet = Packet::new(encoded, compression, namespace.parser().clone(), None);
        // Without an offset, as the other nodes have their own; and not under the lock, as the
        // adapter is foreign code.
        let chosen = namespace.rooms().select(selection.clone());
        let mut outcome = Outcome::default();
        match chosen.publish(packet.clone()) {
            Ok(AppliedBy::Adapter) => outcome.deferred = true,
            Ok(AppliedBy::Rooms) => outcome = self.send(namespace, selection, &packet)?,
            Err(error) => {
                outcome = self.send(namespace, selection, &packet)?;
                outcome.unpublished = Some(error);
            }
        }
        Ok(outcome)
    }

    /// Sends an event with its offset to this node's sockets, and keeps it.
    pub(crate) fn send(
        &self,
        namespace: &Namespace,
        selection: Selection<SocketId>,
        packet: &Packet,
    ) -> Result<Outcome, EmitError> {
        let now = now();
        let mut kept = self.lock();
        kept.sweep(&self.options, now);
        let packet = packet.with_offset(&kept.offset(kept.next()))?;
        kept.push(&self.options, now, selection.clone(), packet.clone());
        // Still under the lock: what is delivered later has a later offset.
        Ok(namespace.rooms().select(selection).local().send(packet))
    }

    /// A new client is here.
    pub(crate) fn enter(&self, socket: &Socket) {
        if let Some(pid) = socket.pid() {
            self.lock().present.insert(pid, socket.clone());
        }
    }

    /// What a client has that is about to leave its rooms, if it may come back to them.
    pub(crate) fn leaving(&self, socket: &Socket, reason: Reason) -> Option<Away> {
        reason.is_recoverable().then(|| Away::of(socket, now()))
    }

    /// A client has left its rooms; what it had is kept if it may come back.
    pub(crate) fn left(&self, socket: &Socket, away: Option<Away>) {
        let Some(pid) = socket.pid() else { return };
        let mut kept = self.lock();
        let is_present = kept.present.get(&pid) == Some(socket);
        if !is_present {
            // Someone took its place before it was known to be gone: nothing of that is undone.
            return;
        }
        let gone = kept.present.remove(&pid);
        if let Some(away) = away {
            kept.keep(&self.options, pid, away);
        }
        drop(kept);
        drop(gone);
    }

    /// What a client that comes back had, if its secret and its offset are known.
    ///
    /// If it is here still, as its connection's end was not noticed, that connection is over now.
    pub(crate) fn find(&self, auth: &Data) -> Option<Rejoining> {
        let auth = auth.to_value().ok()?;
        let pid = auth.get("pid")?.as_str()?;
        let offset = auth.get("offset")?.as_str()?;
        let (rejoining, superseded) = {
            let mut kept = self.lock();
            kept.sweep(&self.options, now());
            let number = kept.number(offset)?;
            let superseded = match kept.present.get(pid).cloned() {
                // One that has gone already, sent away perhaps, tells of its own end.
                Some(socket) => {
                    let rooms = socket.supersede()?;
                    kept.present.remove(pid);
                    let away = Away {
                        rooms,
                        ..Away::of(&socket, now())
                    };
                    kept.keep(&self.options, pid.into(), away);
                    Some(socket)
                }
                None => None,
            };
            let away = kept.away.get(pid)?;
            if kept.missed(number + 1, away) > MISSED_BYTES {
                return None;
            }
            let rejoining = Rejoining {
                id: away.id.clone(),
                pid: pid.into(),
                data: away.data.clone(),
                rooms: away.rooms.clone(),
                next: number + 1,
                since: away.since,
            };
            (rejoining, superseded)
        };
        if let Some(socket) = superseded {
            socket.make_way();
        }
        Some(rejoining)
    }

    /// The client is back: it gets what it missed, then the answer to its CONNECT, and nothing comes
    /// between. `false` if what it missed is not kept any more, or somebody else came back in its
    /// stead while a middleware thought.
    pub(crate) fn rejoin(&self, socket: &Socket, rejoining: Rejoining, answer: Encoded) -> bool {
        let mut kept = self.lock();
        let away = kept.away.get(&rejoining.pid);
        let is_away = away.is_some_and(|away| away.since == rejoining.since);
        if !is_away || rejoining.next < kept.first {
            return false;
        }
        let own = Text::from(socket.id().as_str());
        let seen = usize::try_from(rejoining.next - kept.first).unwrap_or(usize::MAX);
        let missed = kept.packets.iter().skip(seen);
        let missed = missed.filter(|sent| is_for(&sent.selection, &own, &rejoining.rooms));
        for sent in missed {
            sent.packet.deliver(socket, Delivery::Reliable);
        }
        socket.client().send_now(answer);
        let rooms = socket.namespace().rooms();
        // It was in them before, so no limit is in the way.
        let _ = rooms.join_all(rejoining.rooms, socket);
        kept.away.remove(&rejoining.pid);
        kept.present.insert(rejoining.pid, socket.clone());
        true
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// The number of the next packet.
    fn next(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    fn offset(&self, number: u64) -> String {
        format!("{}-{number}", self.life)
    }

    /// The number of a packet that is kept, or was the last that went.
    fn number(&self, offset: &str) -> Option<u64> {
        let number = offset.strip_prefix(&*self.life)?.strip_prefix('-')?;
        let number: u64 = number.parse().ok()?;
        (number < self.next() && number + 1 >= self.first).then_some(number)
    }

    fn push(
        &mut self,
        options: &Recovery,
        at: Instant,
        selection: Selection<SocketId>,
        packet: Packet,
    ) {
        self.bytes += packet.weight();
        self.packets.push_back(Sent {
            at,
            selection,
            packet,
        });
        while self.packets.len() > options.max_packets || self.bytes > options.max_bytes {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(sent) = self.packets.pop_front() {
            self.bytes -= sent.packet.weight();
            self.first += 1;
        }
    }

    /// Bytes of what a client missed, from this number on.
    fn missed(&self, next: u64, away: &Away) -> usize {
        let seen = usize::try_from(next.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let own = Text::from(away.id.as_str());
        let packets = self.packets.iter().skip(seen);
        let missed = packets.filter(|sent| is_for(&sent.selection, &own, &away.rooms));
        missed.map(|sent| sent.packet.weight()).sum()
    }

    fn keep(&mut self, options: &Recovery, pid: Box<str>, away: Away) {
        let since = away.since;
        self.sweep(options, since);
        while self.away.len() >= options.max_sessions.max(1) {
            let Some((since, oldest)) = self.leaving.pop_front() else {
                break;
            };
            if self.is_away(&oldest, since) {
                self.away.remove(&oldest);
            }
        }
        if self.leaving.len() > 2 * self.away.len() + 16 {
            // Most have come back: who comes and goes all the time leaves no trail.
            let mut leaving = std::mem::take(&mut self.leaving);
            leaving.retain(|(since, pid)| self.is_away(pid, *since));
            self.leaving = leaving;
        }
        self.leaving.push_back((since, pid.clone()));
        self.away.insert(pid, away);
    }

    /// Whether this absence lasts: the client may have come back, and left again later.
    fn is_away(&self, pid: &str, since: Instant) -> bool {
        self.away.get(pid).is_some_and(|away| away.since == since)
    }

    /// Forgets what is too old.
    fn sweep(&mut self, options: &Recovery, now: Instant) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > options.max_disconnection;
        while self.packets.front().is_some_and(|sent| is_old(sent.at)) {
            self.forget_first();
        }
        while let Some((since, pid)) = self.leaving.front() {
            if !is_old(*since) {
                break;
            }
            let (since, pid) = (*since, pid.clone());
            if self.is_away(&pid, since) {
                self.away.remove(&pid);
            }
            self.leaving.pop_front();
        }
        if self.packets.is_empty() {
            self.packets = VecDeque::new();
        }
    }
}

/// Whether a packet was for a client of this id, which was in these rooms.
fn is_for(selection: &Selection<SocketId>, own: &Text, rooms: &[Text]) -> bool {
    let is_in = |room: &Text| room == own || rooms.contains(room);
    let is_chosen = selection.is_everyone() || selection.in_rooms().iter().any(is_in);
    let is_excepted = selection.excepted_rooms().iter().any(is_in)
        || selection
            .excepted()
            .iter()
            .any(|id| id.as_str() == own.as_str());
    is_chosen && !is_excepted
}

/// An event for one socket that is to be kept, before it has its offset.
#[derive(Debug)]
pub(crate) struct Unsent {
    encoded: Option<Encoded>,
    compression: Compression,
}

impl Unsent {
    pub(crate) fn new(encoded: Encoded, compression: Compression) -> Self {
        Self {
            encoded: Some(encoded),
            compression,
        }
    }

    /// Sends it, as a broadcast to the socket's own room.
    pub(crate) fn send(&mut self, socket: &Socket) -> Result<(), EmitError> {
        let namespace = socket.namespace();
        let (Some(store), Some(encoded)) = (namespace.recovery(), self.encoded.take()) else {
            return Ok(());
        };
        if !socket.is_connected() {
            return Err(EmitError::Disconnected);
        }
        let own = Selection::room(socket.id().as_str()).local();
        store.broadcast(namespace, own, encoded, self.compression)?;
        Ok(())
    }
}

/// The event with its offset as the last argument.
pub(crate) fn with_offset(
    parser: &ParserKind,
    encoded: Encoded,
    offset: &str,
) -> Result<Encoded, EmitError> {
    if let (ParserKind::Text, Message::Text(header)) = (parser, &encoded.header) {
        // An event's text ends with its array, which has a name at least.
        if let Some(open) = header.strip_suffix(']') {
            let header = format!("{open},\"{offset}\"]");
            return Ok(Encoded {
                header: Message::from(header),
                attachments: encoded.attachments,
            });
        }
    }
    let limits = ParserLimits {
        attachments: usize::MAX,
        attachment_bytes: usize::MAX,
        arguments: usize::MAX,
    };
    let mut decoder = parser.decoder(limits);
    let mut packet = None;
    for message in encoded.into_messages() {
        packet = decoder.decode(message).ok().flatten();
    }
    let Some(mut packet) = packet else {
        return Err(EmitError::Disconnected);
    };
    let value = packet.data.as_ref().and_then(|data| data.to_value().ok());
    let mut value = value.unwrap_or(Value::Null);
    if let Value::Array(elements) = &mut value {
        elements.push(Value::from(offset));
    }
    packet.data = Some(Data::from_value(value));
    debug_assert_eq!(packet.kind, PacketKind::Event);
    Ok(parser.encode(&Wire { ..packet })?)
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Store")
            .field("packets", &kept.packets.len())
            .field("away", &kept.away.len())
            .finish_non_exhaustive()
    }
}
