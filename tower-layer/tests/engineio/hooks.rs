//! The application's word on requests: hooks, origins, cookies, limits and times.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use http::{HeaderName, HeaderValue};
use sockeye_tower::{
    Accept, CloseReason, ConnectRequest, CookieHook, EngineIo, Handle, Limit, Origins, Reject,
    Transport,
};

use crate::{
    client::Sent,
    support::{Server, drain, echo, pass, rest, secs},
};

const NOT_ALLOWED: &str =
    "this page's origin is not allowed here; the server's setting is allowed_origins";

#[tokio::test(start_paused = true)]
async fn each_session_is_asked_for_once() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (server, mut sessions) = Server::handing_over(|mount| {
        let asked = asked.clone();
        mount.on_connect(async move |request: &ConnectRequest| {
            asked.lock().unwrap().push(request.transport());
            let name = HeaderName::from_static("x-first");
            let user = request.query().unwrap_or_default().len();
            Ok(Accept::new()
                .data(user)
                .header(name, HeaderValue::from_static("1")))
        })
    });
    let first = server.get("EIO=4&transport=polling").await;
    assert_eq!(first.all("x-first"), ["1"]);
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.data(), Some(Arc::new(23_usize)));
    let client = server.open().await;
    sessions.recv().await.unwrap();
    let answer = client.post("4x").await;
    assert!(answer.all("x-first").is_empty());
    let (answer, _connection) = server.handshake("EIO=4&transport=websocket").await;
    assert_eq!((answer.status, answer.all("x-first")), (101, vec!["1"]));
    let asked = asked.lock().unwrap();
    assert_eq!(
        *asked,
        [Transport::Polling, Transport::Polling, Transport::WebSocket]
    );
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_asks_for_no_session() {
    let asked = Arc::new(AtomicUsize::new(0));
    let (server, mut sessions) = Server::handing_over(|mount| {
        let asked = asked.clone();
        mount.on_connect(async move |_: &ConnectRequest| {
            asked.fetch_add(1, Ordering::Relaxed);
            Ok(Accept::new().data("kept"))
        })
    });
    let client = server.client().engineio("/").open().await.unwrap();
    let session = sessions.recv().await.unwrap();
    client.upgrade().await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(session.data(), Some(Arc::new("kept")));
}

/// Limit 9: where a rate limit says no.
#[tokio::test(start_paused = true)]
async fn a_rejection_has_the_protocols_form() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .max_sessions(1)
            .on_connect(
                async |request: &ConnectRequest| match request.header("x-case") {
                    None => Ok(Accept::new()),
                    Some("empty") => Err(Reject::status(403)),
                    Some("quoted") => Err(Reject::status(403).body("say \"no\"\n")),
                    Some(_) => Err(Reject::status(401).body("log in").header(
                        HeaderName::from_static("x-why"),
                        HeaderValue::from_static("2"),
                    )),
                },
            )
    });
    let cases = [
        ("empty", 403, "Forbidden", "Forbidden"),
        ("quoted", 403, "say \"no\"\n", r#"say \"no\"\n"#),
        ("login", 401, "log in", "log in"),
    ];
    for (case, status, text, escaped) in cases {
        let headers = format!("X-Case: {case}\r\n");
        let polling = server
            .ask_with("GET", "EIO=4&transport=polling", &headers, b"")
            .await;
        polling.expect_error(status, 4, escaped);
        let (upgrade, _) = server
            .handshake_with("EIO=4&transport=websocket", &headers)
            .await;
        upgrade.expect_refused(status, text);
        for answer in [polling, upgrade] {
            assert_eq!(answer.all("x-why").len(), usize::from(case == "login"));
        }
        assert_eq!(server.handle.sessions(), 0);
    }
    assert!(sessions.try_recv().is_err());
    // The one place is still there.
    server.open().await;
}

/// socket.io #2320: a stolen id is no use to whom the hook does not know.
#[tokio::test(start_paused = true)]
async fn later_requests_are_looked_at_too() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_request(async |request: &ConnectRequest| {
            assert!(request.session().is_some());
            if request.header("x-thief").is_some() {
                return Err(Reject::status(403).body("not yours"));
            }
            Ok(Accept::new().header(
                HeaderName::from_static("x-later"),
                HeaderValue::from_static("1"),
            ))
        })
    });
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.try_send("secret").unwrap();
    let thief = "X-Thief: 1\r\n";
    for (method, body) in [("GET", &b""[..]), ("POST", b"4evil")] {
        let answer = server.ask_with(method, &client.query, thief, body).await;
        answer.expect_error(403, 4, "not yours");
    }
    let (answer, _) = server.handshake_with(&client.upgrade_query(), thief).await;
    answer.expect_refused(403, "not yours");
    let answer = client.poll().await;
    assert_eq!(
        (&*answer.text(), answer.all("x-later")),
        ("4secret", vec!["1"])
    );
    assert_eq!(client.post("4x").await.all("x-later"), ["1"]);
    let (answer, _connection) = server.handshake(&client.upgrade_query()).await;
    assert_eq!((answer.status, answer.all("x-later")), (101, vec!["1"]));
    assert_eq!(session.close_reason(), None);
}

/// CVE-2019-13611; see `origins` for the table.
#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_are_refused_on_every_transport() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let foreign = "Origin: https://evil.example\r\n";
    let own = "Origin: http://a\r\n";
    for query in ["EIO=4&transport=polling", &client.query] {
        let answer = server.ask_with("GET", query, foreign, b"").await;
        answer.expect_error(403, 4, NOT_ALLOWED);
        assert!(answer.all("access-control-allow-origin").is_empty());
    }
    let answer = server.ask_with("POST", &client.query, foreign, b"4x").await;
    answer.expect_error(403, 4, NOT_ALLOWED);
    for query in ["EIO=4&transport=websocket", &client.upgrade_query()] {
        let (answer, _) = server.handshake_with(query, foreign).await;
        answer.expect_refused(403, NOT_ALLOWED);
    }
    assert_eq!(server.handle.limit_hits(Limit::Origin), 5);
    assert_eq!(server.handle.sessions(), 1);
    assert_eq!(session.close_reason(), None);
    let answer = server
        .ask_with("GET", "EIO=4&transport=polling", own, b"")
        .await;
    assert_eq!(answer.status, 200);
    let (answer, _) = server
        .handshake_with("EIO=4&transport=websocket", own)
        .await;
    assert_eq!(answer.status, 101);

    let (server, _sessions) = Server::handing_over(|mount| mount.allowed_origins(Origins::Any));
    let answer = server
        .ask_with("GET", "EIO=4&transport=polling", foreign, b"")
        .await;
    assert_eq!(answer.status, 200);
}

/// Limit 8.
#[tokio::test(start_paused = true)]
async fn more_sessions_than_allowed_are_refused() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_sessions(2));
    let client = server.open().await;
    let _socket = server.open_websocket().await;
    let held = sessions.recv().await.unwrap();
    let answer = server.get("EIO=4&transport=polling").await;
    assert_eq!((answer.status, answer.all("retry-after")), (503, vec!["5"]));
    let (answer, _) = server.handshake("EIO=4&transport=websocket").await;
    assert_eq!(answer.status, 503);
    // Those that are in may move.
    let _moved = client.upgraded().await;
    assert_eq!(server.handle.sessions(), 2);
    assert_eq!(server.handle.limit_hits(Limit::Sessions), 2);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn credentials_expire() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount.on_connect(async |_: &ConnectRequest| {
            let until = tokio::time::Instant::now() + secs(10);
            Ok(Accept::new().until(until.into_std()))
        })
    });
    let client = server.open().await;
    let polling = sessions.recv().await.unwrap();
    let mut poll = client.start_poll().await;
    let mut socket = server.open_websocket().await;
    let websocket = sessions.recv().await.unwrap();
    let moving = server.open().await;
    let moved = sessions.recv().await.unwrap();
    let mut other = moving.upgraded().await;
    pass(9).await;
    assert_eq!(polling.close_reason(), None);
    pass(2).await;
    assert_eq!(poll.answer().await.text(), "1");
    assert_eq!(socket.next().await, Sent::Close(Some(4401)));
    assert_eq!(other.next().await, Sent::Close(Some(4401)));
    for session in [polling, websocket, moved] {
        assert_eq!(
            session.close_reason(),
            Some(CloseReason::CredentialsExpired)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_cookie_comes_with_the_first_answer_on_polling() {
    let (server, _sessions) =
        Server::handing_over(|mount| mount.cookie(CookieHook::session_id("io")));
    let answer = server.get("EIO=4&transport=polling").await;
    let expected = format!("io={}; Path=/; HttpOnly; SameSite=Lax", answer.sid());
    assert_eq!(answer.all("set-cookie"), [expected]);
    let client = server.open().await;
    assert!(client.post("4x").await.all("set-cookie").is_empty());
    let (answer, _connection) = server.handshake("EIO=4&transport=websocket").await;
    assert!(answer.all("set-cookie").is_empty());
    rest().await;
}

#[tokio::test(start_paused = true)]
async fn the_headers_of_a_hook_stand_on_no_error() {
    let every = async |_: &ConnectRequest| {
        let name = HeaderName::from_static("x-every");
        Ok(Accept::new().header(name, HeaderValue::from_static("yes")))
    };
    let (server, _sessions) = Server::handing_over(|mount| {
        let mount = mount.max_message_size(10).on_connect(every);
        mount.on_request(every)
    });
    let client = server.open().await;
    assert_eq!(client.post("4x").await.all("x-every"), ["yes"]);
    let large = client.post("4larger than that").await;
    let headers = "Content-Encoding: gzip\r\n";
    let packed = server.ask_with("POST", &client.query, headers, b"4").await;
    let waiting = client.start_poll().await;
    let overlap = client.poll().await;
    drop(waiting);
    let client = server.open().await;
    let broken = client.post("x").await;
    let client = server.open().await;
    let _first = client.start_post(4, b"").await;
    let second = client.post("4x").await;
    let (unknown, _) = server.handshake(&client.upgrade_query()).await;
    for (answer, status) in [
        (large, 413),
        (packed, 415),
        (overlap, 400),
        (broken, 400),
        (second, 400),
        (unknown, 400),
    ] {
        assert_eq!(answer.status, status);
        assert!(answer.all("x-every").is_empty(), "{answer:?}");
    }
}

/// The drain begins while the hook makes up its mind.
#[tokio::test(start_paused = true)]
async fn a_session_that_comes_too_late_leaves_no_cookie() {
    let handle = Handle::new();
    let draining = handle.clone();
    let mount = EngineIo::new(echo)
        .cookie(CookieHook::session_id("io"))
        .on_connect(async move |_: &ConnectRequest| {
            drain(&draining);
            Ok(Accept::new())
        });
    let server = Server::with_handle(mount, handle);
    let answer = server.get("EIO=4&transport=polling").await;
    assert_eq!(answer.status, 503);
    assert!(answer.all("set-cookie").is_empty(), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn hooks_on_later_requests_do_not_see_the_secret_id() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let look = |seen: &Arc<Mutex<Vec<String>>>| {
        let seen = seen.clone();
        move |request: &ConnectRequest| {
            let (uri, query) = (request.uri().to_string(), request.query().unwrap());
            assert!(uri.ends_with(query), "{uri}");
            seen.lock().unwrap().push(uri);
        }
    };
    let (server, mut sessions) = Server::handing_over(|mount| {
        let (hook, hear) = (look(&seen), look(&seen));
        mount
            .on_request(move |request: &ConnectRequest| {
                hook(request);
                std::future::ready(Ok(Accept::new()))
            })
            .on_connection_error(move |request, _| hear(request))
    });
    let mut client = server.open_with("EIO=4&user=a%20b").await;
    let session = sessions.recv().await.unwrap();
    client.query += "&t=1&&c";
    session.try_send("hello").unwrap();
    assert_eq!(client.poll_text().await, "4hello");
    client.send("4x").await;
    let _socket = client.upgraded().await;
    // A request that does not fit, while the session lives.
    assert_eq!(client.poll().await.status, 400);
    let polling = "/?EIO=4&user=a%20b&transport=polling&t=1&&c";
    let websocket = polling.replace("polling", "websocket");
    assert_eq!(
        *seen.lock().unwrap(),
        [polling, polling, &websocket, polling]
    );
    // The session's own request is the one that opened it.
    let opened = session.request().uri().to_owned();
    assert_eq!(opened, "/?EIO=4&user=a%20b&transport=polling");
}
