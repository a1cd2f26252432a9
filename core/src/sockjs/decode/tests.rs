use DecodeError::{BrokenJson, PayloadExpected, TooManyMessages};

use super::*;

const MAX: usize = 10_000;

/// What the case is called, the body, and the messages it holds.
type Case<'a> = (&'a str, &'a str, Result<&'a [&'a str], DecodeError>);

type Decode<'a> = &'a dyn Fn(&mut Decoded) -> Result<(), DecodeError>;

/// Decodes between two other messages, which must come out whole whatever happens.
fn messages(decode: Decode<'_>) -> Result<Vec<String>, DecodeError> {
    let mut into = Decoded::new();
    decode_text_frame(r#""before""#, MAX, &mut into).unwrap();
    let result = decode(&mut into);
    decode_text_frame(r#""after""#, MAX, &mut into).unwrap();
    let mut texts: Vec<String> = into.drain().map(|text| text.to_string()).collect();
    assert_eq!(texts.remove(0), "before");
    assert_eq!(texts.pop().as_deref(), Some("after"));
    if result.is_err() {
        assert!(texts.is_empty(), "an error left {texts:?}");
    }
    result.map(|()| texts)
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn decodes_bodies_of_xhr_send() {
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        // case                     body                      expected
        ("nothing sent",            "",                       Err(PayloadExpected)),
        ("blanks alone",            " ",                      Err(BrokenJson)),
        ("one message",             r#"["a"]"#,               Ok(&["a"])),
        ("two messages",            r#"["a","b"]"#,           Ok(&["a", "b"])),
        ("no message",              "[]",                     Ok(&[])),
        ("no message, blanks",      " [ ] ",                  Ok(&[])),
        ("empty messages",          r#"["",""]"#,             Ok(&["", ""])),
        ("blanks of every kind",    "\r\n\t [ \"a\"\n,\t\"b\"\r] \n", Ok(&["a", "b"])),
        ("brackets inside",         r#"["[\"]","],"]"#,       Ok(&["[\"]", "],"])),
        ("short escapes",           r#"["\"\\\/\b\f\n\r\t"]"#, Ok(&["\"\\/\x08\x0c\n\r\t"])),
        ("unicode escapes",         r#"["\u0041\u00e9\u20AC\u0000"]"#, Ok(&["Aé€\0"])),
        ("raw beyond ASCII",        "[\"é€😀\u{7f}\u{2028}\"]", Ok(&["é€😀\u{7f}\u{2028}"])),
        ("surrogate pair",          r#"["\ud83d\ude00"]"#,    Ok(&["😀"])),
        ("pair in capitals",        r#"["\uD83D\uDE00"]"#,    Ok(&["😀"])),
        ("first and last pair",     r#"["\ud800\udc00\udbff\udfff"]"#, Ok(&["\u{10000}\u{10ffff}"])),
        ("lone high surrogate",     r#"["x\ud800y"]"#,        Ok(&["x\u{fffd}y"])),
        ("lone low surrogate",      r#"["x\udc00y"]"#,        Ok(&["x\u{fffd}y"])),
        ("high at the end",         r#"["\ud800"]"#,          Ok(&["\u{fffd}"])),
        ("pair in wrong order",     r#"["\udc00\ud800"]"#,    Ok(&["\u{fffd}\u{fffd}"])),
        ("high before a pair",      r#"["\ud800\ud83d\ude00"]"#, Ok(&["\u{fffd}😀"])),
        ("high before an escape",   r#"["\ud800\n"]"#,        Ok(&["\u{fffd}\n"])),
        ("high before a letter",    r#"["\ud800\u0041"]"#,    Ok(&["\u{fffd}A"])),
        ("high, then half escape",  r#"["\ud800\ude"]"#,      Err(BrokenJson)),
        ("high, then bad escape",   r#"["\ud800\x"]"#,        Err(BrokenJson)),
        ("array left open",         r#"["a""#,                Err(BrokenJson)),
        ("string left open",        r#"["a"#,                 Err(BrokenJson)),
        ("open bracket alone",      "[",                      Err(BrokenJson)),
        ("open after a comma",      r#"["a","#,               Err(BrokenJson)),
        ("comma before the end",    r#"["a",]"#,              Err(BrokenJson)),
        ("comma first",             r#"[,"a"]"#,              Err(BrokenJson)),
        ("comma alone",             "[,]",                    Err(BrokenJson)),
        ("comma missing",           r#"["a" "b"]"#,           Err(BrokenJson)),
        ("comma twice",             r#"["a",,"b"]"#,          Err(BrokenJson)),
        ("behind the array",        r#"["a"]x"#,              Err(BrokenJson)),
        ("two arrays",              r#"["a"]["b"]"#,          Err(BrokenJson)),
        ("byte order mark",         "\u{feff}[\"a\"]",        Err(BrokenJson)),
        ("no-break space",          "\u{a0}[\"a\"]",          Err(BrokenJson)),
        ("object",                  "{}",                     Err(BrokenJson)),
        ("bare string",             r#""a""#,                 Err(BrokenJson)),
        ("null",                    "null",                   Err(BrokenJson)),
        ("number inside",           r#"["a",1]"#,             Err(BrokenJson)),
        ("null inside",             "[null]",                 Err(BrokenJson)),
        ("array inside",            r#"[["a"]]"#,             Err(BrokenJson)),
        ("object inside",           "[{}]",                   Err(BrokenJson)),
        ("other quotes",            "['a']",                  Err(BrokenJson)),
        ("raw line feed",           "[\"a\nb\"]",             Err(BrokenJson)),
        ("raw NUL",                 "[\"\0\"]",               Err(BrokenJson)),
        ("raw 1F",                  "[\"\x1f\"]",             Err(BrokenJson)),
        ("unknown escape",          r#"["\x41"]"#,            Err(BrokenJson)),
        ("escaped apostrophe",      r#"["\'"]"#,              Err(BrokenJson)),
        ("escape of three digits",  r#"["\u041"]"#,           Err(BrokenJson)),
        ("escape with a sign",      r#"["\u+041"]"#,          Err(BrokenJson)),
        ("escape cut short",        r#"["\u00"#,              Err(BrokenJson)),
        ("backslash at the end",    r#"["\"#,                 Err(BrokenJson)),
    ];
    for (case, body, expected) in cases {
        let result = messages(&|into| decode_array(body.as_bytes(), MAX, into));
        assert_eq!(result, expected.map(owned), "{case}");
    }
}

#[test]
fn bytes_that_are_no_utf8_break_the_whole_body() {
    for body in [
        &b"[\"a\",\"\xff\"]"[..],
        b"[\"\xed\xa0\x80\"]",
        b"[\"\xc3\"]",
        b"\xff",
        b"[\"\xc0\xaf\"]",
    ] {
        assert_eq!(
            messages(&|into| decode_array(body, MAX, into)),
            Err(BrokenJson),
            "{body:?}"
        );
    }
}

#[test]
fn decodes_forms_of_jsonp_send() {
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        // case                  body                              expected
        ("of the client",        "d=%5B%22x%22%5D",                Ok(&["x"])),
        ("not encoded",          r#"d=["x"]"#,                     Ok(&["x"])),
        ("plus and percent",     r#"d=["a+b%2Bc%25"]"#,            Ok(&["a b+c%"])),
        ("name encoded",         r#"%64=["x"]"#,                   Ok(&["x"])),
        ("last of the fields",   r#"a=1&b&d=["x"]"#,               Ok(&["x"])),
        ("first of the fields",  r#"d=["x"]&i=a1"#,                Ok(&["x"])),
        ("beyond ASCII",         "d=%5B%22%C3%A9%22%5D",           Ok(&["é"])),
        ("ampersand inside",     "d=%5B%22%26d%3D%22%5D",          Ok(&["&d="])),
        ("no message",           "d=[]",                           Ok(&[])),
        ("nothing sent",         "",                               Err(PayloadExpected)),
        ("empty",                "d=",                             Err(PayloadExpected)),
        ("without equals",       "d",                              Err(PayloadExpected)),
        ("absent",               r#"e=["x"]"#,                     Err(PayloadExpected)),
        ("capital",              r#"D=["x"]"#,                     Err(PayloadExpected)),
        ("cut short",            "d=%5B%22x",                      Err(BrokenJson)),
        ("twice",                r#"d=["x"]&d=["y"]"#,             Err(BrokenJson)),
        ("no UTF-8",             "d=%5B%22%FF%22%5D",              Err(BrokenJson)),
    ];
    for (case, body, expected) in cases {
        let result = messages(&|into| decode_form(body.as_bytes(), MAX, into));
        assert_eq!(result, expected.map(owned), "{case}");
    }
}

#[test]
fn decodes_texts_of_framed_websockets() {
    #[rustfmt::skip]
    let cases: &[Case<'_>] = &[
        // case                  payload            expected
        ("empty",                "",                Ok(&[])),
        ("array",                r#"["a","b"]"#,    Ok(&["a", "b"])),
        ("no message",           "[]",              Ok(&[])),
        ("blank before",         r#" ["a"]"#,       Ok(&["a"])),
        ("bare string",          r#""a""#,          Ok(&["a"])),
        ("bare string, blanks",  " \"a\" \n",       Ok(&["a"])),
        ("bare empty string",    r#""""#,           Ok(&[""])),
        ("blanks alone",         "  ",              Err(BrokenJson)),
        ("not JSON",             "hello",           Err(BrokenJson)),
        ("string left open",     r#""a"#,           Err(BrokenJson)),
        ("two strings",          r#""a""b""#,       Err(BrokenJson)),
        ("array left open",      r#"["a""#,         Err(BrokenJson)),
        ("number",               "1",               Err(BrokenJson)),
        ("null",                 "null",            Err(BrokenJson)),
        ("object",               r#"{"a":"b"}"#,    Err(BrokenJson)),
        ("null inside",          "[null]",          Err(BrokenJson)),
        ("byte order mark",      "\u{feff}[\"a\"]", Err(BrokenJson)),
    ];
    for (case, payload, expected) in cases {
        let result = messages(&|into| decode_text_frame(payload, MAX, into));
        assert_eq!(result, expected.map(owned), "{case}");
    }
}

#[test]
fn the_number_of_messages_in_one_body_is_limited() {
    let body = |count| format!("[{}]", vec!["\"\""; count].join(","));
    for limit in [0, 1, 2, 100] {
        for count in [limit.max(1) - 1, limit, limit + 1] {
            let expected = match count <= limit {
                true => Ok(vec![String::new(); count]),
                false => Err(TooManyMessages { limit }),
            };
            let body = body(count);
            let form = format!("d={body}");
            let array = messages(&|into| decode_array(body.as_bytes(), limit, into));
            assert_eq!(array, expected, "{count} of {limit}");
            assert_eq!(
                messages(&|into| decode_form(form.as_bytes(), limit, into)),
                expected
            );
            assert_eq!(
                messages(&|into| decode_text_frame(&body, limit, into)),
                expected
            );
        }
    }
    let bare = messages(&|into| decode_text_frame(r#""a""#, 0, into));
    assert_eq!(bare, Err(TooManyMessages { limit: 0 }));
}

#[test]
fn nesting_costs_no_stack() {
    let body = "[".repeat(1_000_000);
    assert_eq!(
        messages(&|into| decode_array(body.as_bytes(), MAX, into)),
        Err(BrokenJson)
    );
    assert_eq!(
        messages(&|into| decode_text_frame(&body, MAX, into)),
        Err(BrokenJson)
    );
}

#[test]
fn a_string_may_end_anywhere_around_a_chunk() {
    for length in 0..100 {
        let text = "x".repeat(length);
        for (raw, special) in [("", ""), (r"\n", "\n"), (r"\ud83d\ude00", "😀"), ("é", "é")] {
            let body = format!(r#"["{text}{raw}","{raw}{text}"]"#);
            let expected = vec![format!("{text}{special}"), format!("{special}{text}")];
            let result = messages(&|into| decode_array(body.as_bytes(), MAX, into));
            assert_eq!(result, Ok(expected), "{length}");
        }
    }
}

#[test]
fn knows_the_bodies_of_senders() {
    #[rustfmt::skip]
    let cases = [
        // content type                                          xhr    jsonp
        (None,                                                   true,  Some(BodyKind::Json)),
        (Some(""),                                               true,  Some(BodyKind::Json)),
        (Some(" ; charset=UTF-8"),                               true,  Some(BodyKind::Json)),
        (Some("text/plain"),                                     true,  Some(BodyKind::Json)),
        (Some("Text/Plain ;charset=UTF-8"),                      true,  Some(BodyKind::Json)),
        (Some("T"),                                              true,  None),
        (Some("application/json"),                               true,  None),
        (Some("application/xml;"),                               true,  None),
        (Some("text/xml"),                                       true,  None),
        (Some("application/x-www-form-urlencoded"),              false, Some(BodyKind::Form)),
        (Some("APPLICATION/x-www-form-urlencoded; charset=x"),   false, Some(BodyKind::Form)),
        (Some("multipart/form-data"),                            false, None),
        (Some("text/plainer"),                                   false, None),
        (Some("text"),                                           false, None),
        (Some("\u{e9}"),                                         false, None),
    ];
    for (content_type, xhr, jsonp) in cases {
        let bytes = content_type.map(str::as_bytes);
        assert_eq!(body_kind_xhr(bytes), xhr, "{content_type:?}");
        assert_eq!(body_kind_jsonp(bytes), jsonp, "{content_type:?}");
    }
}

#[test]
fn tells_the_client_in_the_words_of_the_protocol() {
    assert_eq!(PayloadExpected.wire_text(), "Payload expected.");
    assert_eq!(BrokenJson.wire_text(), "Broken JSON encoding.");
}
