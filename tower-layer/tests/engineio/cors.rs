//! CORS headers.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use sockeye_tower::{Accept, ConnectRequest, EngineIo, Limit, Origins, Reject, engineio::Cors};

use crate::support::{HandOver, Server, Sessions};

const FOREIGN: &str = "Origin: https://b\r\n";

fn server(cors: Cors) -> (Server, Sessions) {
    let options = |mount: EngineIo<HandOver>| mount.cors(cors).allowed_origins(Origins::Any);
    Server::handing_over(options)
}

#[tokio::test(start_paused = true)]
async fn they_are_on_every_answer() {
    let (server, _sessions) = server(Cors::origin("https://b").credentials(true));
    let client = server.open().await;
    let answers = [
        server
            .ask_with("GET", "EIO=4&transport=polling", FOREIGN, b"")
            .await,
        server.ask_with("GET", "EIO=4", FOREIGN, b"").await,
        server.ask_with("POST", &client.query, FOREIGN, b"4x").await,
        server.ask_with("PUT", &client.query, FOREIGN, b"").await,
        server
            .handshake_with("EIO=4&transport=websocket", FOREIGN)
            .await
            .0,
        server
            .handshake_with(&client.upgrade_query(), FOREIGN)
            .await
            .0,
        // Whoever asks.
        server.get("EIO=4&transport=polling").await,
    ];
    for (answer, status) in answers.into_iter().zip([200, 400, 200, 405, 101, 101, 200]) {
        assert_eq!(answer.status, status);
        assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
        assert_eq!(answer.all("access-control-allow-credentials"), ["true"]);
        assert_eq!(answer.all("vary"), ["Origin"]);
    }
}

/// CVE-2020-28481: credentials are never allowed unless that is asked for.
#[tokio::test(start_paused = true)]
async fn origins_are_told_as_the_setting_says() {
    let cases = [
        (Cors::any(), vec!["*"], 0),
        (Cors::list(["https://a", "https://b"]), vec!["https://b"], 1),
        (Cors::list(["https://a"]), vec![], 1),
        (Cors::reflected(), vec!["https://b"], 1),
    ];
    for (cors, origins, vary) in cases {
        let (server, _sessions) = server(cors);
        let answer = server
            .ask_with("GET", "EIO=4&transport=polling", FOREIGN, b"")
            .await;
        assert_eq!(answer.all("access-control-allow-origin"), origins);
        assert_eq!(answer.all("vary").len(), vary);
        assert!(answer.all("access-control-allow-credentials").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn preflights() {
    let (by_default, _sessions) = server(Cors::any());
    let headers = "Origin: https://b\r\nAccess-Control-Request-Method: POST\r\n\
                   Access-Control-Request-Headers: x-token\r\n";
    for query in [
        "EIO=4&transport=polling",
        "",
        "EIO=4&transport=polling&sid=x",
    ] {
        let answer = by_default.ask_with("OPTIONS", query, headers, b"").await;
        answer.expect_empty(204);
        assert_eq!(answer.all("access-control-allow-origin"), ["*"]);
        let methods = answer.all("access-control-allow-methods");
        assert_eq!(methods, ["GET,HEAD,PUT,PATCH,POST,DELETE"]);
        assert_eq!(answer.all("access-control-allow-headers"), ["x-token"]);
        assert_eq!(answer.all("vary"), ["Access-Control-Request-Headers"]);
        assert!(answer.all("access-control-max-age").is_empty());
    }
    assert_eq!(by_default.handle.sessions(), 0);

    let cors = Cors::origin("https://b")
        .methods([http::Method::GET, http::Method::POST])
        .allowed_headers([http::header::CONTENT_TYPE])
        .exposed_headers([http::header::ETAG])
        .max_age(Duration::from_secs(600));
    let (server, _sessions) = server(cors);
    let answer = server.ask("OPTIONS", "").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.all("access-control-allow-methods"), ["GET,POST"]);
    assert_eq!(answer.all("access-control-allow-headers"), ["content-type"]);
    assert_eq!(answer.all("access-control-expose-headers"), ["etag"]);
    assert_eq!(answer.all("access-control-max-age"), ["600"]);
    assert_eq!(answer.all("vary"), ["Origin"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_can_read_why_it_was_refused() {
    let cors = Cors::list(["https://b"]).credentials(true);
    let (server, _sessions) = Server::handing_over(|mount| {
        let thief = async |request: &ConnectRequest| match request.header("x-thief") {
            Some(_) => Err(Reject::status(401).body("log in")),
            None => Ok(Accept::new()),
        };
        mount
            .cors(cors)
            .allowed_origins(["https://b"])
            .on_connect(thief)
            .on_request(thief)
    });
    let client = server.open().await;
    let headers = format!("{FOREIGN}X-Thief: 1\r\n");
    let mut refused = Vec::new();
    for (method, query) in [
        ("GET", "EIO=4&transport=polling"),
        ("GET", &client.query),
        ("POST", &client.query),
    ] {
        let answer = server.ask_with(method, query, &headers, b"").await;
        answer.expect_error(401, 4, "log in");
        refused.push(answer);
    }
    for query in ["EIO=4&transport=websocket", &client.upgrade_query()] {
        let (answer, _) = server.handshake_with(query, &headers).await;
        answer.expect_refused(401, "log in");
        refused.push(answer);
    }
    for answer in refused {
        assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
        assert_eq!(answer.all("access-control-allow-credentials"), ["true"]);
        assert_eq!(answer.all("vary"), ["Origin"]);
    }
    client.send("4still here").await;
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_the_origin_policy_has_them_and_a_preflight_is_answered_before_it() {
    // A setting that contradicts itself: the headers admit a page that the policy does not.
    let (server, _sessions) = Server::handing_over(|mount| mount.cors(Cors::reflected()));
    let query = "EIO=4&transport=polling";
    let answer = server.ask_with("GET", query, FOREIGN, b"").await;
    let message = "this page's origin is not allowed here; the server's setting is allowed_origins";
    answer.expect_error(403, 4, message);
    assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
    assert_eq!(answer.all("vary"), ["Origin"]);
    let (answer, _) = server
        .handshake_with("EIO=4&transport=websocket", FOREIGN)
        .await;
    answer.expect_refused(403, message);
    assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
    let answer = server.ask_with("OPTIONS", query, FOREIGN, b"").await;
    answer.expect_empty(204);
    assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
    assert_eq!(server.handle.limit_hits(Limit::Origin), 2);
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hooks_own_word_on_origins_goes_before() {
    let allowed = || {
        (
            HeaderName::from_static("access-control-allow-origin"),
            HeaderValue::from_static("https://c"),
        )
    };
    let (server, _sessions) = Server::handing_over(|mount| {
        mount
            .cors(Cors::any())
            .allowed_origins(Origins::Any)
            .on_connect(async move |request: &ConnectRequest| {
                let (name, value) = allowed();
                match request.header("x-thief") {
                    Some(_) => Err(Reject::status(403).header(name, value)),
                    None => Ok(Accept::new().header(name, value)),
                }
            })
    });
    for (headers, status) in [("", 200), ("X-Thief: 1\r\n", 403)] {
        let answer = server
            .ask_with("GET", "EIO=4&transport=polling", headers, b"")
            .await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.all("access-control-allow-origin"), ["https://c"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_before_everything_else_has_them_too() {
    let (server, _sessions) = Server::handing_over(|mount| mount.cors(Cors::reflected()));
    let mut connection = server.connect();
    // No host, and two.
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let request = format!("GET /?EIO=4&transport=polling HTTP/1.1\r\n{hosts}{FOREIGN}\r\n");
        connection.write(request.as_bytes()).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.all("access-control-allow-origin"), ["https://b"]);
        assert_eq!(answer.all("vary"), ["Origin"]);
    }
}
