//! The servers of one run, started when first asked for.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::SocketAddr,
};

use crate::{
    Result,
    measure::child::{Launcher, Server, start_node},
    sys::CpuClock,
};

/// The name under which sockeye's application without the middleware goes. It lives in the same
/// process, so that the two differ in nothing else.
pub(super) const TWIN: &str = "without the middleware";

/// Node's sockjs.
pub(super) const NODE: &str = "node-sockjs";

/// Node's engine.io.
pub(super) const NODE_ENGINE_IO: &str = "node-engineio";

/// Node's socket.io.
pub(super) const NODE_SOCKET_IO: &str = "node-socketio";

/// Whether a server is one of Node's: `node-` and its program in `node/`.
pub(super) fn is_node(name: &str) -> bool {
    name.starts_with("node-")
}

pub(super) struct Fleet {
    launcher: Launcher,
    /// Only these, if not empty.
    only: BTreeSet<String>,
    servers: BTreeMap<&'static str, Server>,
    missing: BTreeMap<String, String>,
}

impl Fleet {
    pub(super) fn new(only: &BTreeSet<String>) -> Result<Self> {
        let launcher = Launcher::this_program()?;
        Ok(Self {
            launcher,
            only: only.clone(),
            servers: BTreeMap::new(),
            missing: BTreeMap::new(),
        })
    }

    /// The server that all rounds share; `None` if it can't be started, which is remembered.
    pub(super) fn shared(&mut self, name: &'static str) -> Option<&mut Server> {
        if self.is_left_out(name) {
            return None;
        }
        match self.servers.entry(name) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => match start(&self.launcher, name) {
                Ok(server) => Some(entry.insert(server)),
                Err(error) => {
                    eprintln!("without {name}: {error}");
                    self.missing.insert(name.to_owned(), error.to_string());
                    None
                }
            },
        }
    }

    /// A process of its own, for measurements that need an untouched one.
    pub(super) fn fresh(&mut self, name: &'static str, jemalloc: bool) -> Option<Server> {
        if self.is_left_out(name) {
            return None;
        }
        let launcher = Launcher {
            jemalloc,
            ..self.launcher.clone()
        };
        match start(&launcher, name) {
            Ok(server) => Some(server),
            Err(error) => {
                eprintln!("without {name}: {error}");
                self.missing.insert(name.to_owned(), error.to_string());
                None
            }
        }
    }

    /// Where a contestant listens, and what its process uses.
    pub(super) fn contestant(&mut self, name: &'static str) -> Option<(SocketAddr, CpuClock)> {
        if name == TWIN {
            let server = self.shared("sockeye")?;
            return Some((server.twin_address()?, server.clock()));
        }
        self.shared(name)
            .map(|server| (server.address(), server.clock()))
    }

    fn is_left_out(&self, name: &str) -> bool {
        self.missing.contains_key(name) || !(self.only.is_empty() || self.only.contains(name))
    }

    /// A server failed under load: it is left out from now on.
    pub(super) fn give_up(&mut self, name: &'static str, reason: String) {
        eprintln!("without {name}: {reason}");
        self.servers.remove(name);
        self.missing.insert(name.to_owned(), reason);
    }

    pub(super) fn into_missing(self) -> Vec<(String, String)> {
        self.missing.into_iter().collect()
    }
}

fn start(launcher: &Launcher, name: &str) -> Result<Server> {
    match name.strip_prefix("node-") {
        Some(program) => start_node(program),
        None => launcher.start(name),
    }
}
