//! The names of events that handlers are kept by.

use std::fmt;

use sockeye_core::Text;

/// An event's name, in no memory of its own if it is as short as nearly all are: every socket has one
/// for each of its handlers.
#[derive(Clone)]
pub(crate) enum Name {
    Short { length: u8, bytes: [u8; SHORT] },
    Long(Box<str>),
}

/// Bytes that fit beside the length into the three words that a name is.
const SHORT: usize = 22;

impl Name {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.as_bytes() == name.as_bytes()
    }

    pub(crate) fn to_text(&self) -> Text {
        self.as_str().into()
    }

    fn as_str(&self) -> &str {
        // It was a `str` when it was copied here.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(name) => name.as_bytes(),
        }
    }
}

impl From<Text> for Name {
    fn from(name: Text) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..name.len()), u8::try_from(name.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(name.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(name.as_str().into()),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_name_it_was_made_of() {
        assert_eq!(size_of::<Option<Name>>(), 24);
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300] {
            // Two bytes to a character, so that odd lengths end in one of one byte.
            let text: String = "é".repeat(length / 2) + &"e".repeat(length % 2);
            let name = Name::from(Text::from(text.as_str()));
            assert_eq!(matches!(name, Name::Short { .. }), length <= SHORT);
            assert!(
                name.is(&text) && name.to_text().as_str() == text,
                "{length}"
            );
            assert!(!name.is(&format!("{text}e")) && !name.is("other"));
            assert_eq!(format!("{name:?}"), format!("{text:?}"));
        }
    }
}
