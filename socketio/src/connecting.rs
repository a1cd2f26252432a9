//! From a client's CONNECT to a socket, or to a refusal.

use std::sync::Arc;

use sockeye_core::{Text, socketio::Data};

use crate::{
    Namespace, Refusal, Socket,
    client::Shared as Client,
    dynamic::{DynamicNamespace, auth_value},
    recovery::{Rejoining, Resuming, Returning},
    server::Server,
    socket::Seed,
};

/// What a client asked for.
pub(crate) struct Asked {
    pub(crate) client: Arc<Client>,
    pub(crate) server: Arc<Server>,
    pub(crate) name: Text,
    pub(crate) auth: Option<Data>,
}

/// What was decided.
pub(crate) enum Verdict {
    /// Nothing yet: a client that is in `/` without asking.
    Open(Text, Data),
    Unknown(Text),
    Refused(Connecting, Refusal),
    Admitted(Connecting),
}

/// A socket on its way; unless it gets there, it leaves nothing behind.
pub(crate) struct Connecting {
    socket: Option<Socket>,
    rejoining: Option<Rejoining>,
    returning: Option<Box<Returning>>,
}

/// A place in a namespace that a socket will have.
struct Seat(Option<Namespace>);

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(namespace) = self.0.take() {
            namespace.vacate();
        }
    }
}

impl Asked {
    /// The secret and the offset of a client that may come back to any node.
    pub(crate) fn returning(&self, namespace: &Namespace) -> Option<(Text, Text)> {
        namespace.sessions().filter(|_| self.client.may_recover())?;
        let auth = self.auth.as_ref()?.to_value().ok()?;
        let text = |name| auth.get(name)?.as_str().map(Text::from);
        text("pid").zip(text("offset"))
    }

    /// As [`socket`](Self::socket), once those were asked who keep sessions for all nodes.
    pub(crate) async fn find(&self, namespace: Namespace) -> Connecting {
        let Some((pid, offset)) = self.returning(&namespace) else {
            return self.socket(namespace);
        };
        let mut seat = Seat(Some(namespace.clone()));
        let returning = match namespace.sessions() {
            Some(sessions) => sessions.restore(&namespace, &pid, &offset).await,
            None => None,
        };
        seat.0 = None;
        let Some(returning) = returning else {
            return self.newcomer(namespace);
        };
        let session = &returning.restored.session;
        let seed = Seed {
            id: session.id.clone(),
            client: self.client.clone(),
            auth: self.auth.clone(),
            pid: Some(session.pid.as_str().into()),
            is_recovered: true,
            data: Some(Box::new(session.data.clone())),
            namespace,
        };
        Connecting {
            socket: Some(Socket::new(seed)),
            rejoining: None,
            returning: Some(Box::new(returning)),
        }
    }

    /// The socket, which occupies its namespace already: one that comes back, or a new one.
    pub(crate) fn socket(&self, namespace: Namespace) -> Connecting {
        let store = namespace.recovery();
        let store = store.filter(|_| self.client.may_recover());
        let Some(found) = store.and_then(|store| store.find(self.auth.as_ref()?)) else {
            return self.newcomer(namespace);
        };
        let seed = Seed {
            id: found.id.clone(),
            client: self.client.clone(),
            auth: self.auth.clone(),
            pid: Some(found.pid.clone()),
            is_recovered: true,
            data: found.data.clone(),
            namespace,
        };
        Connecting {
            socket: Some(Socket::new(seed)),
            rejoining: Some(found),
            returning: None,
        }
    }

    /// A new socket, which occupies its namespace already.
    fn newcomer(&self, namespace: Namespace) -> Connecting {
        let client = &self.client;
        let recovers = namespace.recovers() && client.may_recover();
        let seed = Seed {
            id: client.name(namespace.name()),
            client: client.clone(),
            auth: self.auth.clone(),
            pid: recovers.then(|| crate::id::token().into()),
            is_recovered: false,
            data: None,
            namespace,
        };
        Connecting {
            socket: Some(Socket::new(seed)),
            rejoining: None,
            returning: None,
        }
    }
}

impl Connecting {
    pub(crate) fn socket(&self) -> &Socket {
        // It is taken out only by `connect`, which consumes it.
        self.socket.as_ref().expect("a socket on its way")
    }

    /// Whether it may join without asking anyone.
    pub(crate) fn needs_no_word(&self) -> bool {
        let namespace = self.socket().namespace();
        !namespace.has_middlewares()
            || (self.rejoining.is_some()
                && namespace
                    .recovery()
                    .is_some_and(|store| store.skips_middlewares()))
            || (self.returning.is_some()
                && namespace
                    .sessions()
                    .is_some_and(|it| it.options.skips_middlewares()))
    }

    /// Asks the middlewares.
    pub(crate) async fn ask(self, auth: Option<Data>) -> Verdict {
        let socket = self.socket().clone();
        let namespace = socket.namespace().clone();
        match namespace.admit(socket, auth).await {
            Ok(()) => Verdict::Admitted(self),
            Err(refusal) => Verdict::Refused(self, refusal),
        }
    }

    /// Whether it wants to come back to where it was.
    pub(crate) fn comes_back(&self) -> bool {
        self.rejoining.is_some() || self.returning.is_some()
    }

    /// Comes back, unless that cannot be any more.
    pub(crate) fn resume<'a>(&mut self, namespace: &'a Namespace) -> Option<Resuming<'a>> {
        if let Some(rejoining) = self.rejoining.take() {
            let store = namespace.recovery()?;
            let claim = store.claim(rejoining)?;
            claim.take_rooms(self.socket());
            return store.resume(claim).map(Resuming::Here);
        }
        let (returning, sessions) = (self.returning.take()?, namespace.sessions()?);
        let resuming = sessions.resume(returning, self.socket());
        resuming.map(Resuming::Anywhere)
    }

    /// Whether it may join, once the middlewares were asked if they are to be.
    pub(crate) async fn verdict(self, auth: Option<Data>) -> Verdict {
        if self.needs_no_word() {
            Verdict::Admitted(self)
        } else {
            self.ask(auth).await
        }
    }

    /// What it wanted to come back to is not there any more: it is a new one, in its stead.
    pub(crate) fn into_newcomer(self, server: &Arc<Server>) -> Self {
        let socket = self.socket();
        let namespace = socket.namespace().clone();
        let asked = Asked {
            client: socket.client().clone(),
            server: server.clone(),
            name: namespace.text().clone(),
            auth: socket.auth(),
        };
        // Before the other one gives its seat up, so that the namespace stays.
        namespace.occupy();
        asked.newcomer(namespace)
    }

    /// It is there; or not, if it was sent away meanwhile.
    pub(crate) fn connect(mut self) -> Result<Socket, Self> {
        match self.socket.take_if(|socket| socket.connect()) {
            Some(socket) => Ok(socket),
            None => Err(self),
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            socket.go();
            drop(socket.clear());
        }
    }
}

/// Asks who makes namespaces, in order, and then the middlewares.
pub(crate) async fn decide(asked: Asked, parents: Vec<DynamicNamespace>) -> Verdict {
    for parent in parents {
        let auth = auth_value(asked.auth.as_ref());
        if parent.matcher.matches(&asked.name, auth).await {
            let namespace = asked.server.child(asked.name.clone(), &parent);
            let connecting = asked.find(namespace).await;
            return connecting.verdict(asked.auth.clone()).await;
        }
    }
    Verdict::Unknown(asked.name)
}
