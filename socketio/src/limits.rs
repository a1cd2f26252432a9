//! Which counter a limit has that a client ran into.

use sockeye_core::socketio::{ParseError, Violation};
use sockeye_tower::Limit;

/// The limit behind a violation, if it is one's doing.
pub(crate) fn behind(violation: &Violation) -> Option<Limit> {
    match violation {
        Violation::Parse(error) => behind_parse_error(*error),
        Violation::TooManyNamespaces { .. } => Some(Limit::Namespaces),
        Violation::ConnectTimeout => Some(Limit::ConnectTime),
        Violation::AttachmentsTimeout => Some(Limit::AttachmentsTime),
        // What breaks the protocol's rules reaches no limit.
        _ => None,
    }
}

fn behind_parse_error(error: ParseError) -> Option<Limit> {
    match error {
        ParseError::TooManyAttachments { .. } => Some(Limit::Attachments),
        ParseError::AttachmentsTooLarge { .. } => Some(Limit::AttachmentBytes),
        ParseError::BadPlaceholder | ParseError::PlaceholderExpansion => Some(Limit::Placeholders),
        ParseError::BadAckId => Some(Limit::AckId),
        ParseError::TooDeep { .. } => Some(Limit::Depth),
        ParseError::TooManyArguments { .. } => Some(Limit::Arguments),
        _ => None,
    }
}
