//! A session's entry in its handle's list.

use std::sync::Arc;

use super::Shared;
use crate::{Handle, Limit};

/// Keeps a session findable by the drain for as long as its driver lives.
#[derive(Debug)]
pub(crate) struct Live {
    handle: Handle,
    pub(crate) shared: Arc<Shared>,
    key: usize,
}

impl Live {
    pub(crate) fn new(handle: &Handle, shared: &Arc<Shared>) -> Self {
        Self {
            handle: handle.clone(),
            shared: shared.clone(),
            key: handle.insert(shared.clone()),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(limit) = self.shared.close_reason().as_ref().and_then(Limit::behind) {
            self.handle.count(limit);
        }
        self.handle.remove(self.key);
    }
}
