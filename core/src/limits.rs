//! Every default of the core, with its unit and its reason.

use std::time::Duration;

/// Time between heartbeats: below every usual proxy's idle limit (30 s and more) and below the
/// 35 s after which sockjs-client gives up a jsonp poll.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(25);

/// How long a session without a receiver is kept; SockJS 0.3.3 names five seconds.
pub const DISCONNECT_DELAY: Duration = Duration::from_secs(5);

/// How long a WebSocket may stay silent after a heartbeat. sockjs-node's fixed 10 s.
pub const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an attached receiver may take nothing while something waits for it.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Messages that may wait for a receiver before `send` waits.
pub const OUTBOX_MESSAGES: usize = 4_096;

/// Bytes that may wait for a receiver before `send` waits: 1 MiB.
pub const OUTBOX_BYTES: usize = 1 << 20;

/// Messages that may wait before a broadcast closes the session that does not keep up.
pub const OUTBOX_HARD_MESSAGES: usize = 4 * OUTBOX_MESSAGES;

/// Bytes that may wait before a broadcast closes the session that does not keep up: 4 MiB.
pub const OUTBOX_HARD_BYTES: usize = 4 * OUTBOX_BYTES;

/// Messages the application may leave untaken before the peer is no longer read.
pub const INBOX_MESSAGES: usize = 1_024;

/// Bytes the application may leave untaken before the peer is no longer read: 128 KiB.
pub const INBOX_BYTES: usize = 128 << 10;

/// Bytes of one message, and of one `xhr_send` or `jsonp_send` body: 1 MiB.
pub const MESSAGE_BYTES: usize = 1 << 20;

/// Bytes that a body or a framed text may be longer than the longest message: the array, the quotes
/// and the form field around it.
pub const ENVELOPE_BYTES: usize = 1 << 10;

/// Messages in one array.
pub const MESSAGES_PER_ARRAY: usize = 10_000;

/// Packets in one Engine.IO polling payload: one of a single byte takes many times that in memory.
pub const PACKETS_PER_PAYLOAD: usize = 10_000;

/// Bytes of one Engine.IO message, and of one POST: what engine.io announces as `maxPayload`.
pub const MAX_PAYLOAD: usize = 1_000_000;

/// Frames one WebSocket message may be cut into. An empty fragment costs nothing in bytes, so a
/// limit in bytes alone would not end the message.
pub const FRAGMENTS_PER_MESSAGE: usize = 16_384;

/// Bytes of a session's or server's id in the URL.
pub const ID_LENGTH: usize = 128;

/// Bytes written to one streaming response before the client is made to reconnect: 128 KiB.
pub const RESPONSE_LIMIT: usize = 128 << 10;

/// Characters of a jsonp or htmlfile callback.
pub const CALLBACK_LENGTH: usize = 32;

/// Time between the pings of an Engine.IO session: Node's 25 s, below every usual proxy's idle limit.
pub const PING_INTERVAL: Duration = Duration::from_secs(25);

/// How long an Engine.IO ping may stay unanswered: Node's 20 s.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long an upgrade may take from the websocket's handshake on: Node's 10 s.
pub const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a closing Engine.IO session waits for a poll: Node's 30 s.
pub const CLOSING_TIMEOUT: Duration = Duration::from_secs(30);

/// Time between the noops that end a client's polls while it upgrades: Node's 100 ms.
pub const UPGRADE_NOOP_INTERVAL: Duration = Duration::from_millis(100);

/// POSTs that may end with a full inbox, where it is an upgrade that lets them in: the one that is in
/// flight when the client is answered, and those it sends before it hears of that.
pub const OVERFULL_POSTS: u8 = 4;

/// Time from the opening of a Socket.IO client's session to its first joined namespace: Node's 45 s.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(45);

/// How long the attachments of a Socket.IO packet may take to arrive.
pub const ATTACHMENTS_TIMEOUT: Duration = Duration::from_secs(60);

/// Attachments of one Socket.IO packet: what socket.io-parser 4.2.6 and newer take.
pub const ATTACHMENTS: usize = 10;

/// Bytes of all attachments of one Socket.IO packet: 10 MiB.
pub const ATTACHMENT_BYTES: usize = 10 << 20;

/// How often the bytes of a binary packet may be referred to by its placeholders, in sizes of the
/// packet: an attachment may be named twice, but not often enough to make much out of little.
pub const PLACEHOLDER_EXPANSION: usize = 2;

/// Elements of an event's or ack's array; some Node servers end at 200,000.
pub const EVENT_ARGUMENTS: usize = 1_024;

/// Bytes of a namespace's name, without a query.
pub const NAMESPACE_BYTES: usize = 255;

/// Namespaces that one Socket.IO client may have joined, or wait for.
pub const NAMESPACES_PER_CLIENT: usize = 32;

/// Arrays and objects within each other, at which JSON or msgpack is refused: `serde_json`'s own
/// limit, so that what was let through is never refused later.
pub const NESTING_DEPTH: usize = 128;

/// As [`NESTING_DEPTH`], for what other servers say: they put what a client sent into a few more.
pub const WRAPPED_NESTING_DEPTH: usize = NESTING_DEPTH + 16;

/// Fields of a query in the name of a namespace that older Socket.IO clients connect to: what Node
/// reads.
pub const NAMESPACE_QUERY_FIELDS: usize = 1_000;
