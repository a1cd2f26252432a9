//! What differs between clients of Socket.IO's protocol 5 and those before.

use super::{EncodeError, Encoded, ParserKind, Value};
use crate::engineio::Revision;

/// The protocol that a client speaks; its packets look the same, its CONNECT does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Clients 3.x and 4.x, on Engine.IO revision 4.
    V5,
    /// Clients 1.x and 2.x, on Engine.IO revision 3: they are joined to `/` without asking, and
    /// send auth as the query of a namespace.
    V4,
}

impl From<Revision> for Protocol {
    fn from(revision: Revision) -> Self {
        match revision {
            Revision::V3 => Self::V4,
            Revision::V4 => Self::V5,
        }
    }
}

impl ParserKind {
    /// Writes that the client has joined, as the socket `sid`; `pid` is for clients that recover.
    /// Clients before protocol 5 get neither.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn connect_answer(
        &self,
        protocol: Protocol,
        namespace: &str,
        sid: &str,
        pid: Option<&str>,
    ) -> Result<Encoded, EncodeError> {
        todo!()
    }

    /// Writes that the client is refused. Clients before protocol 5 get `data`, if there is any, and
    /// else the message alone.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn connect_error(
        &self,
        protocol: Protocol,
        namespace: &str,
        message: &str,
        data: Option<&Value>,
    ) -> Result<Encoded, EncodeError> {
        todo!()
    }

    /// Writes that there is no such namespace: `{"message":"Invalid namespace"}` for every client.
    ///
    /// # Errors
    ///
    /// When the parser cannot write the namespace's name.
    pub fn invalid_namespace(&self, namespace: &str) -> Result<Encoded, EncodeError> {
        todo!()
    }
}
