//! What connections need of a namespace.

use std::sync::{Arc, atomic::Ordering};

use sockeye_core::{
    Text,
    socketio::{Data, ParserKind},
};

use sockeye_tower::{Handle, Limit};

use super::{Behaviour, Namespace};
use crate::{
    Socket, SocketIo,
    call::{Call, Occasion},
    error::Refusal,
    handler::{Admit, Run},
    recovery::{Shared, Store},
    server::Limits,
};

impl Namespace {
    pub(crate) fn parser(&self) -> &ParserKind {
        &self.0.parser
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn recovery(&self) -> Option<&Store> {
        self.0.recovery.as_ref()
    }

    pub(crate) fn sessions(&self) -> Option<&Shared> {
        self.0.sessions.as_ref()
    }

    /// Whether clients may come back, to this node or to any.
    pub(crate) fn recovers(&self) -> bool {
        self.0.recovery.is_some() || self.0.sessions.is_some()
    }

    pub(crate) fn server(&self) -> Option<SocketIo> {
        self.0.server.upgrade().map(SocketIo::of_server)
    }

    pub(crate) fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.server.upgrade()?.state()
    }

    /// Counts that a limit was reached.
    pub(crate) fn count(&self, limit: Limit) {
        self.0.handle.count(limit);
    }

    pub(crate) fn counters(&self) -> &Handle {
        &self.0.handle
    }

    pub(crate) fn next_ack(&self) -> u64 {
        self.0.acks.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_sequential(&self) -> bool {
        let parent = self.0.parent.as_ref();
        self.0.own.is_sequential() || parent.is_some_and(|parent| parent.is_sequential())
    }

    pub(crate) fn connect_runs(&self) -> Arc<Vec<Arc<dyn Run>>> {
        self.both(Behaviour::connect_runs)
    }

    pub(crate) fn has_middlewares(&self) -> bool {
        !self.middlewares().is_empty()
    }

    fn middlewares(&self) -> Arc<Vec<Arc<dyn Admit>>> {
        self.both(Behaviour::middlewares)
    }

    /// What the parent has, and behind it what is this namespace's own.
    fn both<T: Clone>(&self, part: impl Fn(&Behaviour) -> Arc<Vec<T>>) -> Arc<Vec<T>> {
        let own = part(&self.0.own);
        let Some(parent) = &self.0.parent else {
            return own;
        };
        let mut both = part(parent);
        if !own.is_empty() {
            Arc::make_mut(&mut both).extend(own.iter().cloned());
        }
        both
    }

    /// Whether the application gave it anything that others of its pattern have not.
    pub(crate) fn has_own(&self) -> bool {
        !self.0.own.is_empty()
    }

    /// Asks the middlewares, in order.
    pub(crate) async fn admit(self, socket: Socket, auth: Option<Data>) -> Result<(), Refusal> {
        let call = Call::of_socket(&socket, Occasion::Connect(auth));
        for middleware in self.middlewares().iter() {
            middleware.admit(&call).await?;
        }
        Ok(())
    }

    /// One socket more is on its way.
    pub(crate) fn occupy(&self) {
        self.0.occupants.fetch_add(1, Ordering::AcqRel);
    }

    /// One socket less; the last one may take the namespace with it.
    pub(crate) fn vacate(&self) {
        if self.0.occupants.fetch_sub(1, Ordering::AcqRel) == 1 {
            if let Some(server) = self.0.server.upgrade() {
                server.clean_up(self);
            }
        }
    }

    /// Lets it go if nobody is there nor can come back, and a pattern made it.
    pub(crate) fn tidy(&self) {
        if let Some(server) = self.0.server.upgrade().filter(|_| self.is_vacant()) {
            server.clean_up(self);
        }
    }

    pub(crate) fn is_vacant(&self) -> bool {
        self.0.occupants.load(Ordering::Acquire) == 0
    }

    pub(crate) fn text(&self) -> &Text {
        &self.0.name
    }
}
