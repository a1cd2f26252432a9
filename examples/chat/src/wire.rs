//! What the page and the room say to each other.
//!
//! Over SockJS these are JSON texts, one for each message, whose `type` says what it is. Socket.IO has
//! names for that: `say` is an event, and the rest of it the event's argument.

use serde::{Deserialize, Serialize};

/// Characters of a nickname that are kept.
pub(crate) const MAX_NAME: usize = 24;

/// Characters of a key: longer ones are no keys of this page's making.
pub(crate) const MAX_KEY: usize = 64;

/// Characters of one text that are taken.
pub(crate) const MAX_TEXT: usize = 2000;

/// What a page asks of the room, over SockJS.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Ask {
    Join(Join),
    Say(Say),
}

/// Take a seat under this name. First of all, and once.
///
/// `key` is the page's secret. A page that comes back with it, over a new connection, gets the seat it had: the server may
/// not know yet that the old connection is gone.
#[derive(Debug, Deserialize)]
pub(crate) struct Join {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) key: String,
}

/// Say this to everyone. `nonce` comes back with it, so that the page can tell how long the round trip took.
#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) nonce: u32,
}

/// What the room tells a page.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Tell<'a> {
    /// The answer to `join`: who you are, who is here, what was said lately.
    Welcome {
        you: u64,
        members: Vec<Face>,
        history: Vec<&'a Said>,
    },
    /// Somebody came.
    Joined { member: &'a Face, at: u64 },
    /// Somebody is connected anew, or over another transport.
    Back { member: &'a Face },
    /// Somebody left.
    Left { member: &'a Face, at: u64 },
    /// Somebody said something.
    Said {
        #[serde(flatten)]
        said: &'a Said,
        nonce: u32,
    },
    /// What you asked was not done.
    Refused { reason: &'a str },
}

impl Tell<'_> {
    /// The name of what is told: the `type` of a text, or an event's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Welcome { .. } => "welcome",
            Self::Joined { .. } => "joined",
            Self::Back { .. } => "back",
            Self::Left { .. } => "left",
            Self::Said { .. } => "said",
            Self::Refused { .. } => "refused",
        }
    }
}

/// A member as others see them.
///
/// The number is the room's own: a SockJS session's id would let others act in its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Face {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) protocol: &'static str,
    pub(crate) transport: &'static str,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Said {
    pub(crate) from: u64,
    pub(crate) name: String,
    pub(crate) text: String,
    /// Milliseconds since 1970.
    pub(crate) at: u64,
}

/// The answer of `GET /api/room`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Summary {
    pub(crate) members: Vec<Face>,
    /// Messages said since the start.
    pub(crate) messages: u64,
}

/// A name fit to be shown: no control characters, no blank ends, not too long.
pub(crate) fn tidy_name(name: &str) -> String {
    let shown: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let tidy: String = shown
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_NAME)
        .collect();
    if tidy.is_empty() {
        "guest".into()
    } else {
        tidy.trim_end().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit_to_be_shown() {
        #[rustfmt::skip]
        let cases = [
            // case              name                  shown
            ("as it is",         "Ann",                "Ann".to_owned()),
            ("blanks",           "  Ann \t  Lee ",     "Ann Lee".to_owned()),
            ("nothing",          " \u{7}\n",           "guest".to_owned()),
            ("too long",         &"é".repeat(30),      "é".repeat(MAX_NAME)),
            ("cut at a blank",   &format!("{} b", "a".repeat(MAX_NAME - 1)), "a".repeat(MAX_NAME - 1)),
        ];
        for (case, name, shown) in cases {
            assert_eq!(tidy_name(name), shown, "{case}");
        }
    }

    #[test]
    fn what_the_page_says_is_understood() {
        let ask: Ask = serde_json::from_str(r#"{"type":"say","text":"hi","nonce":7}"#).unwrap();
        assert!(matches!(ask, Ask::Say(Say { text, nonce: 7 }) if text == "hi"));
        assert!(serde_json::from_str::<Ask>(r#"{"type":"shout"}"#).is_err());
    }

    #[test]
    fn what_the_room_says_is_as_the_page_expects_it() {
        let said = Said {
            from: 1,
            name: "Ann".into(),
            text: "hi".into(),
            at: 5,
        };
        let tell = Tell::Said {
            said: &said,
            nonce: 7,
        };
        assert_eq!(tell.name(), "said");
        assert_eq!(
            serde_json::to_string(&tell).unwrap(),
            r#"{"from":1,"name":"Ann","text":"hi","at":5,"nonce":7}"#
        );
    }
}
