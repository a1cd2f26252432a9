//! What a namespace does with connections.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use sockeye_core::Text;

use crate::handler::{Admit, Run};

/// What a namespace does with connections; those of one pattern share it.
#[derive(Default)]
pub(crate) struct Behaviour {
    middlewares: RwLock<Arc<Vec<Arc<dyn Admit>>>>,
    on_connect: RwLock<Arc<Vec<Arc<dyn Run>>>>,
    server_side: RwLock<Vec<(Text, Arc<dyn Run>)>>,
    sequential: OnceLock<()>,
}

impl Behaviour {
    pub(crate) fn on_connect(&self, run: Arc<dyn Run>) {
        let mut runs = self
            .on_connect
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut runs).push(run);
    }

    pub(crate) fn middleware(&self, middleware: Arc<dyn Admit>) {
        let mut middlewares = self
            .middlewares
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut middlewares).push(middleware);
    }

    pub(crate) fn sequential(&self) {
        let _ = self.sequential.set(());
    }

    pub(crate) fn on_server_side(&self, event: Text, run: Arc<dyn Run>) {
        let mut runs = self
            .server_side
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        runs.push((event, run));
    }

    pub(super) fn is_sequential(&self) -> bool {
        self.sequential.get().is_some()
    }

    pub(super) fn connect_runs(&self) -> Arc<Vec<Arc<dyn Run>>> {
        let runs = self.on_connect.read();
        runs.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn middlewares(&self) -> Arc<Vec<Arc<dyn Admit>>> {
        let middlewares = self.middlewares.read();
        middlewares.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn is_empty(&self) -> bool {
        let server_side = self
            .server_side
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        server_side.is_empty()
            && !self.is_sequential()
            && self.connect_runs().is_empty()
            && self.middlewares().is_empty()
    }

    pub(super) fn server_side(&self, event: &str) -> Vec<Arc<dyn Run>> {
        let runs = self
            .server_side
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let named = runs.iter().filter(|(name, _)| name == event);
        named.map(|(_, run)| run.clone()).collect()
    }
}
