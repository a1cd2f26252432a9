//! What runs for each client.

use std::{fmt, sync::Arc};

use sockeye_core::socketio::Config;
use sockeye_tower::{BoxFuture, Handler, Session};

use super::Server;
use crate::client::Client;

/// What runs for each Engine.IO session of the server: what [`Builder::engine_io`](crate::Builder::engine_io) configures a mount
/// of.
#[derive(Clone)]
pub struct Runner {
    pub(super) server: Arc<Server>,
    pub(super) config: Arc<Config>,
}

impl Handler for Runner {
    fn run(self, session: Session) -> BoxFuture<()> {
        Box::pin(Client::new(session, self.server, self.config))
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}
