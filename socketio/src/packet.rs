//! An event for many sockets.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use sockeye_core::{
    Compression, Delivered, Delivery, Message, Prepared, Text,
    socketio::{
        Data, EncodeError, Encoded, Packet as Wire, PacketKind, ParserKind, ParserLimits, Value,
        is_reserved,
    },
};

use crate::{
    EmitError, Namespace, Socket, answers::Answers, emit::prepared, recovery::with_offset,
    unicast::compression,
};

/// An event for many sockets, encoded once; cheap to clone.
///
/// A server makes its own by [`Broadcast::emit`](crate::Broadcast::emit) and the like, and by
/// [`Namespace::packet`]. An adapter writes what [`data`](Self::data) gives in the format of its bus,
/// and makes a packet again of what comes from there: [`received`](Self::received).
#[derive(Clone)]
pub struct Packet(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    form: Form,
    /// Where answers go, if they are wanted.
    answers: Option<Answers>,
}

#[derive(Clone)]
enum Form {
    /// As this node's clients get it.
    Written {
        written: Written,
        parser: ParserKind,
    },
    /// As another node meant it, and as clients get it once the first of them does.
    Received {
        namespace: Text,
        data: Data,
        compression: Compression,
        written: OnceLock<Option<Written>>,
    },
}

#[derive(Clone)]
struct Written {
    prepared: Prepared,
    /// What answers carry.
    id: Option<u64>,
}

impl Packet {
    pub(crate) fn new(
        encoded: Encoded,
        compression: Compression,
        parser: ParserKind,
        answers: Option<(u64, Answers)>,
    ) -> Self {
        let (id, answers) = answers.unzip();
        let written = Written {
            prepared: prepared(encoded, compression),
            id,
        };
        Self(Arc::new(Inner {
            form: Form::Written { written, parser },
            answers,
        }))
    }

    /// An event that another node sent, for this node's sockets of the namespace or for its
    /// application: its name, and behind it its arguments.
    ///
    /// It is written when the first socket gets it, for all of them, by the parser of the server.
    ///
    /// # Errors
    ///
    /// When the data is no array with a name in front.
    ///
    /// # Example
    ///
    /// ```
    /// use sockeye_rooms::{Command, Local, Outcome, Selection};
    /// use sockeye_socketio::{EncodeError, Packet, Socket, Value, WireData};
    ///
    /// /// Sends to a room of this node what another node sent to it.
    /// fn arrive(local: &Local<Socket>, room: &str, event: Value) -> Result<Outcome, EncodeError> {
    ///     let packet = Packet::received("/chess", WireData::from_value(event))?;
    ///     Ok(local.apply(&Selection::room(room), &Command::Send(packet)))
    /// }
    /// ```
    pub fn received(namespace: impl Into<Text>, data: Data) -> Result<Self, EncodeError> {
        if data.event_name().is_none() {
            return Err(EncodeError::Serialize("an event without a name".into()));
        }
        Ok(Self(Arc::new(Inner {
            form: Form::Received {
                namespace: namespace.into(),
                data,
                compression: Compression::default(),
                written: OnceLock::new(),
            },
            answers: None,
        })))
    }

    /// The received event wants answers, which go there: those of clients, or the application's.
    pub fn wanting(self, answers: Answers) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        if let Form::Received { written, .. } = &mut inner.form {
            *written = OnceLock::new();
            inner.answers = Some(answers);
        }
        Self(Arc::new(inner))
    }

    /// Whether the received event may be compressed, as its sender said. Default: it may.
    pub fn compress(self, may: bool) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        if let Form::Received {
            compression: of_packet,
            written,
            ..
        } = &mut inner.form
        {
            *written = OnceLock::new();
            *of_packet = compression(may);
        }
        Self(Arc::new(inner))
    }

    /// The same event with an offset as its last argument, by which clients are recovered: for an
    /// adapter whose bus gives offsets.
    ///
    /// # Errors
    ///
    /// When the parser of the server cannot read what it wrote.
    pub fn with_offset(&self, offset: &str) -> Result<Self, EncodeError> {
        match &self.0.form {
            Form::Written { written, parser } => {
                let encoded = with_offset(parser, written.encoded(), offset)?;
                let compression = written.prepared.compression();
                let answers = written.id.zip(self.0.answers.clone());
                Ok(Self::new(encoded, compression, parser.clone(), answers))
            }
            Form::Received {
                namespace,
                data,
                compression,
                ..
            } => Ok(Self(Arc::new(Inner {
                form: Form::Received {
                    namespace: namespace.clone(),
                    data: behind(data, offset)?,
                    compression: *compression,
                    written: OnceLock::new(),
                },
                answers: self.0.answers.clone(),
            }))),
        }
    }

    /// The event's name and arguments: for an adapter that writes them in another format.
    ///
    /// It costs a reading of what was written, so ask once. `None` where the server's parser cannot
    /// read its own.
    pub fn data(&self) -> Option<Data> {
        match &self.0.form {
            Form::Written { written, parser } => written.read(parser)?.data,
            Form::Received { data, .. } => Some(data.clone()),
        }
    }

    /// The namespace.
    pub fn namespace(&self) -> Text {
        match &self.0.form {
            Form::Written { written, parser } => written
                .read(parser)
                .map_or_else(Text::default, |wire| wire.namespace),
            Form::Received { namespace, .. } => namespace.clone(),
        }
    }

    /// Whether it may be compressed where a transport does that.
    pub fn may_be_compressed(&self) -> bool {
        let compression = match &self.0.form {
            Form::Written { written, .. } => written.prepared.compression(),
            Form::Received { compression, .. } => *compression,
        };
        compression == Compression::Allowed
    }

    /// Where answers go, if the event wants them.
    pub fn answers(&self) -> Option<&Answers> {
        self.0.answers.as_ref()
    }

    /// Bytes that it keeps, about; the same as long as it lives.
    pub(crate) fn weight(&self) -> usize {
        match &self.0.form {
            Form::Written { written, .. } => written.prepared.weight(),
            Form::Received { data, .. } => data.weight(),
        }
    }

    /// Queues it for one socket.
    pub(crate) fn deliver(&self, socket: &Socket, delivery: Delivery) -> Delivered {
        use sockeye_core::Member;
        if !socket.is_connected() {
            return Delivered::Closed;
        }
        let Some(written) = self.write(socket.namespace()) else {
            return Delivered::Skipped;
        };
        if let (Some(id), Some(answers)) = (written.id, &self.0.answers) {
            if socket.expect_shared(id, answers).is_err() {
                return Delivered::Skipped;
            }
        }
        if socket.hears_outgoing() {
            if let Some(data) = self.data() {
                socket.tell_outgoing(data);
            }
        }
        socket.sender().deliver(&written.prepared, delivery)
    }

    fn write(&self, by: &Namespace) -> Option<&Written> {
        match &self.0.form {
            Form::Written { written, .. } => Some(written),
            Form::Received {
                namespace,
                data,
                compression,
                written,
            } => {
                let write = || {
                    let is_reserved = data.event_name().is_none_or(|name| is_reserved(&name));
                    let id = self.0.answers.as_ref().map(|_| by.next_ack());
                    let packet = Wire {
                        kind: PacketKind::Event,
                        namespace: namespace.clone(),
                        id,
                        data: Some(data.clone()),
                    };
                    let encoded = match is_reserved {
                        true => Err(EncodeError::ReservedEventName),
                        false => by.parser().encode(&packet),
                    };
                    let encoded = encoded.map_err(EmitError::from);
                    let encoded = encoded.and_then(|encoded| by.sendable(encoded));
                    let encoded = encoded
                        .inspect_err(|error| tracing::warn!(%error, "an event of another node"));
                    Some(Written {
                        prepared: prepared(encoded.ok()?, *compression),
                        id,
                    })
                };
                written.get_or_init(write).as_ref()
            }
        }
    }
}

impl Written {
    fn encoded(&self) -> Encoded {
        let attachments = self.prepared.attachments().iter();
        Encoded {
            header: self.prepared.message().clone(),
            attachments: attachments
                .filter_map(|attachment| match attachment.message() {
                    Message::Binary(bytes) => Some(bytes.clone()),
                    Message::Text(_) => None,
                })
                .collect(),
        }
    }

    /// Reads back what was written, which nobody needs on the way to clients of this node.
    fn read(&self, parser: &ParserKind) -> Option<Wire> {
        let mut decoder = parser.decoder(ParserLimits::UNBOUNDED);
        let mut packet = None;
        for message in self.encoded().into_messages() {
            packet = decoder.decode(message).ok()?;
        }
        packet
    }
}

/// The data of an event, and an offset behind its arguments.
fn behind(data: &Data, offset: &str) -> Result<Data, EncodeError> {
    let value = data.to_value();
    let mut value = value.map_err(|error| EncodeError::Serialize(error.into()))?;
    if let Value::Array(elements) = &mut value {
        elements.push(offset.into());
    }
    Ok(Data::from_value(value))
}

impl PartialEq for Packet {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0.form, &other.0.form) {
            (Form::Written { written, .. }, Form::Written { written: other, .. }) => {
                written.prepared == other.prepared
            }
            _ => Arc::ptr_eq(&self.0, &other.0),
        }
    }
}

impl Eq for Packet {}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("bytes", &self.weight())
            .finish_non_exhaustive()
    }
}
