//! Section 1: which path is what, which methods it takes, and what is nobody's.

use std::collections::BTreeSet;

use sockeye_tests::{
    http1::{Connection, Request, Response},
    sockjs::{CALLBACK, Client, Receiver, session_id},
};

use crate::{Context, cases};

cases![
    every_url_refuses_other_methods_with_405,
    what_is_no_path_of_the_mount_is_404_for_every_method,
    one_trailing_slash_is_accepted_and_two_are_not,
    paths_outside_the_mounts_reach_the_host,
    case_matters,
    segments_are_matched_before_percent_decoding,
    an_id_that_only_decodes_alike_is_another_session,
    queries_never_take_part,
    the_server_part_is_ignored,
    every_mount_has_sessions_of_its_own,
    iframe_pages_have_any_tail_in_lower_case,
    head_has_no_body_and_creates_no_session,
];

const METHODS: [&str; 9] = [
    "GET", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "QUERY",
];

/// Path below the mount, with `{}` for a session, and its methods.
const URLS: [(&str, &[&str]); 12] = [
    ("", &["GET"]),
    ("/info", &["OPTIONS", "GET"]),
    ("/iframe.html", &["GET"]),
    ("/websocket", &["GET"]),
    ("/000/{}/websocket", &["GET"]),
    ("/000/{}/xhr", &["POST", "OPTIONS"]),
    ("/000/{}/xhr_send", &["POST", "OPTIONS"]),
    ("/000/{}/xhr_streaming", &["POST", "OPTIONS"]),
    ("/000/{}/eventsource", &["GET"]),
    ("/000/{}/htmlfile", &["GET"]),
    ("/000/{}/jsonp", &["GET"]),
    ("/000/{}/jsonp_send", &["POST"]),
];

fn url(template: &str) -> String {
    format!("/echo{}", template.replace("{}", &session_id()))
}

#[track_caller]
fn assert_not_found(response: &Response, what: &str) {
    assert_eq!(response.status(), 404, "{what}: {response:?}");
    assert_eq!(
        content_type(response).as_deref(),
        Some("text/plain;charset=UTF-8"),
        "{what}"
    );
    assert_eq!(response.text(), "404 Error: Page not found\n", "{what}");
}

/// Blanks after `;` are insignificant.
fn content_type(response: &Response) -> Option<String> {
    Some(response.header("content-type")?.replace(' ', ""))
}

fn every_url_refuses_other_methods_with_405(context: &Context) {
    let server = context.server();
    for (template, methods) in URLS {
        for trailing in ["", "/", "?t=1"] {
            let target = url(template) + trailing;
            for method in METHODS
                .iter()
                .chain(&["HEAD"])
                .filter(|method| !methods.contains(method))
            {
                let response = server.ask(&Request::any(method, &target));
                let what = format!("{method} {target}: {response:?}");
                // Free where GET takes no session: HEAD is GET without a body.
                let is_static = matches!(template, "" | "/info" | "/iframe.html");
                if *method == "HEAD" && is_static && response.status() == 200 {
                    continue;
                }
                assert_eq!(response.status(), 405, "{what}");
                let allow = response
                    .header("allow")
                    .unwrap_or_else(|| panic!("no Allow: {what}"));
                let allowed: BTreeSet<_> = allow
                    .split(", ")
                    .filter(|name| !(is_static && *name == "HEAD"))
                    .collect();
                assert_eq!(allowed, methods.iter().copied().collect(), "{what}");
                assert_eq!(response.header("content-type"), None, "{what}");
                assert_eq!(response.text(), "", "{what}");
            }
        }
    }
}

fn what_is_no_path_of_the_mount_is_404_for_every_method(context: &Context) {
    let server = context.server();
    #[rustfmt::skip]
    let paths = [
        // missing segments
        "//xhr", "/a/xhr", "//a/xhr", "/a//xhr", "//websocket", "/a/websocket", "///xhr", "/xhr", "/xhr_send", "/a/b", "/a/b/", "/a",
        "/a/",
        // dots
        "/a./a/xhr", "/a/a./xhr", "/./.", "/./a/xhr", "/a/./xhr", "/../a/xhr", "/a.b/c/xhr", "/a/b.c/websocket", "/000/a.b/xhr_send",
        // unknown last segments
        "/a/b/", "/a/b/xhrx", "/a/b/xhr_", "/a/b/xhr_stream", "/a/b/jsonp_", "/a/b/info", "/a/b/iframe.html", "/a/b/polling", "/infox",
        "/info.html", "/websocketx", "/a/b/web%73ocket", "/%69nfo",
        // more segments
        "/a/b/c/xhr", "/a/b/xhr/c", "/a/b/websocket/c", "/info/a", "/iframe.html/a", "/websocket/a/b/c",
        // gone with SockJS 0.1
        "/chunking_test",
    ];
    for path in paths {
        for method in METHODS {
            let target = format!("/echo{path}");
            let what = format!("{method} {target}");
            assert_not_found(&server.ask(&Request::any(method, &target)), &what);
        }
        let head = server.ask(&Request::new("HEAD", format!("/echo{path}")));
        assert_eq!((head.status(), head.text()), (404, ""), "HEAD /echo{path}");
    }
}

fn one_trailing_slash_is_accepted_and_two_are_not(context: &Context) {
    let server = context.server();
    for path in ["/echo//", "/echo///", "/echo////"] {
        assert_not_found(&server.ask(&Request::get(path)), path);
    }
    let good = [
        ("/echo/", 200),
        ("/echo/info/", 200),
        ("/echo/iframe.html/", 200),
        ("/echo/websocket/", 400),
    ];
    for (path, status) in good {
        assert_eq!(server.ask(&Request::get(path)).status(), status, "{path}");
        assert_not_found(&server.ask(&Request::get(format!("{path}/"))), path);
    }
    for receiver in Receiver::ALL {
        let path = format!("/echo/000/{}/{}", session_id(), receiver.name());
        let method = receiver.request("/echo", "x").method().to_owned();
        let mut connection = Connection::open(server);
        connection.send(&Request::any(&method, format!("{path}/?c={CALLBACK}")));
        assert_eq!(connection.head().status, 200, "{path}/");
        assert_not_found(
            &server.ask(&Request::any(&method, format!("{path}//?c={CALLBACK}"))),
            &path,
        );
    }
    let client = Client::open(server, "/echo");
    for sender in ["xhr_send", "jsonp_send"] {
        let path = format!("/echo/000/{}/{sender}", client.session);
        let sent = server.ask(
            &Request::post(format!("{path}/"))
                .header("Content-Type", "text/plain")
                .body("[]"),
        );
        assert!([200, 204].contains(&sent.status()), "{path}/: {sent:?}");
        assert_not_found(&server.ask(&Request::post(format!("{path}//"))), &path);
    }
    let framed = format!("/echo/000/{}/websocket/", session_id());
    assert_eq!(server.ask(&Request::get(framed)).status(), 400);
}

fn paths_outside_the_mounts_reach_the_host(context: &Context) {
    let server = context.server();
    for path in [
        "/echofoo",
        "/echo.html",
        "/ech",
        "/",
        "/echo%2Finfo",
        "/Echo",
        "/foo/echo/info",
        "/echo_/info",
    ] {
        let response = server.ask(&Request::get(path));
        // What the host says is its own affair; it is just not our answer.
        assert_eq!(response.status(), 404, "{path}");
        assert_ne!(
            response.text(),
            "404 Error: Page not found\n",
            "{path} was taken by a mount"
        );
    }
    let health = server.ask(&Request::get("/healthz"));
    assert_eq!((health.status(), health.text()), (200, "ok"));
}

fn case_matters(context: &Context) {
    let server = context.server();
    for path in [
        "/INFO",
        "/Info",
        "/WebSocket",
        "/a/b/XHR",
        "/a/b/Xhr_Send",
        "/IFRAME.HTML",
        "/Iframe.html",
    ] {
        assert_not_found(&server.ask(&Request::get(format!("/echo{path}"))), path);
    }
}

fn segments_are_matched_before_percent_decoding(context: &Context) {
    let server = context.server();
    for id in [
        "a%2Fb", "a%2Eb", "a%20b", "%", "%zz", "a+b", "a;b", "a=b", "a@b", "a:b", "%00", "%2e%2e",
        "~", "'\"",
    ] {
        // A name that no other test uses, nor the same test on another mount.
        let mut client = Client::new(server, "/echo");
        client.session = format!("{id}{}", client.session);
        client.expect_poll(Receiver::Xhr, "o");
        client.send(&["here"]);
        client.expect_poll(Receiver::Xhr, r#"a["here"]"#);
        let odd_server = server.ask(&Request::post(format!("/echo/{id}/{}/xhr", session_id())));
        assert_eq!(odd_server.text(), "o\n", "{id} as the server part");
    }
}

fn an_id_that_only_decodes_alike_is_another_session(context: &Context) {
    let mut client = Client::open(context.server(), "/echo");
    let id = client.session.clone();
    client.session = id.replacen('s', "%73", 1);
    assert_eq!(client.server.ask(&client.send_request("[]")).status(), 404);
    client.expect_poll(Receiver::Xhr, "o");
}

fn queries_never_take_part(context: &Context) {
    let server = context.server();
    for query in ["?t=1", "?", "?t=1&t=2", "?/../x", "?c=%", "??", "?a/b/xhr"] {
        assert_eq!(
            server
                .ask(&Request::get(format!("/echo/info{query}")))
                .status(),
            200,
            "{query}"
        );
        assert_eq!(
            server
                .ask(&Request::get(format!("/echo/iframe.html{query}")))
                .status(),
            200,
            "{query}"
        );
        assert_eq!(
            server.ask(&Request::get(format!("/echo/{query}"))).text(),
            "Welcome to SockJS!\n",
            "{query}"
        );
        assert_eq!(
            server.ask(&Request::get(format!("/echo{query}"))).text(),
            "Welcome to SockJS!\n",
            "{query}"
        );
        let path = format!("/echo/000/{}", session_id());
        assert_eq!(
            server
                .ask(&Request::post(format!("{path}/xhr{query}")))
                .text(),
            "o\n",
            "{query}"
        );
        let sent = server.ask(&Request::post(format!("{path}/xhr_send{query}")).body(r#"["x"]"#));
        assert_eq!(sent.status(), 204, "{query}");
        assert_eq!(
            server
                .ask(&Request::post(format!("{path}/xhr{query}")))
                .text(),
            "a[\"x\"]\n",
            "{query}"
        );
        assert_not_found(
            &server.ask(&Request::get(format!("/echo/nothing{query}"))),
            query,
        );
    }
}

fn the_server_part_is_ignored(context: &Context) {
    let server = context.server();
    let id = session_id();
    assert_eq!(
        server
            .ask(&Request::post(format!("/echo/000/{id}/xhr")))
            .text(),
        "o\n"
    );
    let sent = server.ask(&Request::post(format!("/echo/999/{id}/xhr_send")).body(r#"["x"]"#));
    assert_eq!(sent.status(), 204);
    assert_eq!(
        server
            .ask(&Request::post(format!("/echo/elsewhere/{id}/xhr")))
            .text(),
        "a[\"x\"]\n"
    );
}

fn every_mount_has_sessions_of_its_own(context: &Context) {
    let echo = Client::open(context.server(), "/echo");
    let elsewhere = Client {
        mount: "/amplify".into(),
        ..echo.clone()
    };
    assert_eq!(echo.server.ask(&elsewhere.send_request("[]")).status(), 404);
    elsewhere.expect_poll(Receiver::Xhr, "o");
    echo.send(&["mine"]);
    elsewhere.send(&["2"]);
    elsewhere.expect_poll(Receiver::Xhr, r#"a["xxxx"]"#);
    echo.expect_poll(Receiver::Xhr, r#"a["mine"]"#);
}

fn iframe_pages_have_any_tail_in_lower_case(context: &Context) {
    let server = context.server();
    let page = server.ask(&Request::get("/echo/iframe.html")).body;
    for tail in [
        "",
        "-",
        "-a",
        "a",
        "-0.1.2",
        "-0.1.2abc-dirty.2144",
        "_",
        ".",
        "..",
        "1",
        "-1.6.1.html",
        "-a_b-c.d",
    ] {
        let response = server.ask(&Request::get(format!("/echo/iframe{tail}.html")));
        assert_eq!(response.status(), 200, "{tail}");
        assert_eq!(response.body, page, "{tail}");
    }
    let none = [
        "/iframe.htm",
        "/iframe",
        "/IFRAME.HTML",
        "/iframe.HTML",
        "/iframe.xml",
        "/iframe-/.html",
        "/iframe-A.html",
        "/iframe%2E.html",
        "/iframe-a b.html",
        "/iframe.html.",
        "/xiframe.html",
        "/iframe.htmlx",
        "/iframe~.html",
    ];
    for path in none {
        let target = format!("/echo{}", path.replace(' ', "%20"));
        assert_not_found(&server.ask(&Request::get(target)), path);
    }
}

fn head_has_no_body_and_creates_no_session(context: &Context) {
    let server = context.server();
    for (template, _) in URLS {
        let client = Client::new(server, "/echo");
        let path = format!("/echo{}", template.replace("{}", &client.session));
        // Both on one connection: a body after HEAD would be read as the second answer.
        let mut connection = Connection::open(server);
        connection.send(&Request::new("HEAD", format!("{path}?c={CALLBACK}")));
        connection.send(&Request::get("/echo"));
        let head = connection.response("HEAD");
        assert!([200, 405].contains(&head.status()), "{path}: {head:?}");
        assert_eq!(
            connection.response("GET").text(),
            "Welcome to SockJS!\n",
            "after HEAD {path}"
        );
        assert_eq!(
            server.ask(&client.send_request("[]")).status(),
            404,
            "HEAD {path} made a session"
        );
    }
    let client = Client::open(server, "/echo");
    client.send(&["kept"]);
    for receiver in Receiver::ALL {
        let path = format!(
            "/echo/000/{}/{}?c={CALLBACK}",
            client.session,
            receiver.name()
        );
        assert_eq!(server.ask(&Request::new("HEAD", path)).status(), 405);
    }
    client.expect_poll(Receiver::Xhr, r#"a["kept"]"#);
}
