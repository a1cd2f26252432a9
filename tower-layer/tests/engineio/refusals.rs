//! The error table, in the order of its checks.

use std::sync::{Arc, Mutex};

use http::Method;
use sockeye_tower::{
    ConnectRequest, Transport,
    engineio::{self, ConnectionError},
};

use crate::support::Server;

const UNKNOWN_SIDS: [&str; 9] = [
    "nobody",
    "__proto__",
    "constructor",
    "toString",
    "%00",
    "%F0%9F%98%80",
    "a%20b",
    "../..",
    "%FF",
];

/// CVE-2023-31125.
#[tokio::test(start_paused = true)]
async fn transports_that_are_none() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let queries = [
        "",
        "EIO=4",
        "EIO=4&transport=",
        "EIO=4&transport=tcp",
        "EIO=4&transport=Polling",
        "EIO=4&transport=webtransport",
        "EIO=4&transport=__proto__",
        "EIO=4&transport=constructor",
        "EIO=4&transport[]=polling",
        // The last one counts.
        "EIO=4&transport=polling&transport=tcp",
        // Before anything else is looked at.
        "EIO=3&transport=tcp&sid=nobody",
    ];
    for query in queries {
        for method in ["GET", "POST", "PUT"] {
            let answer = server.ask(method, query).await;
            answer.expect_error(400, 0, "Transport unknown");
        }
        let (answer, mut connection) = server.handshake(query).await;
        answer.expect_refused(400, "Transport unknown");
        connection.expect_end().await;
    }
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn transports_that_are_switched_off() {
    use engineio::Transport::{Polling, WebSocket};
    let (server, _sessions) = Server::handing_over(|mount| mount.transports([WebSocket]));
    let answer = server.get("EIO=4&transport=polling").await;
    answer.expect_error(400, 0, "Transport unknown");
    let (server, _sessions) = Server::handing_over(|mount| mount.transports([Polling]));
    let (answer, _) = server.handshake("EIO=4&transport=websocket").await;
    answer.expect_refused(400, "Transport unknown");
    let client = server.open().await;
    let (answer, _) = server.handshake(&client.upgrade_query()).await;
    answer.expect_refused(400, "Transport unknown");
}

#[tokio::test(start_paused = true)]
async fn the_last_of_a_repeated_name_counts() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let answer = server
        .get("EIO=3&EIO=4&transport=tcp&transport=polling&sid=x&sid=")
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Limit 33; socketioxide #815: an unknown id opened a session. sockjs-node hung on `__proto__`.
#[tokio::test(start_paused = true)]
async fn ids_that_no_session_has() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    server.open().await;
    let long = "a".repeat(5000);
    for sid in UNKNOWN_SIDS.iter().copied().chain([&*long]) {
        // The revision does not matter, nor does the method.
        for method in ["GET", "POST", "DELETE"] {
            let query = format!("EIO=3&transport=polling&sid={sid}");
            let answer = server.ask(method, &query).await;
            answer.expect_error(400, 1, "Session ID unknown");
        }
        let query = format!("EIO=4&transport=websocket&sid={sid}");
        let answer = server.get(&query).await;
        answer.expect_error(400, 1, "Session ID unknown");
        // Nor does a transport that needs no upgrade.
        for query in [query.replace("websocket", "polling"), query] {
            let (answer, mut connection) = server.handshake(&query).await;
            answer.expect_refused(400, "Session ID unknown");
            connection.expect_end().await;
        }
    }
    assert_eq!(server.handle.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn handshakes_by_other_methods() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for transport in ["polling", "websocket"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            // The revision comes after.
            let query = format!("EIO=3&transport={transport}");
            let answer = server.ask(method, &query).await;
            answer.expect_error(400, 2, "Bad handshake method");
        }
    }
    let answer = server.ask("HEAD", "EIO=4&transport=polling").await;
    answer.expect_empty(400);
    let mut connection = server.connect();
    connection
        .send_handshake("POST", "EIO=4&transport=websocket", "Content-Length: 0\r\n")
        .await;
    let answer = connection.answer().await;
    answer.expect_refused(400, "Bad handshake method");
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn websocket_without_an_upgrade_request() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    // Before the revision.
    let answer = server.get("EIO=3&transport=websocket").await;
    answer.expect_error(400, 3, "Bad request");
    let (answer, _) = server.handshake("EIO=4&transport=polling").await;
    answer.expect_refused(400, "Bad request");
}

/// RFC 6455 section 4.2.1; engineioxide 0.17 said 101 to each of these.
#[tokio::test(start_paused = true)]
async fn handshakes_that_are_no_websocket() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let cases = [
        (format!("{upgrade}Sec-WebSocket-Version: 13\r\n"), 400),
        (
            format!("{upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n"),
            400,
        ),
        (format!("{upgrade}Sec-WebSocket-Version: 8\r\n{key}"), 426),
        (format!("{upgrade}{key}"), 426),
        (
            format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{key}"),
            400,
        ),
    ];
    for (headers, status) in cases {
        for query in ["EIO=4&transport=websocket", &client.upgrade_query()] {
            let answer = server.ask_with("GET", query, &headers, b"").await;
            assert_eq!(answer.status, status, "{headers}");
            let versions = answer.all("sec-websocket-version");
            assert_eq!(versions.is_empty(), status == 400, "{headers}");
        }
    }
    assert_eq!(server.handle.sessions(), 1);
    client.send("4still here").await;
}

/// CVE-2018-12541.
#[tokio::test(start_paused = true)]
async fn handshakes_with_a_body() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    for query in ["EIO=4&transport=websocket", &client.upgrade_query()] {
        let (answer, _) = server.handshake_with(query, "Content-Length: 5\r\n").await;
        assert_eq!(answer.status, 400, "{query}");
    }
    assert_eq!(server.handle.sessions(), 1);
    client.send("4still here").await;
}

#[tokio::test(start_paused = true)]
async fn revision_3_where_it_is_not_allowed() {
    let (server, _sessions) = Server::handing_over(|mount| mount);
    for eio in ["EIO=3&", "", "EIO=5&", "EIO=04&", "EIO=4%20&", "eio=4&"] {
        let answer = server.get(&format!("{eio}transport=polling")).await;
        answer.expect_error(400, 5, "Unsupported protocol version");
        let (answer, mut connection) = server.handshake(&format!("{eio}transport=websocket")).await;
        answer.expect_refused(400, "Unsupported protocol version");
        connection.expect_end().await;
    }
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_that_do_not_fit_their_session() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let mismatched = client.query.replace("EIO=4", "EIO=3");
    for method in ["GET", "POST"] {
        let answer = server.ask(method, &client.upgrade_query()).await;
        answer.expect_error(400, 3, "Bad request");
        let answer = server.ask(method, &mismatched).await;
        answer.expect_error(400, 3, "Bad request");
    }
    let (answer, _) = server
        .handshake(&mismatched.replace("polling", "websocket"))
        .await;
    answer.expect_refused(400, "Bad request");

    let mut socket = server.websocket("EIO=4&transport=websocket").await;
    let sid = socket.text().await[9..]
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    for method in ["GET", "POST"] {
        let query = format!("EIO=4&transport=polling&sid={sid}");
        let answer = server.ask(method, &query).await;
        answer.expect_error(400, 3, "Bad request");
    }
    socket.expect_silence().await;
    // Neither was touched.
    client.send("4hello").await;
    assert_eq!(session.close_reason(), None);
    assert_eq!(server.handle.sessions(), 2);
}

#[tokio::test(start_paused = true)]
async fn other_methods_leave_a_session_as_it_is() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    for method in ["HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = server.ask(method, &client.query).await;
        answer.expect_empty(405);
        assert_eq!(answer.all("allow"), ["GET, POST"]);
    }
    // Only GET switches protocols.
    let mut connection = server.connect();
    connection
        .send_handshake("POST", &client.upgrade_query(), "Content-Length: 0\r\n")
        .await;
    connection.answer().await.expect_refused(400, "Bad request");
    session.try_send("hello").unwrap();
    assert_eq!(client.poll_text().await, "4hello");
}

#[tokio::test(start_paused = true)]
async fn the_application_hears_of_each_refusal() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (server, _sessions) = Server::handing_over(|mount| {
        let heard = heard.clone();
        mount.on_connection_error(move |request: &ConnectRequest, error: &ConnectionError| {
            let from = request.header("x-from").unwrap().to_owned();
            let told = (
                error.code().code(),
                request.method().clone(),
                request.transport(),
            );
            heard.lock().unwrap().push((from, told));
        })
    });
    use Transport::{Polling, WebSocket};
    let get = |query: &'static str| ("GET", query);
    let cases = [
        (get("EIO=4"), "X-From: a\r\n", 0, Polling),
        (
            get("EIO=4&transport=polling&sid=x"),
            "X-From: b\r\n",
            1,
            Polling,
        ),
        (
            ("POST", "EIO=4&transport=polling"),
            "X-From: c\r\n",
            2,
            Polling,
        ),
        (
            get("EIO=4&transport=websocket"),
            "X-From: d\r\n",
            3,
            WebSocket,
        ),
        (get("transport=polling"), "X-From: e\r\n", 5, Polling),
        (
            get("EIO=4&transport=polling"),
            "X-From: f\r\nOrigin: https://evil.example\r\n",
            4,
            Polling,
        ),
    ];
    let mut expected = Vec::new();
    for ((method, query), headers, code, transport) in cases {
        let answer = server.ask_with(method, query, headers, b"").await;
        assert!(matches!(answer.status, 400 | 403), "{query}: {answer:?}");
        let from = headers[8..9].to_owned();
        expected.push((from, (code, method.parse().unwrap(), transport)));
    }
    let (answer, _) = server.handshake_with("EIO=4", "X-From: g\r\n").await;
    answer.expect_refused(400, "Transport unknown");
    expected.push(("g".into(), (0, Method::GET, WebSocket)));
    assert_eq!(*heard.lock().unwrap(), expected);
}
