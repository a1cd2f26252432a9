//! Which of the two Engine.IO wire formats a session speaks.

/// The revision of the protocol, as the query parameter `EIO` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// Spoken by engine.io-client 3 and older (Socket.IO clients 1.x and 2.x).
    V3,
    /// Spoken by engine.io-client 4 and newer (Socket.IO clients 3.x and 4.x).
    V4,
}

impl Revision {
    /// The revision that the value of `EIO` asks for: 4 is exactly the text `4`, and anything else,
    /// or no value at all, is 3.
    pub fn from_query(value: Option<&str>) -> Self {
        match value {
            Some("4") => Self::V4,
            _ => Self::V3,
        }
    }

    /// The number, as errors tell it.
    pub fn number(self) -> u8 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_4_is_revision_4() {
        assert_eq!(Revision::from_query(Some("4")), Revision::V4);
        for other in [None, Some(""), Some("3"), Some("04"), Some("4 "), Some("5")] {
            assert_eq!(Revision::from_query(other), Revision::V3, "{other:?}");
        }
    }
}
