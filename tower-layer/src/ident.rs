//! Where randomness enters, and nowhere else: the operating system's generator.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The public name of a session: safe to show to other users, log and use as a key.
///
/// It is not the id in the session's URL, which is the client's secret: whoever knows that one can
/// read and end the session. 128 bits, random; shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId([u64; 2]);

impl SessionId {
    pub(crate) fn random() -> Self {
        let mut bytes = [[0; 8]; 2];
        fill(bytes.as_flattened_mut());
        Self(bytes.map(u64::from_ne_bytes))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:016x}{low:016x}")
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

/// Fresh, unpredictable entropy, as the info answer has it.
pub(crate) fn entropy() -> u32 {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

/// The secret id of an Engine.IO session: 120 bits in 20 characters that URLs take as they are.
pub(crate) fn token() -> String {
    let mut bytes = [0; 15];
    fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A number from 0 up to, and without, 1: for jitter.
pub(crate) fn fraction() -> f64 {
    f64::from(entropy()) / (f64::from(u32::MAX) + 1.0)
}

fn fill(bytes: &mut [u8]) {
    // The operating system's generator fails only where the system itself is broken (no
    // getrandom call and no /dev/urandom); no peer can bring that about.
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}
