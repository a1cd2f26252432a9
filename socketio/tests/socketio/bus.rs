//! Two servers and a bus between them, which carries plain values as a real one would, and moves only
//! when a test says so.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use sockeye_rooms::{
    Adapter, AppliedBy, Command, Delivery, FetchError, Fetched, Local, Outcome, PublishError,
    Selection,
};
use sockeye_socketio::{
    Answers, Builder, EncodeError, Packet, RemoteSocket, Socket, SocketId, Value, WireData,
};

use crate::support::Server;

/// A node's end of the bus, for the namespace `/`.
#[derive(Clone)]
pub(crate) struct Bus(Arc<Inner>);

struct Inner {
    applied_by: AppliedBy,
    here: OnceLock<Local<Socket>>,
    /// The other node, which is on the bus, too.
    there: OnceLock<Bus>,
    out: Mutex<VecDeque<Wire>>,
    /// How long answers were to be awaited.
    pub(crate) times: Mutex<Vec<Option<Duration>>>,
}

/// What is on the bus.
#[derive(Clone)]
pub(crate) struct Wire {
    rooms: Option<Vec<String>>,
    excepted: Vec<String>,
    is_volatile: bool,
    pub(crate) compress: bool,
    pub(crate) event: Value,
    answers: Option<Answers>,
    is_for_clients: bool,
}

/// Two servers, made alike.
pub(crate) fn two_servers(
    applied_by: AppliedBy,
    options: impl Fn(Builder) -> Builder,
) -> [(Server, Bus); 2] {
    let make = || {
        let bus = Bus(Arc::new(Inner {
            applied_by,
            here: OnceLock::new(),
            there: OnceLock::new(),
            out: Mutex::default(),
            times: Mutex::default(),
        }));
        let its_bus = bus.clone();
        let server = Server::with(|builder| options(builder.adapter(move |_| its_bus.clone())));
        (server, bus)
    };
    let (a, b) = (make(), make());
    assert!(a.1.0.there.set(b.1.clone()).is_ok());
    assert!(b.1.0.there.set(a.1.clone()).is_ok());
    [a, b]
}

impl Bus {
    /// What was published, which the bus keeps.
    pub(crate) fn published(&self) -> Vec<Wire> {
        self.0.out.lock().unwrap().iter().cloned().collect()
    }

    pub(crate) fn times(&self) -> Vec<Option<Duration>> {
        std::mem::take(&mut *self.0.times.lock().unwrap())
    }

    /// Brings what was published to the other node; tells how many clients each event reached there.
    pub(crate) fn carry(&self) -> Vec<usize> {
        let wires = std::mem::take(&mut *self.0.out.lock().unwrap());
        let carry = |wire: Wire| {
            if self.0.applied_by == AppliedBy::Adapter && wire.is_for_clients {
                self.arrive(&wire).unwrap();
            }
            self.0.there.get().unwrap().arrive(&wire).unwrap()
        };
        wires.into_iter().map(carry).collect()
    }

    pub(crate) fn arrive(&self, wire: &Wire) -> Result<usize, EncodeError> {
        let here = self.0.here.get().unwrap();
        let mut packet = Packet::received("/", WireData::from_value(wire.event.clone()))?;
        packet = packet.compress(wire.compress);
        if let Some(answers) = &wire.answers {
            let (back, is_for_clients) = (answers.clone(), wire.is_for_clients);
            packet = packet.wanting(Answers::handed_over(move |data| {
                if !is_for_clients {
                    back.node_asked(1);
                }
                back.answer(data);
            }));
        }
        if !wire.is_for_clients {
            here.announce(&packet);
            return Ok(0);
        }
        let mut selection = match &wire.rooms {
            Some(rooms) => Selection::rooms(rooms.iter().map(String::as_str)),
            None => Selection::everyone(),
        };
        selection = selection.except_rooms(wire.excepted.iter().map(String::as_str));
        if wire.is_volatile {
            selection = selection.volatile();
        }
        let Outcome { reached, .. } = here.apply(&selection, &Command::Send(packet));
        if let Some(answers) = &wire.answers {
            answers.node_asked(reached);
        }
        Ok(reached)
    }

    fn put(&self, selection: Option<&Selection<SocketId>>, packet: &Packet) {
        let texts = |texts: &[_]| texts.iter().map(ToString::to_string).collect();
        let rooms = |it: &Selection<_>| (!it.is_everyone()).then(|| texts(it.in_rooms()));
        if let Some(answers) = packet.answers() {
            // As one that does not know yet how many nodes there are.
            answers.expect_nodes(1);
            self.0.times.lock().unwrap().push(Some(answers.timeout()));
            answers.expect_nodes(1);
            answers.node_asked(0);
        }
        self.0.out.lock().unwrap().push_back(Wire {
            rooms: selection.and_then(rooms),
            excepted: selection.map_or_else(Vec::new, |it| texts(it.excepted_rooms())),
            is_volatile: selection.is_some_and(|it| it.delivery() == Delivery::Volatile),
            compress: packet.may_be_compressed(),
            event: packet.data().unwrap().to_value().unwrap(),
            answers: packet.answers().cloned(),
            is_for_clients: selection.is_some(),
        });
    }
}

#[async_trait]
impl Adapter<Socket> for Bus {
    fn attach(&self, local: Local<Socket>) {
        assert!(self.0.here.set(local).is_ok());
    }

    fn publish(
        &self,
        selection: &Selection<SocketId>,
        command: &Command<Packet>,
    ) -> Result<AppliedBy, PublishError> {
        assert!(!selection.is_local());
        let Command::Send(packet) = command else {
            return Err(PublishError::Unsupported);
        };
        self.put(Some(selection), packet);
        Ok(self.0.applied_by)
    }

    fn announce(&self, packet: &Packet) -> Result<(), PublishError> {
        self.put(None, packet);
        Ok(())
    }

    async fn fetch(
        &self,
        selection: &Selection<SocketId>,
    ) -> Result<Fetched<SocketId>, FetchError> {
        self.0
            .times
            .lock()
            .unwrap()
            .push(selection.answers_within());
        let there = self.0.there.get().and_then(|there| there.0.here.get());
        let sockets = there.ok_or(FetchError::Closed)?.members(selection);
        let describe = |socket: &Socket| {
            let (handshake, data) = (socket.handshake().to_value(), socket.data().unwrap());
            RemoteSocket::describe(socket.id().clone(), socket.rooms(), handshake, data).unwrap()
        };
        Ok(Fetched {
            members: sockets.iter().map(describe).collect(),
            missing_nodes: 0,
        })
    }
}
