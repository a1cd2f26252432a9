//! What each fuzz target does with its bytes.
//!
//! The targets themselves need cargo-fuzz and a nightly compiler; these functions need neither, so
//! `tests/replay.rs` runs them over the committed corpora like any other test. Each panics when a
//! codec breaks a promise, not only when the codec itself panics.
#![forbid(unsafe_code)]

mod eio_session;
mod engineio;
mod socketio;
// The browser's side of an event stream, which the properties of the core use as well.
#[path = "../../../core/tests/event_stream/reader.rs"]
mod reader;
mod script;
mod sockjs_session;

use sockeye_core::limits::CALLBACK_LENGTH;
use sockeye_core::{Event, sse};
use sockeye_core::{
    escape::{Markup, quote_into, quote_plain_into},
    sockjs::{
        callback::parse_callback,
        decode::{self, DecodeError, Decoded},
        multiplex::{Command, Multiplexer, escape, unescape},
        url::{Target, allow, parse_path},
    },
};

pub use eio_session::eio_session;
pub use engineio::{
    eio_form, eio_packet_v3, eio_packet_v4, eio_payload_v3_binary, eio_payload_v3_text,
    eio_payload_v4, eio_query,
};
pub use socketio::{sio_connection, sio_msgpack, sio_text_packet};
pub use sockjs_session::sockjs_session;

/// A target's name, as in `fuzz/fuzz_targets` and `fuzz/corpus`, and what it does.
pub type Body = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Body; 20] = [
    ("callback", callback),
    ("decode_array", decode_array),
    ("decode_form", decode_form),
    ("decode_text_frame", decode_text_frame),
    ("eio_form", eio_form),
    ("eio_packet_v3", eio_packet_v3),
    ("eio_packet_v4", eio_packet_v4),
    ("eio_payload_v3_binary", eio_payload_v3_binary),
    ("eio_payload_v3_text", eio_payload_v3_text),
    ("eio_payload_v4", eio_payload_v4),
    ("eio_query", eio_query),
    ("eio_session", eio_session),
    ("event_stream", event_stream),
    ("multiplex", multiplex),
    ("path", path),
    ("quote", quote),
    ("sio_connection", sio_connection),
    ("sio_msgpack", sio_msgpack),
    ("sio_text_packet", sio_text_packet),
    ("sockjs_session", sockjs_session),
];

/// Bodies of `xhr_send`: what is taken is what `serde_json` takes.
pub fn decode_array(data: &[u8]) {
    let ours = decoded(data.len(), |into| {
        decode::decode_array(data, MAX_MESSAGES, into)
    });
    match (&ours, serde_json::from_slice::<Vec<String>>(data)) {
        (
            Err(DecodeError::TooManyMessages {
                limit: MAX_MESSAGES,
            }),
            _,
        ) => {}
        (Ok(ours), Ok(theirs)) => assert_eq!(*ours, theirs),
        // `serde_json` refuses surrogates without their other half.
        (Ok(ours), Err(_)) => assert!(ours.concat().contains('\u{fffd}')),
        (Err(_), Ok(theirs)) => panic!("refused {theirs:?}"),
        (Err(_), Err(_)) => {}
    }
    if let Ok(texts) = ours {
        let again = array_of(&texts);
        let read = decoded(again.len(), |into| {
            decode::decode_array(&again, MAX_MESSAGES, into)
        });
        assert_eq!(read, Ok(texts));
    }
}

/// Forms of `jsonp_send`: messages survive being put into a form again.
pub fn decode_form(data: &[u8]) {
    let decode = |form: &[u8]| {
        decoded(form.len(), |into| {
            decode::decode_form(form, MAX_MESSAGES, into)
        })
    };
    if let Ok(texts) = decode(data) {
        let mut form = b"i=a1&d=".to_vec();
        for byte in array_of(&texts) {
            form.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
        assert_eq!(decode(&form), Ok(texts));
    }
}

/// Texts of framed WebSockets: an array, or one string, which is an array of one without brackets.
pub fn decode_text_frame(data: &[u8]) {
    let Ok(payload) = std::str::from_utf8(data) else {
        return;
    };
    let decode = |payload: &str| {
        decoded(payload.len(), |into| {
            decode::decode_text_frame(payload, MAX_MESSAGES, into)
        })
    };
    let ours = decode(payload);
    if payload.is_empty() {
        assert_eq!(ours, Ok(vec![]));
    } else if payload.trim_start().starts_with('"') {
        let theirs = decode(&format!("[{payload}]"));
        match ours {
            Ok(texts) => assert!(texts.len() == 1 && theirs == Ok(texts)),
            // An array may hold several; one text holds a single string.
            Err(_) => assert!(theirs.is_err() || theirs.is_ok_and(|texts| texts.len() > 1)),
        }
    } else {
        let array = decoded(data.len(), |into| {
            decode::decode_array(data, MAX_MESSAGES, into)
        });
        assert_eq!(ours, array);
    }
}

/// Outgoing text: quoted, it reads back as itself and has grown at most sixfold.
pub fn quote(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut quoted = Vec::new();
    quote_into(text, &mut quoted);
    assert!(quoted.len() <= 6 * data.len() + 2);
    assert_eq!(
        serde_json::from_slice::<String>(&quoted).as_deref().ok(),
        Some(text)
    );
    let read = decoded(quoted.len(), |into| {
        decode::decode_array(&[b"[", &quoted[..], b"]"].concat(), MAX_MESSAGES, into)
    });
    assert_eq!(read, Ok(vec![text.to_owned()]));

    for markup in [Markup::Keep, Markup::Escape] {
        quoted.clear();
        quote_plain_into(data, markup, &mut quoted);
        assert!(quoted.len() <= 6 * data.len() + 2);
        assert!(markup == Markup::Keep || !quoted.contains(&b'<'));
        assert_eq!(
            serde_json::from_slice::<String>(&quoted).as_deref().ok(),
            Some(text)
        );
    }
}

/// Paths below a mount: ids are segments as sent, and one slash more makes no difference.
pub fn path(data: &[u8]) {
    let Ok(rest) = std::str::from_utf8(data) else {
        return;
    };
    let Some(target) = parse_path(rest, MAX_ID_LENGTH) else {
        return;
    };
    assert!(!allow(target).is_empty());
    if let Target::Session { session, .. } = target {
        assert!((1..=MAX_ID_LENGTH).contains(&session.len()) && !session.contains('.'));
        assert_eq!(rest.split('/').nth(2), Some(session));
    }
    let expected = if rest.ends_with('/') {
        None
    } else {
        Some(target)
    };
    assert_eq!(parse_path(&format!("{rest}/"), MAX_ID_LENGTH), expected);
}

/// Queries with a callback: what is taken can do no harm in a script.
pub fn callback(data: &[u8]) {
    let Ok(query) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(callback) = parse_callback(Some(query), CALLBACK_LENGTH) {
        assert!((1..=CALLBACK_LENGTH).contains(&callback.len()));
        let is_harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        assert!(callback.chars().all(is_harmless), "{callback}");
        assert_eq!(
            parse_callback(Some(&format!("c={callback}")), CALLBACK_LENGTH),
            Ok(callback)
        );
    }
}

/// A client's messages to a multiplexer, one a line: channels stay within their bounds.
pub fn multiplex(data: &[u8]) {
    let Ok(script) = std::str::from_utf8(data) else {
        return;
    };
    let mut channels = Multiplexer::new(MAX_CHANNELS);
    for message in script.lines() {
        channels.handle_message(message, |topic| !topic.starts_with('!'));
        assert!(channels.len() <= MAX_CHANNELS);
        if let Some(command) = Command::parse(message) {
            assert_eq!(Command::parse(&command.to_string()), Some(command));
        }
        assert_eq!(unescape(&escape(message)), message);
        // Never longer in UTF-16 than what was escaped.
        assert!(unescape(message).encode_utf16().count() <= message.encode_utf16().count());
    }
    assert!(channels.handle_end().count() <= MAX_CHANNELS);
    assert!(channels.is_empty());
}

/// Events, each of data, name and id: a browser reads what was sent, wherever the stream is cut.
pub fn event_stream(data: &[u8]) {
    let Some((&cut, rest)) = data.split_first() else {
        return;
    };
    let Ok(script) = std::str::from_utf8(rest) else {
        return;
    };
    let mut stream = sse::PRELUDE.to_vec();
    let (mut wanted, mut last_event_id) = (Vec::new(), String::new());
    for sent in script.split('\u{1}') {
        let mut fields = sent.split('\u{2}');
        let data = fields.next().unwrap_or_default();
        let (name, id) = (fields.next(), fields.next());
        let mut event = Event::new(data);
        if let Some(name) = name {
            event = event.name(name);
        }
        if let Some(id) = id {
            event = event.id(id);
        }
        sse::encode_event(&event, &mut stream);
        let event = reader::expected(data, name, id, &last_event_id);
        last_event_id.clone_from(&event.last_event_id);
        wanted.push(event);
    }
    let mut reader = reader::Reader::default();
    for piece in stream.chunks(usize::from(cut).max(1)) {
        reader.read(piece);
    }
    assert!(reader.is_between_events());
    assert_eq!(reader.events, wanted);
    assert_eq!((reader.comments, reader.retry), (1, None));
}

/// Decodes and drains, checking what holds for every decoder: no message is left behind by an
/// error, and messages are never longer than what they were read from.
fn decoded(
    input_length: usize,
    decode: impl FnOnce(&mut Decoded) -> Result<(), DecodeError>,
) -> Result<Vec<String>, DecodeError> {
    let mut into = Decoded::new();
    let result = decode(&mut into);
    assert!(into.len() <= MAX_MESSAGES && into.bytes() <= input_length);
    assert!(result.is_ok() || (into.is_empty() && into.bytes() == 0));
    let texts: Vec<String> = into.drain().map(|text| text.to_string()).collect();
    result.map(|()| texts)
}

fn array_of(texts: &[String]) -> Vec<u8> {
    let mut json = b"[".to_vec();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        quote_into(text, &mut json);
    }
    json.push(b']');
    json
}

/// Small, so that inputs of fuzzing size reach them.
const MAX_MESSAGES: usize = 100;
const MAX_ID_LENGTH: usize = 16;
const MAX_CHANNELS: usize = 4;
