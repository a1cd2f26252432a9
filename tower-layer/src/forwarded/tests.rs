use std::panic::catch_unwind;

use http::{HeaderValue, Request};
use proptest::{collection::vec, prelude::*};

use super::*;

fn proxies() -> TrustedProxies {
    TrustedProxies::new(["10.0.0.0/8", "192.0.2.7", "fd00::/8"])
}

/// What a request from `peer` with these headers is taken for: the client's address, whether its
/// connection is secure, and what is told of where it was sent.
fn seen(peer: &str, headers: &[(&str, &[u8])]) -> (String, bool, Told) {
    let mut request = Request::builder().extension(PeerAddress(peer.parse().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let told = proxies().apply(&mut parts);
    let client = parts.extensions.get::<PeerAddress>().unwrap().0;
    let is_secure = parts.extensions.get::<Secure>().is_some();
    (client.to_string(), is_secure, told)
}

#[test]
fn the_client_is_the_last_address_that_is_not_a_trusted_proxy() {
    #[rustfmt::skip]
    let cases: &[(&str, &[&str], &str)] = &[
        // peer                X-Forwarded-For lines                 client
        ("10.0.0.1:9",         &[],                                  "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5"],                     "203.0.113.5:0"),
        ("10.0.0.1:9",         &["203.0.113.5:4711"],                "203.0.113.5:4711"),
        ("192.0.2.7:9",        &["203.0.113.5"],                     "203.0.113.5:0"),
        ("192.0.2.8:9",        &["203.0.113.5"],                     "192.0.2.8:9"),
        ("[::ffff:10.0.0.1]:9",&["203.0.113.5"],                     "203.0.113.5:0"),
        ("[fd00::1]:9",        &["2001:db8::5"],                     "[2001:db8::5]:0"),
        ("[fd00::1]:9",        &["[2001:db8::5]"],                   "[2001:db8::5]:0"),
        ("[fd00::1]:9",        &["[2001:db8::5]:81"],                "[2001:db8::5]:81"),
        ("[fe80::1]:9",        &["2001:db8::5"],                     "[fe80::1]:9"),
        // What the client wrote itself stands to the left.
        ("10.0.0.1:9",         &["6.6.6.6, 203.0.113.5"],            "203.0.113.5:0"),
        ("10.0.0.1:9",         &["6.6.6.6,203.0.113.5 , 10.0.0.2"],  "203.0.113.5:0"),
        ("10.0.0.1:9",         &["6.6.6.6", "203.0.113.5", "10.0.0.2"], "203.0.113.5:0"),
        ("10.0.0.1:9",         &["10.9.9.9, 203.0.113.5, 10.0.0.2"], "203.0.113.5:0"),
        // Nobody but proxies: the first of them asked.
        ("10.0.0.1:9",         &["10.0.0.3, 10.0.0.2"],              "10.0.0.3:0"),
        ("10.0.0.1:9",         &["::ffff:10.0.0.3, fd00::2"],        "10.0.0.3:0"),
        // An address in no known form ends the search at the proxy that tells it.
        ("10.0.0.1:9",         &["203.0.113.5, unknown"],            "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5, unknown, 10.0.0.2"],  "10.0.0.2:0"),
        ("10.0.0.1:9",         &["203.0.113.5, _hidden"],            "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5, 300.1.1.1"],          "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5, a.example"],          "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5:x"],                   "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5:"],                    "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5:65536"],               "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5:+1"],                  "10.0.0.1:9"),
        ("10.0.0.1:9",         &["[2001:db8::5"],                    "10.0.0.1:9"),
        ("10.0.0.1:9",         &["[2001:db8::5]81"],                 "10.0.0.1:9"),
        ("10.0.0.1:9",         &["[203.0.113.5]"],                   "10.0.0.1:9"),
        ("10.0.0.1:9",         &["2001:db8::5%eth0"],                "10.0.0.1:9"),
        // Empty elements are none.
        ("10.0.0.1:9",         &[""],                                "10.0.0.1:9"),
        ("10.0.0.1:9",         &[" , ,,"],                           "10.0.0.1:9"),
        ("10.0.0.1:9",         &["203.0.113.5, , ", ""],             "203.0.113.5:0"),
    ];
    for (peer, lines, expected) in cases {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("x-forwarded-for", line.as_bytes()))
            .collect();
        assert_eq!(seen(peer, &headers).0, *expected, "{peer} {lines:?}");
    }
    // Bytes that are no text, to the left of what a proxy appended to the same line.
    let headers = [("x-forwarded-for", &b"\xff\xfe, 203.0.113.5"[..])];
    assert_eq!(seen("10.0.0.1:9", &headers).0, "203.0.113.5:0");
    let headers = [("x-forwarded-for", &b"203.0.113.5, \xff"[..])];
    assert_eq!(seen("10.0.0.1:9", &headers).0, "10.0.0.1:9");
}

#[test]
fn scheme_and_host_belong_to_the_address_at_their_place() {
    let two = "203.0.113.5, 10.0.0.2";
    #[rustfmt::skip]
    let cases = [
        // for              proto           host          secure  scheme               host
        ("203.0.113.5",     "https",        "a.example",  true,   Some(Scheme::Https), Some("a.example")),
        ("203.0.113.5",     "HTTPS",        "A.example:1",true,   Some(Scheme::Https), Some("a.example:1")),
        ("203.0.113.5",     "wss",          "",           true,   Some(Scheme::Https), None),
        ("203.0.113.5",     "ws",           "",           false,  Some(Scheme::Http),  None),
        ("203.0.113.5",     "http",         "",           false,  Some(Scheme::Http),  None),
        ("203.0.113.5",     "ftp",          "a b",        false,  None,                None),
        ("203.0.113.5",     "",             "",           false,  None,                None),
        // One client, of whom one value is told; the rest is what the client wrote.
        ("203.0.113.5",     "https, http",  "e, a",       false,  Some(Scheme::Http),  Some("a")),
        (two,               "https, http",  "a, b",       true,   Some(Scheme::Https), Some("a")),
        (two,               "http, https",  "a, b",       false,  Some(Scheme::Http),  Some("a")),
        (two,               "x, https, http", "e, a, b",  true,   Some(Scheme::Https), Some("a")),
        (two,               "https",        "a",          true,   Some(Scheme::Https), Some("a")),
        (two,               "junk, https",  "?, b",       true,   Some(Scheme::Https), Some("b")),
        // A proxy that tells no address, or hides it, may still tell these.
        ("",                "https",        "a",          true,   Some(Scheme::Https), Some("a")),
        ("",                "http, https",  "e, a",       true,   Some(Scheme::Https), Some("a")),
        ("unknown",         "http, https",  "e, a",       true,   Some(Scheme::Https), Some("a")),
        // All are proxies: what stands further left nobody has told.
        ("10.0.0.2",        "http, https",  "e, a",       true,   Some(Scheme::Https), Some("a")),
    ];
    for (chain, proto, host, is_secure, scheme, expected) in cases {
        let headers = [
            ("x-forwarded-for", chain),
            ("x-forwarded-proto", proto),
            ("x-forwarded-host", host),
        ];
        let headers = headers.map(|(name, value)| (name, value.as_bytes()));
        let told = Told {
            scheme,
            host: expected.and_then(Authority::parse),
        };
        let (_, secure, seen) = seen("10.0.0.1:9", &headers);
        assert_eq!((secure, seen), (is_secure, told), "{headers:?}");
    }
}

#[test]
fn forwarded_is_read_where_there_is_no_x_forwarded_for() {
    type Lines<'a> = &'a [&'a str];
    #[rustfmt::skip]
    let cases: &[(Lines<'_>, &str, Option<Scheme>, Option<&str>)] = &[
        // Forwarded lines                                client            scheme               host
        (&["for=203.0.113.5"],                            "203.0.113.5:0",  None,                None),
        (&["For=\"203.0.113.5:81\";Proto=HTTPS;HOST=a"],  "203.0.113.5:81", Some(Scheme::Https), Some("a")),
        (&["for=203.0.113.5:81"],                         "203.0.113.5:81", None,                None),
        (&["for=\"[2001:db8::5]:81\" ; proto=http"],      "[2001:db8::5]:81", Some(Scheme::Http), None),
        (&["for=\"203.0.113.5:_obf\""],                   "203.0.113.5:0",  None,                None),
        (&["for=203.0.113.5;host=\"a:81\";by=_x;ext=1"],  "203.0.113.5:0",  None,                Some("a:81")),
        (&["for=203.0.113.5;host=\"\\a\""],               "203.0.113.5:0",  None,                Some("a")),
        (&["for=6.6.6.6, for=203.0.113.5;proto=https, for=10.0.0.2;proto=http"],
                                                          "203.0.113.5:0",  Some(Scheme::Https), None),
        (&["for=6.6.6.6", "for=203.0.113.5", ""],         "203.0.113.5:0",  None,                None),
        (&["for=203.0.113.5, for=10.0.0.2;proto=https;host=a"], "203.0.113.5:0", Some(Scheme::Https), Some("a")),
        (&["for=203.0.113.5, for=unknown;proto=https"],   "10.0.0.1:9",     Some(Scheme::Https), None),
        (&["for=203.0.113.5, for=_hidden"],               "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5, proto=https"],               "10.0.0.1:9",     Some(Scheme::Https), None),
        (&["for=203.0.113.5;"],                           "203.0.113.5:0",  None,                None),
        // Malformed elements say nothing, and end the search.
        (&["for=203.0.113.5;for=203.0.113.6"],            "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5, proto=https;x"],             "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5, pro to=https"],              "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5;proto = https"],              "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5;proto=\"https"],              "10.0.0.1:9",     None,                None),
        (&["for=\"203.0.113.5"],                          "10.0.0.1:9",     None,                None),
        (&["for="],                                       "10.0.0.1:9",     None,                None),
        (&["\""],                                         "10.0.0.1:9",     None,                None),
        (&["for=203.0.113.5;host=\"a\\\""],               "10.0.0.1:9",     None,                None),
        // A client's open quote to the left of what a proxy appended.
        (&["for=6.6.6.6;by=\", for=203.0.113.5"],         "203.0.113.5:0",  None,                None),
        (&["for=6.6.6.6;by=\", for=\"203.0.113.5:1\""],   "203.0.113.5:1",  None,                None),
        (&["\\\\\", for=\"203.0.113.5:1\""],              "203.0.113.5:1",  None,                None),
        // A client's Host, quoted by the proxy.
        (&["for=203.0.113.5;host=\"a\\\",for=6.6.6.6;b=\\\"\""], "203.0.113.5:0", None,          None),
        (&["for=203.0.113.5;host=\"a,for=6.6.6.6\""],     "203.0.113.5:0",  None,                None),
    ];
    for (lines, client, scheme, host) in cases {
        let headers: Vec<_> = lines
            .iter()
            .map(|line| ("forwarded", line.as_bytes()))
            .collect();
        let told = Told {
            scheme: *scheme,
            host: host.and_then(Authority::parse),
        };
        let (address, is_secure, seen_told) = seen("10.0.0.1:9", &headers);
        assert_eq!((&*address, seen_told), (*client, told), "{lines:?}");
        assert_eq!(is_secure, *scheme == Some(Scheme::Https), "{lines:?}");
        // From anyone else it is a header like any other.
        let stranger = seen("198.51.100.1:9", &headers);
        assert_eq!(
            stranger,
            ("198.51.100.1:9".into(), false, Told::default()),
            "{lines:?}"
        );
        // And it is not read beside an X-Forwarded-For.
        let both = [&headers[..], &[("x-forwarded-for", b"203.0.113.9")]].concat();
        let (address, is_secure, told) = seen("10.0.0.1:9", &both);
        assert_eq!(
            (&*address, is_secure, told),
            ("203.0.113.9:0", false, Told::default())
        );
    }
}

#[test]
fn a_word_on_the_scheme_replaces_what_the_host_says() {
    for (proto, expected) in [
        (None, true),
        (Some("https"), true),
        (Some("http"), false),
        (Some("x"), true),
    ] {
        let mut request = Request::builder()
            .extension(PeerAddress("10.0.0.1:9".parse().unwrap()))
            .extension(Secure);
        if let Some(proto) = proto {
            request = request.header("x-forwarded-proto", proto);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        proxies().apply(&mut parts);
        assert_eq!(
            parts.extensions.get::<Secure>().is_some(),
            expected,
            "{proto:?}"
        );
    }
}

#[test]
fn where_the_host_does_not_tell_the_peer_nobody_is_trusted() {
    let request = Request::builder()
        .header("x-forwarded-for", "203.0.113.5")
        .header("x-forwarded-proto", "https");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    let everyone = TrustedProxies::new(["0.0.0.0/0", "::/0"]);
    assert_eq!(everyone.apply(&mut parts), Told::default());
    assert!(parts.extensions.is_empty());
}

/// Lists as long as heads can be: the work is bounded, the place that counts stays the right one.
#[test]
fn long_lists_are_read_from_the_right_and_not_for_ever() {
    let junk = [
        "10.0.0.9,".repeat(7_000),
        ",".repeat(64_000),
        "\"".repeat(63_999),
        "\\".repeat(64_000),
        "\\\"".repeat(32_000),
        "\"\\\"".repeat(21_000),
        ";".repeat(64_000),
        "a=b;".repeat(16_000),
        "x".repeat(64_000),
    ];
    for junk in junk {
        let start = &junk[..6];
        let list = format!("{junk}, 203.0.113.5");
        let (client, ..) = seen("10.0.0.1:9", &[("x-forwarded-for", list.as_bytes())]);
        assert_eq!(client, "203.0.113.5:0", "{start}");
        let list = format!("{junk}, for=203.0.113.5");
        let (client, ..) = seen("10.0.0.1:9", &[("forwarded", list.as_bytes())]);
        assert_eq!(client, "203.0.113.5:0", "{start}");
        // With nothing appended it is nonsense, or proxies without end.
        for name in ["x-forwarded-for", "forwarded", "x-forwarded-proto"] {
            let (client, ..) = seen("10.0.0.1:9", &[(name, junk.as_bytes())]);
            assert!(client.starts_with("10.0.0."), "{name} {start}: {client}");
        }
    }
    let chain = |length: usize| format!("203.0.113.5{}", ", 10.0.0.2".repeat(length));
    for (length, expected) in [
        (MAX_HOPS - 1, "203.0.113.5:0"),
        (MAX_HOPS, "10.0.0.2:0"),
        (MAX_HOPS + 1, "10.0.0.2:0"),
    ] {
        let list = chain(length);
        let (client, ..) = seen("10.0.0.1:9", &[("x-forwarded-for", list.as_bytes())]);
        assert_eq!(client, expected, "{length}");
    }
}

#[test]
fn what_is_no_network_is_named() {
    TrustedProxies::new(vec!["10.1.2.3/8".to_owned(), "::1".to_owned()]);
    for entry in [
        "",
        "proxy.example",
        "10.0.0.0/33",
        "10.0.0",
        "10.0.0.1:80",
        "[::1]",
        "fd00::/129",
        "/8",
    ] {
        let refused = catch_unwind(|| TrustedProxies::new(["10.0.0.1", entry])).unwrap_err();
        let message = refused.downcast::<String>().unwrap();
        assert!(
            message.starts_with(&format!("trusted_proxies: {entry:?} ")),
            "{message}"
        );
    }
}

/// Bytes that a header can hold, quotes, escapes and delimiters above all.
fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(b"\"\\,;=: []_for".to_vec()),
        1 => any::<u8>().prop_filter("no header holds it", |byte| {
            HeaderValue::from_bytes(&[*byte]).is_ok()
        }),
    ];
    vec(byte, 0..60)
}

proptest! {
    /// Whatever a client sends, what the proxy in front of us appended is what counts.
    #[test]
    fn no_client_can_hide_what_a_proxy_appended(sent in header_bytes(), is_new in any::<bool>()) {
        let appended: &[&[u8]] = if is_new {
            &[b",for=203.0.113.5", b", for=\"203.0.113.5\";host=\"a,\\\",b\"", b", for=\"203.0.113.5:_x\""]
        } else {
            &[b",203.0.113.5", b", 203.0.113.5"]
        };
        let name = if is_new { "forwarded" } else { "x-forwarded-for" };
        for appended in appended {
            let line = [&sent, *appended].concat();
            prop_assert_eq!(seen("10.0.0.1:9", &[(name, &line)]).0, "203.0.113.5:0");
            // On a line of its own just as well.
            let own = &appended[1..];
            prop_assert_eq!(seen("10.0.0.1:9", &[(name, &sent), (name, own)]).0, "203.0.113.5:0");
        }
        // Alone it is whatever it is, and no reason to fail.
        seen("10.0.0.1:9", &[(name, &sent)]);
    }
}
