//! What event streams are asked with, and what their answers say besides events.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use sockeye_tower::{
    Accept, Body, CloseReason, ConnectRequest, CookieHook, Limit, Origins, Reject, Transport,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    plain_websocket::over_http2,
    support::{Server, drain, peer, rest, to},
};

async fn ask(server: &Server, method: Method, lines: &[(&str, &str)]) -> Response<Body> {
    let mut request = to(method, "/");
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    server.request(request).await
}

#[tokio::test(start_paused = true)]
async fn the_head_keeps_everyone_on_the_way_from_holding_events_back() {
    let (server, _sessions) = Server::streaming(|mount| mount);
    let response = ask(&server, Method::GET, &[]).await;
    assert_eq!(response.status(), StatusCode::OK);
    let headers = response.headers();
    #[rustfmt::skip]
    let expected = [
        ("content-type",                "text/event-stream"),
        ("cache-control",               "no-store, no-cache, no-transform, must-revalidate, max-age=0"),
        ("x-accel-buffering",           "no"),
        ("x-content-type-options",      "nosniff"),
        ("access-control-allow-origin", "*"),
        ("vary",                        "Origin"),
    ];
    for (name, value) in expected {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.len(), expected.len(), "{headers:?}");
}

#[tokio::test(start_paused = true)]
async fn other_methods_are_refused_with_those_that_are_allowed() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    for method in ["POST", "PUT", "DELETE", "HEAD", "CONNECT", "X"] {
        let response = ask(&server, method.parse().unwrap(), &[]).await;
        assert_eq!(
            response.status(),
            StatusCode::METHOD_NOT_ALLOWED,
            "{method}"
        );
        assert_eq!(response.headers()["allow"], "OPTIONS, GET", "{method}");
    }
    assert!(sessions.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn it_answers_at_every_path_below_and_the_handler_sees_which() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    for target in [
        "/",
        "/info",
        "/0/s/info?a=b",
        "/a%2Fb",
        "//",
        "/iframe.html",
    ] {
        let mut stream = server.receive(target).await;
        assert_eq!(stream.next().await.unwrap(), ":\n\n");
        let session = sessions.recv().await.unwrap();
        assert_eq!(session.request().uri(), target);
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_event_id_is_found_in_the_header_or_the_query() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let long = "9".repeat(30_000);
    let long_target = format!("/?lastEventId={long}");
    type Case<'a> = (&'a str, Option<&'a [u8]>, Option<&'a str>);
    #[rustfmt::skip]
    let cases: [Case<'_>; 11] = [
        // target                  header                expected
        ("/",                      None,                 None),
        ("/",                      Some(b"42"),          Some("42")),
        ("/",                      Some(b""),            None),
        ("/?a=b&lastEventId=7&x",  None,                 Some("7")),
        ("/?lastEventId=",         None,                 None),
        ("/?xlastEventId=7",       None,                 None),
        ("/?lastEventId=7",        Some(b"42"),          Some("42")),
        ("/",                      Some("é1".as_bytes()), Some("é1")),
        // Not UTF-8, so no browser sent it.
        ("/",                      Some(b"\xff\xfe"),    None),
        ("/",                      Some(long.as_bytes()), Some(&long)),
        (&long_target,             None,                 Some(&long)),
    ];
    for (target, header, expected) in cases {
        let mut request = to(Method::GET, target);
        if let Some(header) = header {
            let value = HeaderValue::from_bytes(header).unwrap();
            request = request.header("last-event-id", value);
        }
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = server.request(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let session = sessions.recv().await.unwrap();
        let request = session.request();
        assert_eq!(request.last_event_id(), expected, "{target:.20}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_read_it_where_the_policy_admits_them() {
    let listed = "https://app.example";
    let foreign = "https://evil.example";
    type Case<'a> = (Origins, &'a str, bool);
    let cases: [Case<'_>; 6] = [
        (Origins::SameOrigin, "http://a", true),
        (Origins::SameOrigin, foreign, false),
        (Origins::from([listed]), listed, true),
        (Origins::from([listed]), foreign, false),
        (Origins::from([listed]), "null", false),
        (Origins::Any, "null", true),
    ];
    for (policy, origin, is_admitted) in cases {
        let case = format!("{policy:?} {origin}");
        let (server, _sessions) = Server::streaming(|mount| mount.allowed_origins(policy));
        let lines = [
            ("origin", origin),
            ("access-control-request-headers", "last-event-id"),
        ];
        let preflight = ask(&server, Method::OPTIONS, &lines).await;
        let stream = ask(&server, Method::GET, &lines[..1]).await;
        if !is_admitted {
            assert_eq!(preflight.status(), 403, "{case}");
            assert_eq!(stream.status(), 403, "{case}");
            assert_eq!(server.hits(Limit::Origin), 2, "{case}");
            continue;
        }
        assert_eq!(preflight.status(), 204, "{case}");
        assert_eq!(stream.status(), 200, "{case}");
        for response in [&preflight, &stream] {
            let headers = response.headers();
            assert_eq!(headers["access-control-allow-origin"], origin, "{case}");
            assert_eq!(headers["access-control-allow-credentials"], "true");
            assert_eq!(headers["vary"], "Origin");
        }
        let headers = preflight.headers();
        assert_eq!(headers["access-control-allow-methods"], "OPTIONS, GET");
        assert_eq!(headers["access-control-allow-headers"], "last-event-id");
        assert!(headers.contains_key("access-control-max-age"));
    }
    let (server, _sessions) = Server::streaming(|mount| mount.cors(false));
    for method in [Method::GET, Method::OPTIONS] {
        let response = ask(&server, method, &[("origin", "http://a")]).await;
        let headers = response.headers();
        let about_cors = |name: &&http::HeaderName| name.as_str().starts_with("access-control");
        assert_eq!(headers.keys().find(about_cors), None);
    }
}

#[tokio::test(start_paused = true)]
async fn cookies_for_load_balancers_are_on_every_answer() {
    let (server, _sessions) =
        Server::streaming(|mount| mount.cookie(CookieHook::jsessionid()).max_sessions(1));
    let known = [("cookie", "JSESSIONID=n1~x")];
    for (lines, expected) in [(&[][..], "dummy"), (&known[..], "n1~x")] {
        for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
            let response = ask(&server, method, lines).await;
            assert_eq!(response.status(), status);
            let cookie = response.headers()["set-cookie"].to_str().unwrap();
            let expected = format!("JSESSIONID={expected};");
            assert!(cookie.starts_with(&expected), "{cookie}");
            drop(response);
            rest().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hooks_answer_is_what_it_said_and_204_stops_the_browser() {
    #[derive(Debug, PartialEq)]
    struct User(String);
    let (server, mut sessions) = Server::streaming(|mount| {
        mount.on_connect(async |request: &ConnectRequest| {
            assert_eq!(request.transport(), Transport::EventStream);
            match request.cookie("user") {
                None => Err(Reject::status(204)),
                Some("json") => {
                    let json = "application/json".parse().unwrap();
                    Err(Reject::status(200)
                        .header(http::header::CONTENT_TYPE, json)
                        .body("{}"))
                }
                Some("nobody") => Err(Reject::status(401).body("log in first")),
                Some(user) => Ok(Accept::new()
                    .data(User(user.into()))
                    .header("x-seen".parse().unwrap(), "yes".parse().unwrap())),
            }
        })
    });
    #[rustfmt::skip]
    let cases = [
        ("x=y",         204, None,                              ""),
        ("user=json",   200, Some("application/json"),          "{}"),
        ("user=nobody", 401, Some("text/plain; charset=UTF-8"), "log in first"),
    ];
    for (cookie, status, content_type, body) in cases {
        let response = ask(&server, Method::GET, &[("cookie", cookie)]).await;
        assert_eq!(response.status(), status, "{cookie}");
        let found = response.headers().get("content-type");
        assert_eq!(found.map(|found| found.to_str().unwrap()), content_type);
        assert_eq!(response.collect().await.unwrap().to_bytes(), body);
    }
    assert!(sessions.try_recv().is_err());
    let response = ask(&server, Method::GET, &[("cookie", "user=ann")]).await;
    assert_eq!(response.headers()["x-seen"], "yes");
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let session = sessions.recv().await.unwrap();
    assert_eq!(*session.data::<User>().unwrap(), User("ann".into()));
}

#[tokio::test(start_paused = true)]
async fn streams_are_limited_in_all_and_per_address() {
    let (server, _sessions) =
        Server::streaming(|mount| mount.max_sessions(2).max_sessions_per_address(1));
    let from = async |address: &str| {
        let request = to(Method::GET, "/").extension(peer(address));
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        server.request(request).await
    };
    let one = from("10.0.0.1").await;
    assert_eq!(one.status(), 200);
    let again = from("10.0.0.1").await;
    assert_eq!(again.status(), 503);
    let two = from("10.0.0.2").await;
    assert_eq!(two.status(), 200);
    let full = from("10.0.0.3").await;
    assert_eq!(full.status(), 503);
    assert_eq!(full.headers()["retry-after"], "5");
    assert_eq!(server.hits(Limit::SessionsPerAddress), 1);
    assert_eq!(server.hits(Limit::Sessions), 1);
    drop(one);
    rest().await;
    assert_eq!(from("10.0.0.1").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn over_http10_the_stream_ends_with_the_connection() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let mut connection = server.connect(1 << 16);
    connection
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let session = sessions.recv().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    session.send("hello").await.unwrap();
    let mut first = [0; 16];
    connection.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b":\n\ndata: hello\n\n");
    drop(session);
    let mut last = String::new();
    connection.read_to_string(&mut last).await.unwrap();
    assert_eq!(last, ": 1000 Normal closure\n\n");
}

#[tokio::test(start_paused = true)]
async fn over_http11_each_event_is_a_chunk_and_the_connection_goes_on_after_the_end() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let mut connection = server.connect(1 << 16);
    for _ in 0..2 {
        connection
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let session = sessions.recv().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(
            head.contains("\r\ntransfer-encoding: chunked\r\n"),
            "{head}"
        );
        let mut prelude = [0; 8];
        connection.read_exact(&mut prelude).await.unwrap();
        assert_eq!(&prelude, b"3\r\n:\n\n\r\n");
        session.send("hello").await.unwrap();
        let mut event = [0; 18];
        connection.read_exact(&mut event).await.unwrap();
        assert_eq!(&event, b"D\r\ndata: hello\n\n\r\n");
        drop(session);
        let expected = b"17\r\n: 1000 Normal closure\n\n\r\n0\r\n\r\n";
        let mut end = vec![0; expected.len()];
        connection.read_exact(&mut end).await.unwrap();
        assert_eq!(end, expected, "{}", String::from_utf8_lossy(&end));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_can_be_read_by_a_page_of_an_admitted_origin() {
    let (server, _sessions) = Server::streaming(|mount| mount);
    drain(&server.handle);
    let response = ask(&server, Method::GET, &[("origin", "http://a")]).await;
    assert_eq!(response.status(), 503);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "http://a");
    assert_eq!(headers["content-type"], "text/plain; charset=UTF-8");
}

#[tokio::test(start_paused = true)]
async fn over_http2_streams_are_side_by_side_and_each_ends_alone() {
    let (server, mut sessions) = Server::streaming(|mount| mount);
    let mut sender = over_http2(&server).await;
    let mut streams = Vec::new();
    for n in 0..20 {
        let request = http::Request::get(format!("http://a/{n}"));
        let request = request.body(Empty::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let mut body = response.into_body();
        let prelude = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(prelude, ":\n\n");
        streams.push((body, sessions.recv().await.unwrap()));
    }
    for (body, session) in streams.iter_mut().rev() {
        session.send(session.request().uri()).await.unwrap();
        let event = body.frame().await.unwrap().unwrap().into_data().unwrap();
        let expected = format!("data: {}\n\n", session.request().uri());
        assert_eq!(event, expected);
    }
    // Giving a stream up is told to the server, and to that session alone.
    let (body, mut session) = streams.remove(7);
    drop(body);
    assert_eq!(session.recv().await, None);
    assert_eq!(session.close_reason(), Some(CloseReason::Disconnected));
    for (_, session) in &streams {
        assert_eq!(session.close_reason(), None);
    }
}
