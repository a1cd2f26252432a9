//! A receiver that the application is still looking at.

use std::sync::Arc;

use super::Shared;

/// Keeps a session from expiring for want of the receiver that has come.
#[derive(Debug)]
pub(crate) struct Arrival(Arc<Shared>);

impl Arrival {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        shared.update(|state| {
            if let Some(machine) = state.machine.sockjs() {
                machine.begin_arrival();
            }
        });
        Self(shared.clone())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.0.update(|state| {
            if let Some(machine) = state.machine.sockjs() {
                machine.end_arrival();
            }
        });
    }
}
