//! Section 3: greeting, info and iframe page.

use std::collections::HashSet;

use serde_json::{Value, json};
use sockeye_tests::http1::Request;

use crate::{Context, cases};

cases![
    the_greeting_is_nineteen_bytes,
    info_tells_what_the_mount_can_do,
    info_has_fresh_entropy_in_every_answer,
    the_iframe_page_is_exact,
    the_iframe_page_names_the_configured_script,
    the_iframe_tag_saves_a_second_transfer,
    every_mount_greets,
];

fn the_greeting_is_nineteen_bytes(context: &Context) {
    for path in ["/echo", "/echo/", "/echo?x=1", "/echo/?x=1"] {
        let response = context.server().ask(&Request::get(path));
        assert_eq!(
            (response.status(), response.text()),
            (200, "Welcome to SockJS!\n"),
            "{path}"
        );
    }
}

fn info_tells_what_the_mount_can_do(context: &Context) {
    #[rustfmt::skip]
    let mounts = [
        // mount                        websocket   cookie_needed
        ("/echo",                       true,       false),
        ("/disabled_websocket_echo",    false,      false),
        ("/cookie_needed_echo",         true,       true),
        ("/close",                      true,       false),
    ];
    for (mount, websocket, cookie_needed) in mounts {
        let response = context.server().ask(&Request::get(format!("{mount}/info")));
        let mut info: Value = serde_json::from_slice(&response.body).expect("JSON");
        let entropy = info
            .as_object_mut()
            .and_then(|info| info.remove("entropy"))
            .expect("entropy");
        assert!(
            entropy.as_u64().is_some_and(|entropy| entropy < 1 << 32),
            "{entropy}"
        );
        let expected =
            json!({"websocket": websocket, "cookie_needed": cookie_needed, "origins": ["*:*"]});
        assert_eq!(info, expected, "{mount}");
    }
}

fn info_has_fresh_entropy_in_every_answer(context: &Context) {
    let seen: Vec<u64> = (0..64)
        .map(|_| {
            let response = context.server().ask(&Request::get("/echo/info"));
            let info: Value = serde_json::from_slice(&response.body).expect("JSON");
            info["entropy"].as_u64().expect("a number")
        })
        .collect();
    // Of 64 fair draws out of 2^32, two are alike once in two million runs and three never are.
    assert!(seen.iter().collect::<HashSet<_>>().len() >= 63, "{seen:?}");
    // All in one half of the range: once in 2^63 runs.
    assert!(seen.iter().any(|entropy| *entropy >= 1 << 31), "{seen:?}");
    assert!(seen.iter().any(|entropy| *entropy < 1 << 31), "{seen:?}");
}

fn page(script: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html>
<head>
  <meta http-equiv="X-UA-Compatible" content="IE=edge" />
  <meta http-equiv="Content-Type" content="text/html; charset=UTF-8" />
  <script src="{script}"></script>
  <script>
    document.domain = document.domain;
    SockJS.bootstrap_iframe();
  </script>
</head>
<body>
  <h2>Don't panic!</h2>
  <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>
</body>
</html>"#
    )
}

fn the_iframe_page_is_exact(context: &Context) {
    let response = context.server().ask(&Request::get("/echo/iframe.html"));
    let text = response.text();
    let script = text
        .split("<script src=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a script");
    // The default may be any public CDN's copy of the 1.6.1 client.
    assert!(
        script.starts_with("https://") && script.contains("1.6.1"),
        "{script}"
    );
    assert_eq!(text, page(script));
    assert_eq!(text.len(), 409 + script.len());
}

fn the_iframe_page_names_the_configured_script(context: &Context) {
    for url in ["/own/sockjs.js", "http://localhost/sockjs.js"] {
        let server = context.start(&["--sockjs-url", url]);
        assert_eq!(
            server.ask(&Request::get("/echo/iframe-1.6.1.html")).text(),
            page(url)
        );
    }
}

fn the_iframe_tag_saves_a_second_transfer(context: &Context) {
    let server = context.server();
    let first = server.ask(&Request::get("/echo/iframe.html"));
    let tag = first.header("etag").expect("an ETag").to_owned();
    assert!(
        tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
        "strong and quoted: {tag}"
    );
    assert_eq!(
        server
            .ask(&Request::get("/echo/iframe-other.html"))
            .header("etag"),
        Some(&*tag),
        "of the body alone"
    );
    assert_eq!(
        server
            .ask(&Request::get("/close/iframe.html"))
            .header("etag"),
        Some(&*tag),
        "of the body alone"
    );
    for sent in [
        tag.clone(),
        format!("\"other\", {tag}"),
        format!("{tag},\"other\""),
    ] {
        let second = server.ask(&Request::get("/echo/iframe.html").header("If-None-Match", &sent));
        assert_eq!(second.status(), 304, "{sent}: {second:?}");
        assert_eq!(second.text(), "");
        assert_eq!(second.header("content-type"), None, "{second:?}");
        assert_eq!(
            second.header("cache-control"),
            Some("public, max-age=31536000"),
            "{second:?}"
        );
        assert!(second.header("expires").is_some(), "{second:?}");
        assert_eq!(second.header("last-modified"), None, "{second:?}");
    }
    for sent in ["\"other\"", "", "garbage"] {
        let again = server.ask(&Request::get("/echo/iframe.html").header("If-None-Match", sent));
        assert_eq!((again.status(), &again.body), (200, &first.body), "{sent}");
    }
}

fn every_mount_greets(context: &Context) {
    let mounts = [
        "/echo",
        "/disabled_websocket_echo",
        "/cookie_needed_echo",
        "/close",
        "/amplify",
        "/broadcast",
        "/ticker",
        "/multiplex",
    ];
    for mount in mounts {
        for path in [mount.to_owned(), format!("{mount}/")] {
            assert_eq!(
                context.server().ask(&Request::get(&path)).text(),
                "Welcome to SockJS!\n",
                "{path}"
            );
        }
    }
}
