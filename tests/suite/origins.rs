//! The origin policy: a list admits its members on every route and refuses the others with 403.

use sockeye_tests::{
    http1::{Connection, Head, Request},
    http2,
    server::Server,
    sockjs::{Client, Receiver, session_id},
    websocket::{WebSocket, handshake},
};

use crate::{Context, cases};

cases![
    without_a_list_any_origin_is_let_in,
    a_list_lets_its_members_in,
    a_list_refuses_all_others_on_every_route,
    a_refused_request_touches_no_session,
    a_list_judges_requests_without_origin_by_fetch_metadata,
    a_list_frames_the_iframe_page,
    a_list_governs_extended_connect_too,
    a_list_leaves_the_host_alone,
];

const LIST: [&str; 2] = [
    "--allowed-origins",
    "http://good.test,https://also.test:8443",
];
const GOOD: [&str; 2] = ["http://good.test", "https://also.test:8443"];
const FOREIGN: [&str; 16] = [
    "http://evil.test",
    "null",
    "https://good.test",
    "http://good.test:8080",
    "http://good.test.evil.test",
    "http://evilgood.test",
    "http://sub.good.test",
    "http://good.test/",
    "http://good.test/path",
    "good.test",
    "not an origin",
    "http://good.test, http://evil.test",
    "https://also.test",
    "http://also.test:8443",
    "file://",
    "http://evil.test#http://good.test",
];

/// Every route that carries messages or tells of them, with a session of its own.
fn routes() -> Vec<(&'static str, Request)> {
    let id = session_id();
    let mut routes = vec![
        ("info", Request::get("/echo/info")),
        ("preflight of info", Request::new("OPTIONS", "/echo/info")),
        (
            "preflight of xhr",
            Request::new("OPTIONS", format!("/echo/000/{id}/xhr")),
        ),
        ("raw websocket", handshake("/echo/websocket")),
        (
            "framed websocket",
            handshake(&format!("/echo/000/{id}/websocket")),
        ),
    ];
    for receiver in Receiver::ALL {
        routes.push((
            receiver.name(),
            receiver.request("/echo", &format!("{id}{}", receiver.name())),
        ));
    }
    routes
}

fn head(server: &Server, request: &Request) -> Head {
    let mut connection = Connection::open(server);
    connection.send(request);
    connection.head()
}

fn senders(client: &Client<'_>) -> [Request; 2] {
    let jsonp = Request::new("POST", format!("/echo/000/{}/jsonp_send", client.session));
    [
        client.send_request(r#"["x"]"#),
        jsonp.header("Content-Type", "text/plain").body(r#"["x"]"#),
    ]
}

fn without_a_list_any_origin_is_let_in(context: &Context) {
    for origin in GOOD.iter().chain(&FOREIGN) {
        for (name, request) in routes() {
            let head = head(context.server(), &request.header("Origin", origin));
            assert!(
                [101, 200, 204].contains(&head.status),
                "{name} from {origin}: {head:?}"
            );
        }
    }
}

fn a_list_lets_its_members_in(context: &Context) {
    let server = context.start(&LIST);
    for origin in GOOD {
        for (name, request) in routes() {
            let head = head(&server, &request.header("Origin", origin));
            assert!(
                [101, 200, 204].contains(&head.status),
                "{name} from {origin}: {head:?}"
            );
            if let Some(allowed) = head.header("access-control-allow-origin") {
                assert_eq!(allowed, origin, "{name}");
            }
        }
        let client = Client::open(&server, "/echo");
        for request in senders(&client) {
            let response = server.ask(&request.header("Origin", origin));
            assert!(response.status() < 300, "{origin}: {response:?}");
            client.expect_poll(Receiver::Xhr, r#"a["x"]"#);
        }
        let (_, mut socket) = WebSocket::on(
            Connection::open(&server),
            &handshake("/echo/websocket").header("Origin", origin),
        );
        socket.text("x");
        socket.expect_text("x");
    }
}

fn a_list_refuses_all_others_on_every_route(context: &Context) {
    let server = context.start(&LIST);
    let mut let_in = Vec::new();
    for origin in FOREIGN {
        for (name, request) in routes() {
            let head = head(&server, &request.header("Origin", origin));
            if head.status != 403 {
                let_in.push(format!("{name} from {origin}: {}", head.status));
            } else {
                assert_eq!(
                    head.header("access-control-allow-origin"),
                    None,
                    "{name} from {origin}: {head:?}"
                );
                assert_eq!(
                    head.header("access-control-allow-credentials"),
                    None,
                    "{name} from {origin}: {head:?}"
                );
            }
        }
        let client = Client::open(&server, "/echo");
        for request in senders(&client) {
            let status = server.ask(&request.header("Origin", origin)).status();
            if status != 403 {
                let_in.push(format!("a sender from {origin}: {status}"));
            }
        }
        client.send(&["only this"]);
        if client.poll() != r#"a["only this"]"# {
            let_in.push(format!("a message from {origin}"));
        }
    }
    assert!(let_in.is_empty(), "{}", let_in.join("; "));
}

fn a_refused_request_touches_no_session(context: &Context) {
    let server = context.start(&LIST);
    for receiver in Receiver::ALL {
        let client = Client::new(&server, "/echo");
        let request = receiver
            .request("/echo", &client.session)
            .header("Origin", "http://evil.test");
        assert_eq!(head(&server, &request).status, 403);
        assert_eq!(
            server.ask(&client.send_request("[]")).status(),
            404,
            "{receiver:?} made a session"
        );
        let client = Client::open(&server, "/echo");
        client.send(&["kept"]);
        let request = receiver
            .request("/echo", &client.session)
            .header("Origin", "http://evil.test");
        assert_eq!(head(&server, &request).status, 403);
        client.expect_poll(Receiver::Xhr, r#"a["kept"]"#);
    }
}

fn a_list_judges_requests_without_origin_by_fetch_metadata(context: &Context) {
    let server = context.start(&LIST);
    #[rustfmt::skip]
    let cases: [(bool, &[(&str, &str)]); 11] = [
        (true,  &[]),
        (true,  &[("Sec-Fetch-Site", "same-origin")]),
        (true,  &[("Sec-Fetch-Site", "none")]),
        (true,  &[("Sec-Fetch-Site", "cross-site"), ("Referer", "http://good.test/page?x")]),
        (true,  &[("Sec-Fetch-Site", "same-site"), ("Referer", "https://also.test:8443/")]),
        (true,  &[("Sec-Fetch-Site", "same-origin"), ("Referer", "http://evil.test/")]),
        (false, &[("Sec-Fetch-Site", "cross-site"), ("Referer", "http://evil.test/http://good.test")]),
        (false, &[("Sec-Fetch-Site", "cross-site"), ("Referer", "https://good.test/")]),
        (false, &[("Sec-Fetch-Site", "same-site"), ("Referer", "http://evil.test/")]),
        (false, &[("Sec-Fetch-Site", "same-site"), ("Referer", "http://good.test.evil.test/")]),
        (false, &[("Sec-Fetch-Site", "cross-site"), ("Referer", "garbage")]),
    ];
    for (passes, headers) in cases {
        for (name, request) in routes() {
            let request = headers.iter().fold(request, |request, (name, value)| {
                request.header(name, value)
            });
            let head = head(&server, &request);
            if passes {
                assert!(
                    [101, 200, 204].contains(&head.status),
                    "{name} with {headers:?}: {head:?}"
                );
            } else {
                assert_eq!(head.status, 403, "{name} with {headers:?}: {head:?}");
            }
        }
    }
}

fn a_list_frames_the_iframe_page(context: &Context) {
    let server = context.start(&LIST);
    let page = server.ask(&Request::get("/echo/iframe.html"));
    assert_eq!(page.status(), 200, "{page:?}");
    let policy = page
        .header("content-security-policy")
        .unwrap_or_else(|| panic!("no policy: {page:?}"));
    let directive = policy
        .split(';')
        .find_map(|part| part.trim().strip_prefix("frame-ancestors "))
        .unwrap_or_default();
    let ancestors: Vec<_> = directive.split_whitespace().collect();
    for origin in GOOD {
        assert!(ancestors.contains(&origin), "{policy}");
    }
    assert!(!ancestors.contains(&"*"), "{policy}");
    let anywhere = context.server().ask(&Request::get("/echo/iframe.html"));
    assert_eq!(
        anywhere.header("content-security-policy"),
        None,
        "any origin may frame it: {anywhere:?}"
    );
}

fn a_list_governs_extended_connect_too(context: &Context) {
    let server = context.start(&LIST);
    let mut client = http2::Client::connect(&server);
    let version = ("sec-websocket-version", "13");
    for path in [
        "/echo/websocket".to_owned(),
        format!("/echo/000/{}/websocket", session_id()),
    ] {
        for origin in ["http://evil.test", "null"] {
            let head = client
                .connect_protocol(&path, "websocket", &[version, ("origin", origin)])
                .head();
            assert_eq!(head.status, 403, "{path} from {origin}");
        }
        let head = client
            .connect_protocol(&path, "websocket", &[version, ("origin", GOOD[0])])
            .head();
        assert_eq!(head.status, 200, "{path}");
    }
}

fn a_list_leaves_the_host_alone(context: &Context) {
    let server = context.start(&LIST);
    let response = server.ask(&Request::get("/healthz").header("Origin", "http://evil.test"));
    assert_eq!((response.status(), response.text()), (200, "ok"));
}
