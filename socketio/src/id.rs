//! Names of sockets, and the secrets by which they are recovered.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The public name of a socket: safe to show to other users. It is also the name of a room that the
/// socket alone is in.
///
/// 20 random URL-safe characters; not the id of its Engine.IO session, which is a secret. Clients
/// before protocol 5 compute theirs from the session's id, so there it is that: `/` has the id itself,
/// every other namespace its name, `#` and the id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(Arc<str>);

impl SocketId {
    pub(crate) fn random() -> Self {
        Self(token().into())
    }

    pub(crate) fn of_v3(namespace: &str, session: &str) -> Self {
        match namespace {
            "/" => Self(session.into()),
            other => Self(format!("{other}#{session}").into()),
        }
    }

    /// The id of this text, be there such a socket or not.
    pub fn from_text(text: &str) -> Self {
        Self(text.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether text may be an id, so that looking for its socket is worth it.
    pub(crate) fn is_plausible(text: &str) -> bool {
        text.len() == TOKEN_LENGTH || text.starts_with('/')
    }
}

impl AsRef<str> for SocketId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SocketId({})", self.0)
    }
}

/// 120 random bits in 20 characters that URLs take as they are.
///
/// A Redis adapter of Node takes a room whose name has exactly this many for a socket's own.
pub(crate) fn token() -> String {
    let mut bytes = [0; TOKEN_LENGTH / 4 * 3];
    // The operating system's generator fails only where the system itself is broken; no peer can
    // bring that about.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    URL_SAFE_NO_PAD.encode(bytes)
}

const TOKEN_LENGTH: usize = 20;
