//! The namespaces of a server: found, made, and let go.

use std::{
    any::TypeId,
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, atomic::AtomicUsize},
    time::{Duration, Instant},
};

use sockeye_core::{
    Text,
    socketio::{Config, ParserKind},
};
use sockeye_rooms::Rooms;
use sockeye_tower::Handle;

use super::builder::{Limits, Parts};
use crate::{
    Namespace, Recovery, Socket,
    clock::now,
    dynamic::DynamicNamespace,
    namespace::Behaviour,
    recovery::{MayMiss, Shared},
};

pub(crate) struct Server {
    pub(super) parts: Parts,
    pub(super) namespaces: RwLock<HashMap<Text, Entry>>,
    pub(super) dynamic: RwLock<Vec<DynamicNamespace>>,
    /// Vacant children that are kept for those who may come back, and when nobody can any more.
    lingering: Mutex<VecDeque<(Instant, Text)>>,
    pub(super) clients: AtomicUsize,
    /// Known once all is configured, which is before anybody is given the server.
    pub(super) settled: OnceLock<Settled>,
}

/// What follows from the options of the mounts.
pub(super) struct Settled {
    /// Drains the mounts and counts for them.
    pub(super) handle: Handle,
    pub(super) config: Arc<Config>,
    pub(super) may_miss: MayMiss,
}

pub(super) struct Entry {
    pub(super) namespace: Namespace,
    origin: Origin,
    /// What it shares with others, if a pattern made it.
    parent: Option<Arc<Behaviour>>,
    /// When it is to be looked after, as nobody can come back any more.
    lingers: Option<Instant>,
}

/// Who asked for a namespace to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It goes with its last socket.
    Client,
    /// It stays: who made it may send by it, whatever clients do.
    Application,
}

/// Whether there is a namespace of a name.
pub(crate) enum Lookup {
    Found(Namespace),
    /// Someone is to be asked first.
    Ask(Vec<DynamicNamespace>),
}

impl Server {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            parts,
            namespaces: RwLock::default(),
            dynamic: RwLock::default(),
            lingering: Mutex::default(),
            clients: AtomicUsize::new(0),
            settled: OnceLock::new(),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.settled().handle
    }

    pub(super) fn settled(&self) -> &Settled {
        self.settled.get().expect("settled when it was built")
    }

    pub(crate) fn parser(&self) -> &ParserKind {
        &self.parts.parser
    }

    pub(crate) fn limits(&self) -> Limits {
        self.parts.limits
    }

    /// How much clients may miss and still come back.
    pub(crate) fn may_miss(&self) -> MayMiss {
        self.settled().may_miss
    }

    pub(crate) fn recovery(&self) -> Option<Recovery> {
        self.parts.recovery
    }

    /// Where sessions of a namespace are kept for all nodes.
    pub(crate) fn sessions(&self, namespace: &str) -> Option<Shared> {
        let (options, make) = (self.parts.recovery?, self.parts.sessions.as_ref()?);
        Some(Shared::new(options, self.may_miss(), make(namespace)))
    }

    pub(crate) fn rooms(&self, namespace: &str) -> sockeye_rooms::Builder<Socket> {
        match &self.parts.rooms {
            Some(make) => make(namespace),
            None => Rooms::builder(),
        }
    }

    pub(crate) fn state<T: Clone + 'static>(&self) -> Option<T> {
        let state = self.parts.state.get(&TypeId::of::<T>())?;
        state.downcast_ref().cloned()
    }

    /// One client more, until it is dropped.
    pub(crate) fn count(&self) -> &AtomicUsize {
        &self.clients
    }

    /// The namespace a client asks for; it is occupied then.
    pub(crate) fn find(&self, name: &str) -> Lookup {
        if let Some(entry) = self.lock().get(name) {
            entry.namespace.occupy();
            return Lookup::Found(entry.namespace.clone());
        }
        // Before one more comes into being, those go that nobody can come back to.
        self.look_after();
        let dynamic = self.dynamic.read().unwrap_or_else(PoisonError::into_inner);
        Lookup::Ask(dynamic.clone())
    }

    /// The child of a name; it is occupied then.
    pub(crate) fn child(self: &Arc<Self>, name: Text, parent: &DynamicNamespace) -> Namespace {
        let behaviour = &parent.behaviour;
        // Made before the lock is taken, as the application has a part in it.
        let made = Namespace::new(name.clone(), self, Some(behaviour.clone()));
        let mut all = self.lock_mut();
        let entry = all.entry(name).or_insert_with(|| Entry {
            namespace: made.clone(),
            parent: Some(behaviour.clone()),
            origin: Origin::Client,
            lingers: None,
        });
        entry.namespace.occupy();
        let found = entry.namespace.clone();
        drop(all);
        drop(made);
        found
    }

    pub(crate) fn children(&self, parent: &Arc<Behaviour>) -> Vec<Namespace> {
        self.look_after();
        let all = self.lock();
        let is_child = |entry: &&Entry| {
            let own = entry.parent.as_ref();
            own.is_some_and(|own| Arc::ptr_eq(own, parent))
        };
        let children = all.values().filter(is_child);
        children.map(|entry| entry.namespace.clone()).collect()
    }

    /// Lets a vacant child go, at once or when nobody can come back to it any more.
    pub(crate) fn clean_up(&self, namespace: &Namespace) {
        if !self.parts.clean_up {
            return;
        }
        let is_kept = namespace.recovery().is_some_and(|it| !it.is_empty());
        let mut all = self.lock_mut();
        let entry = all.get_mut(namespace.text());
        let child = entry.filter(|it| it.origin == Origin::Client && it.namespace == *namespace);
        let Some(child) = child else { return };
        // Whoever looked it up meanwhile has occupied it under this lock. What the application gave
        // handlers to is not the clients' to end.
        if !namespace.is_vacant() || namespace.has_own() {
            return;
        }
        if is_kept {
            if child.lingers.is_none() {
                let at = now() + self.parts.recovery.map_or(Duration::ZERO, Recovery::time);
                child.lingers = Some(at);
                self.lock_lingering()
                    .push_back((at, namespace.text().clone()));
            }
            return;
        }
        let gone = all.remove(namespace.text());
        drop(all);
        drop(gone);
    }

    /// Lets those children go that were kept for clients who cannot come back any more.
    pub(super) fn look_after(&self) {
        loop {
            let due = {
                let mut lingering = self.lock_lingering();
                match lingering.front() {
                    Some((at, _)) if *at < now() => lingering.pop_front(),
                    _ => return,
                }
            };
            let Some((at, name)) = due else { return };
            let namespace = {
                let mut all = self.lock_mut();
                // It may have gone, and come again, since.
                let entry = all.get_mut(&name).filter(|it| it.lingers == Some(at));
                let Some(entry) = entry else { continue };
                entry.lingers = None;
                entry.namespace.clone()
            };
            // If someone left it later, it is kept for as long again.
            self.clean_up(&namespace);
        }
    }

    pub(super) fn make(self: &Arc<Self>, name: Text) -> Namespace {
        if let Some(entry) = self.lock().get(&name) {
            return entry.namespace.clone();
        }
        let parent = {
            let dynamic = self.dynamic.read().unwrap_or_else(PoisonError::into_inner);
            let owner = dynamic.iter().find(|it| it.matcher.owns(&name));
            owner.map(|owner| owner.behaviour.clone())
        };
        // Made before the lock is taken, as the application has a part in it.
        let made = Namespace::new(name.clone(), self, parent.clone());
        let mut all = self.lock_mut();
        let entry = all.entry(name).or_insert_with(|| Entry {
            namespace: made.clone(),
            parent,
            origin: Origin::Application,
            lingers: None,
        });
        let found = entry.namespace.clone();
        drop(all);
        drop(made);
        found
    }

    fn lock_lingering(&self) -> std::sync::MutexGuard<'_, VecDeque<(Instant, Text)>> {
        self.lingering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Text, Entry>> {
        self.namespaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_mut(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Text, Entry>> {
        self.namespaces
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
