//! What holds for any input: codecs agree with `serde_json`, with each other and with themselves.

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    sample::{Index, select},
};
use sockeye_core::limits::CALLBACK_LENGTH;
use sockeye_core::{
    escape::{Markup, quote_into, quote_plain_into},
    sockjs::{
        callback::parse_callback,
        decode::{DecodeError, Decoded, decode_array, decode_form, decode_text_frame},
        framing::Framing,
        info::Info,
        multiplex::{Command, Event, Multiplexer, escape, unescape},
        url::{Target, parse_path},
    },
};

const MAX_MESSAGES: usize = 10_000;

proptest! {
    #![proptest_config(config())]

    #[test]
    fn quoted_text_reads_back_as_itself(text in text()) {
        let quoted = quoted(&text);
        prop_assert_eq!(&serde_json::from_str::<String>(&quoted).unwrap(), &text);
        let read = decoded(|into| decode_text_frame(&quoted, MAX_MESSAGES, into));
        prop_assert_eq!(read, Ok(vec![text]));
        let is_mangled = |character: char| matches!(
            u32::from(character),
            0..=0x1F | 0x200C..=0x200F | 0x2028..=0x202F | 0x2060..=0x206F | 0xFFF0..
        );
        prop_assert!(!quoted.contains(is_mangled), "{}", quoted);
    }

    #[test]
    fn quoted_frames_read_back_as_themselves(text in text()) {
        for markup in [Markup::Keep, Markup::Escape] {
            let mut out = Vec::new();
            quote_plain_into(text.as_bytes(), markup, &mut out);
            prop_assert_eq!(&serde_json::from_slice::<String>(&out).unwrap(), &text);
            prop_assert!(markup == Markup::Keep || !out.contains(&b'<'));
        }
    }

    #[test]
    fn every_way_of_writing_a_message_is_read((json, texts) in body()) {
        let array = decoded(|into| decode_array(json.as_bytes(), MAX_MESSAGES, into));
        prop_assert_eq!(array.as_ref(), Ok(&texts), "{}", json);
        let frame = decoded(|into| decode_text_frame(&json, MAX_MESSAGES, into));
        prop_assert_eq!(frame.as_ref(), Ok(&texts));
        let form = format!("i=a1&d={}", form_encoded(&json));
        let form = decoded(|into| decode_form(form.as_bytes(), MAX_MESSAGES, into));
        prop_assert_eq!(form, Ok(texts));
    }

    #[test]
    fn changed_bodies_are_judged_as_serde_json_judges_them(
        (json, _) in body(),
        changes in vec(change(), 1..4),
    ) {
        let mut body = json.into_bytes();
        for change in &changes {
            change.apply(&mut body);
        }
        let ours = decoded(|into| decode_array(&body, MAX_MESSAGES, into));
        match serde_json::from_slice::<Vec<String>>(&body) {
            Ok(texts) => prop_assert_eq!(ours, Ok(texts)),
            Err(_) if body.is_empty() => prop_assert_eq!(ours, Err(DecodeError::PayloadExpected)),
            // Where serde_json minds a lone surrogate, only the property above can judge.
            Err(_) if has_escaped_surrogate(&body) => {}
            Err(_) => prop_assert_eq!(ours, Err(DecodeError::BrokenJson)),
        }
    }

    #[test]
    fn websocket_texts_are_arrays_or_one_string(
        (json, _) in body(),
        (start, end) in (any::<Index>(), any::<Index>()),
        change in change(),
    ) {
        // A piece of a body, often from one quote to another.
        let quotes: Vec<usize> = json.match_indices('"').map(|(at, _)| at).collect();
        let mut body = match quotes.len() {
            0 => json.into_bytes(),
            count => {
                let (start, end) = (quotes[start.index(count)], quotes[end.index(count)]);
                json.as_bytes()[start.min(end)..=start.max(end)].to_vec()
            }
        };
        for _ in 0..2 {
            if let Ok(payload) = std::str::from_utf8(&body) {
                let frame = decoded(|into| decode_text_frame(payload, MAX_MESSAGES, into));
                let in_array = format!("[{payload}]");
                let expected = if payload.is_empty() {
                    Ok(vec![])
                } else if payload.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
                    decoded(|into| decode_array(payload.as_bytes(), MAX_MESSAGES, into))
                } else {
                    // One member of an array, that is, neither none nor several.
                    decoded(|into| decode_array(in_array.as_bytes(), MAX_MESSAGES, into))
                        .and_then(|texts| match texts.len() {
                            1 => Ok(texts),
                            _ => Err(DecodeError::BrokenJson),
                        })
                };
                prop_assert_eq!(frame, expected, "{}", payload);
            }
            change.apply(&mut body);
        }
    }

    #[test]
    fn a_refused_body_leaves_what_was_there(
        (first, first_texts) in body(),
        (second, second_texts) in body(),
        cut in any::<Index>(),
        limit in 0usize..12,
    ) {
        let mut into = Decoded::new();
        decode_array(first.as_bytes(), MAX_MESSAGES, &mut into).unwrap();
        let cut = &second.as_bytes()[..cut.index(second.trim_end().len())];
        prop_assert!(decode_array(cut, MAX_MESSAGES, &mut into).is_err());
        let result = decode_array(second.as_bytes(), limit, &mut into);
        let kept: Vec<String> = into.drain().map(|text| text.to_string()).collect();
        if second_texts.len() > limit {
            prop_assert_eq!(result, Err(DecodeError::TooManyMessages { limit }));
            prop_assert_eq!(kept, first_texts);
        } else {
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(kept, [first_texts, second_texts].concat());
        }
    }

    #[test]
    fn wrapped_frames_can_be_unwrapped(texts in vec(text(), 1..4)) {
        let strings: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        let frame = format!("a[{}]", strings.join(","));
        let unwrap = |framing: Framing, start: &str, end: &str| {
            let mut out = Vec::new();
            framing.wrap(&mut out, |out| out.extend_from_slice(frame.as_bytes()));
            let wrapped = String::from_utf8(out).unwrap();
            wrapped.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).unwrap().to_owned()
        };

        prop_assert_eq!(&unwrap(Framing::Xhr, "", "\n"), &frame);

        let event = unwrap(Framing::EventSource, "data: ", "\r\n\r\n");
        prop_assert!(!event.contains(['\r', '\n', '\0']));
        prop_assert_eq!(event.matches('%').count(), event.matches("%25").count());
        prop_assert_eq!(&event.replace("%25", "%"), &frame);

        let html_file = Framing::HtmlFile { callback: "cb".into() };
        let literal = unwrap(html_file, "<script>\np(", ");\n</script>\r\n");
        prop_assert!(!literal.contains('<'));
        prop_assert_eq!(&serde_json::from_str::<String>(&literal).unwrap(), &frame);

        let literal = unwrap(Framing::Jsonp { callback: "cb".into() }, "/**/cb(", ");\r\n");
        prop_assert_eq!(&serde_json::from_str::<String>(&literal).unwrap(), &frame);
    }

    #[test]
    fn accepted_callbacks_are_harmless(
        name in select(vec!["c", "callback", "%63", "d"]),
        value in "[a-zA-Z0-9_.-]{0,33}(%[0-9a-f]{2}|[%<>('é+&=])?",
    ) {
        if let Ok(callback) = parse_callback(Some(&format!("t=1&{name}={value}")), CALLBACK_LENGTH) {
            prop_assert!((1..=CALLBACK_LENGTH).contains(&callback.len()));
            let is_harmless = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            prop_assert!(callback.chars().all(is_harmless), "{}", callback);
        }
    }

    #[test]
    fn session_ids_are_single_segments_as_sent(
        path in "(/[a-z%./]{0,6}){1,3}(/(xhr|jsonp|websocket))?/{0,2}",
    ) {
        if let Some(Target::Session { session, .. }) = parse_path(&path, 5) {
            prop_assert!((1..=5).contains(&session.len()));
            prop_assert!(!session.contains('.'));
            prop_assert_eq!(path.split('/').nth(2), Some(session));
        }
    }

    #[test]
    fn info_is_json_whatever_the_base_url(base_url in text(), entropy in any::<u32>()) {
        let info = Info {
            websocket: true,
            cookie_needed: false,
            base_url: Some(&base_url),
            cors: true,
            entropy,
        };
        let told: serde_json::Value = serde_json::from_str(&info.to_json()).unwrap();
        prop_assert_eq!(&told["base_url"], &base_url);
        prop_assert_eq!(&told["entropy"], entropy);
    }

    #[test]
    fn topics_survive_escaping(name in text()) {
        let escaped = escape(&name);
        prop_assert!(escaped.is_ascii() && !escaped.contains(','));
        prop_assert_eq!(&unescape(&escaped), &name);
    }

    #[test]
    fn commands_read_back_as_themselves(topic in text(), payload in text()) {
        let topic = escape(&topic);
        for command in [
            Command::Subscribe { topic: &topic },
            Command::Message { topic: &topic, payload: &payload },
            Command::Unsubscribe { topic: &topic },
        ] {
            let message = command.to_string();
            prop_assert_eq!(Command::parse(&message), Some(command));
        }
    }

    #[test]
    fn channels_follow_a_plain_model(
        script in vec((select(vec!["sub", "msg", "uns", "close"]), 0..6usize), 0..60),
        limit in 0..5usize,
    ) {
        let topics = ["a", "b", "c", "d", "e", "never registered"];
        let mut channels = Multiplexer::new(limit);
        let mut open = [false; 6];
        for (kind, index) in script {
            let topic = topics[index];
            let count = open.iter().filter(|&&is_open| is_open).count();
            if kind == "close" {
                prop_assert_eq!(channels.close(topic), open[index]);
                open[index] = false;
                continue;
            }
            let expected = match (kind, open[index]) {
                ("sub", false) if index == 5 => None,
                ("sub", false) if count == limit => Some(Event::Refused { topic }),
                ("sub", false) => Some(Event::Opened { topic }),
                ("msg", true) => Some(Event::Message { topic, payload: "x,y" }),
                ("uns", true) => Some(Event::Closed { topic }),
                _ => None,
            };
            match expected {
                Some(Event::Opened { .. }) => open[index] = true,
                Some(Event::Closed { .. }) => open[index] = false,
                _ => {}
            }
            let message = format!("{kind},{topic},x,y");
            let event = channels.handle_message(&message, |topic| topic != topics[5]);
            prop_assert_eq!(event, expected);
            prop_assert!(channels.len() <= limit);
        }
        let left = open.iter().filter(|&&is_open| is_open).count();
        prop_assert_eq!(channels.handle_end().count(), left);
    }
}

fn config() -> ProptestConfig {
    // No file of past failures: what it would hold belongs into a table of the codec's own tests.
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Texts with many of the characters that codecs treat in their own way, short and long.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        6 => proptest::char::range(' ', '~'),
        1 => proptest::char::range('\0', '\u{ff}'),
        1 => proptest::char::range('\u{2000}', '\u{2070}'),
        1 => proptest::char::range('\u{ffe0}', '\u{ffff}'),
        1 => any::<char>(),
    ];
    vec(character, 0..120).prop_map(String::from_iter)
}

/// How a client writes one character, or one UTF-16 unit, inside a JSON string.
#[derive(Clone, Debug)]
enum Piece {
    Raw(char),
    Escaped(u16),
    Short(char),
}

impl Piece {
    fn write(&self, json: &mut String) {
        match self {
            Self::Raw(character @ ('"' | '\\')) => json.extend(['\\', *character]),
            Self::Raw(character) if *character < ' ' => {
                json.push_str(&format!("\\u{:04X}", u32::from(*character)));
            }
            Self::Raw(character) => json.push(*character),
            Self::Escaped(unit) => json.push_str(&format!("\\u{unit:04x}")),
            Self::Short(letter) => json.extend(['\\', *letter]),
        }
    }

    fn units(&self) -> Vec<u16> {
        let character = match self {
            Self::Escaped(unit) => return vec![*unit],
            Self::Raw(character) => *character,
            Self::Short('b') => '\x08',
            Self::Short('f') => '\x0c',
            Self::Short('n') => '\n',
            Self::Short('r') => '\r',
            Self::Short('t') => '\t',
            Self::Short(literal) => *literal,
        };
        character.encode_utf16(&mut [0; 2]).to_vec()
    }
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => any::<char>().prop_map(Piece::Raw),
        8 => proptest::char::range(' ', '~').prop_map(Piece::Raw),
        1 => any::<u16>().prop_map(Piece::Escaped),
        2 => (0xD7FF..=0xE000u16).prop_map(Piece::Escaped),
        1 => select(vec!['b', 'f', 'n', 'r', 't', '/', '"', '\\']).prop_map(Piece::Short),
    ]
}

/// A body that a client may send, with blanks where JSON allows them, and its messages.
fn body() -> impl Strategy<Value = (String, Vec<String>)> {
    let blanks = || select(vec!["", "", "", " ", "\n", "\r\n\t "]);
    let message = (vec(piece(), 0..60), blanks(), blanks());
    (vec(message, 0..12), blanks()).prop_map(|(messages, blank)| {
        let mut json = format!("{blank}[{blank}");
        let mut texts = Vec::new();
        for (pieces, before, after) in messages {
            if !texts.is_empty() {
                json.push(',');
            }
            json.push_str(before);
            json.push('"');
            pieces.iter().for_each(|piece| piece.write(&mut json));
            json.push('"');
            json.push_str(after);
            // Lone surrogates become U+FFFD, which is the rule for messages too.
            let units: Vec<u16> = pieces.iter().flat_map(Piece::units).collect();
            texts.push(String::from_utf16_lossy(&units));
        }
        json.push(']');
        json.push_str(blank);
        (json, texts)
    })
}

/// One change to a body: a byte put in, taken out or replaced, or the end cut off.
#[derive(Clone, Debug)]
enum Change {
    Insert(Index, u8),
    Remove(Index),
    Replace(Index, u8),
    Cut(Index),
}

impl Change {
    fn apply(&self, body: &mut Vec<u8>) {
        match self {
            Self::Insert(at, byte) => body.insert(at.index(body.len() + 1), *byte),
            _ if body.is_empty() => {}
            Self::Remove(at) => {
                body.remove(at.index(body.len()));
            }
            Self::Replace(at, byte) => {
                let at = at.index(body.len());
                body[at] = *byte;
            }
            Self::Cut(at) => body.truncate(at.index(body.len())),
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let special = b"\"\\[]{},: \n\tu0dDn\0\x1f\x80\xc3\xed\xff";
    let byte = || prop_oneof![any::<u8>(), select(special.to_vec())];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

/// Whether `body` has an escaped surrogate, which `serde_json` refuses when it is alone.
fn has_escaped_surrogate(body: &[u8]) -> bool {
    body.windows(4).any(|window| {
        window[..2] == *br"\u"
            && window[2].eq_ignore_ascii_case(&b'd')
            && window[3].is_ascii_hexdigit()
            && window[3] >= b'8'
    })
}

fn decoded(
    decode: impl FnOnce(&mut Decoded) -> Result<(), DecodeError>,
) -> Result<Vec<String>, DecodeError> {
    let mut into = Decoded::new();
    decode(&mut into)?;
    let (count, bytes) = (into.len(), into.bytes());
    let texts: Vec<String> = into.drain().map(|text| text.to_string()).collect();
    assert_eq!(
        (count, bytes),
        (texts.len(), texts.iter().map(String::len).sum())
    );
    Ok(texts)
}

fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    quote_into(text, &mut out);
    String::from_utf8(out).expect("quoting keeps UTF-8")
}
