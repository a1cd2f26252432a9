//! Every route and transport of a mount, once around.

use futures_util::{SinkExt, StreamExt};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Host, NO_CACHE, ORIGIN, Receiving, get, receiver, secs, sender, to};

/// Everything works as if nothing stood around the mount: each answer comes at once, in its own
/// words, with one set of CORS headers, and a stream goes on beyond its first heartbeat.
///
/// The mount is [`echoing`](crate::support::echoing), perhaps with more options.
pub(crate) async fn serves_everything(host: &Host) {
    statics(host).await;
    preflights(host).await;
    polling(host).await;
    for (endpoint, opened, frame, heartbeat) in [
        ("xhr_streaming", "h\no\n", "a[\"%\"]\n", "h\n"),
        (
            "eventsource",
            "\r\ndata: o\r\n\r\n",
            "data: a[\"%\"]\r\n\r\n",
            "data: h\r\n\r\n",
        ),
        (
            "htmlfile",
            " \r\n\r\n<script>\np(\"o\");\n</script>\r\n",
            "<script>\np(\"a[\\\"%\\\"]\");\n</script>\r\n",
            "<script>\np(\"h\");\n</script>\r\n",
        ),
    ] {
        let mut stream = host.receive(endpoint).await;
        is_session_answer(host, endpoint, &stream.response);
        assert_eq!(stream.response.headers()["x-accel-buffering"], "no");
        stream.until(opened).await;
        for message in ["one", "two"] {
            says(host, "xhr_send", &format!("[\"{message}\"]"), 204).await;
            stream.until(&frame.replace('%', message)).await;
        }
        stream.until_within(heartbeat, secs(26)).await;
        says(host, "xhr_send", "[\"three\"]", 204).await;
        stream.until(&frame.replace('%', "three")).await;
        // The next transport begins a session of its own.
        drop(stream);
        tokio::time::sleep(secs(1)).await;
    }
    websockets(host).await;
    let plain = host.ask(get("/plain")).await;
    assert_eq!(plain.status(), StatusCode::OK, "{}", host.name);
}

async fn statics(host: &Host) {
    let name = host.name;
    let greeting = host.ask(get("/chat")).await;
    assert_eq!(greeting.status(), StatusCode::OK, "{name}");
    let greeting = Receiving::new(greeting).rest().await;
    assert_eq!(greeting, "Welcome to SockJS!\n", "{name}");
    let info = host.ask(get("/chat/info")).await;
    assert_eq!(info.status(), StatusCode::OK, "{name}");
    assert_eq!(info.headers()["cache-control"], NO_CACHE, "{name}");
    has_one_cors(host, "info", &info);
    let info = Receiving::new(info).rest().await;
    assert!(info.starts_with("{\"websocket\":true,"), "{name} {info}");
    let page = host.ask(get("/chat/iframe.html")).await;
    assert_eq!(page.status(), StatusCode::OK, "{name}");
    let tag = page.headers()["etag"].clone();
    let mut again = get("/chat/iframe.html");
    again.headers_mut().insert("if-none-match", tag);
    let again = host.ask(again).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
}

async fn preflights(host: &Host) {
    for (target, method) in [
        ("/chat/info", "GET"),
        ("/chat/0/s/xhr", "POST"),
        ("/chat/0/s/xhr_streaming", "POST"),
        ("/chat/0/s/xhr_send", "POST"),
    ] {
        let request = to(Method::OPTIONS, target)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "x-token")
            .body(Full::default())
            .unwrap();
        let response = host.ask(request).await;
        assert!(response.status().is_success(), "{} {target}", host.name);
        has_one_cors(host, target, &response);
        let methods = response.headers()["access-control-allow-methods"].to_str();
        assert!(methods.unwrap().contains(method), "{} {target}", host.name);
        let headers = response.headers()["access-control-allow-headers"].to_str();
        assert_eq!(headers.unwrap(), "x-token", "{} {target}", host.name);
    }
}

/// Polls, of which one waits for its message and one for a heartbeat.
async fn polling(host: &Host) {
    let name = host.name;
    for (endpoint, send, status, frame) in [
        ("xhr", "xhr_send", 204, "%\n"),
        ("jsonp", "jsonp_send", 200, "/**/cb(\"%\");\r\n"),
    ] {
        let poll = |expected: &'static str| async move {
            let response = host.ask(receiver(endpoint)).await;
            is_session_answer(host, endpoint, &response);
            let text = Receiving::new(response).rest().await;
            assert_eq!(text, frame.replace('%', expected), "{name}");
        };
        poll("o").await;
        let message = if endpoint == "xhr" {
            "a[\"one\"]"
        } else {
            "a[\\\"one\\\"]"
        };
        says(host, send, "[\"one\"]", status).await;
        poll(message).await;
        tokio::join!(poll(message), async {
            tokio::time::sleep(secs(2)).await;
            says(host, send, "[\"one\"]", status).await;
        });
        poll("h").await;
        // Let the session go.
        tokio::time::sleep(secs(6)).await;
    }
}

async fn websockets(host: &Host) {
    let mut framed = host.websocket("/0/s/websocket").await;
    let opened = framed.next().await.unwrap().unwrap();
    assert_eq!(opened, Message::text("o"), "{}", host.name);
    framed.send(Message::text("[\"one\"]")).await.unwrap();
    let echoed = framed.next().await.unwrap().unwrap();
    assert_eq!(echoed, Message::text("a[\"one\"]"), "{}", host.name);
    let mut raw = host.websocket("/websocket").await;
    raw.send(Message::text("one")).await.unwrap();
    let echoed = raw.next().await.unwrap().unwrap();
    assert_eq!(echoed, Message::text("one"), "{}", host.name);
    // Both go on when their handshakes are long over.
    tokio::time::sleep(secs(20)).await;
    raw.send(Message::text("two")).await.unwrap();
    let echoed = raw.next().await.unwrap().unwrap();
    assert_eq!(echoed, Message::text("two"), "{}", host.name);
}

async fn says(host: &Host, endpoint: &str, body: &str, status: u16) {
    let response = host.ask(sender(endpoint, body)).await;
    assert_eq!(response.status(), status, "{} {endpoint}", host.name);
    is_session_answer(host, endpoint, &response);
}

/// An answer as the mount gave it, apart from headers that others add.
fn is_session_answer(host: &Host, endpoint: &str, response: &Response<Incoming>) {
    let headers = response.headers();
    let name = host.name;
    assert!(response.status().is_success(), "{name} {endpoint}");
    assert_eq!(headers["cache-control"], NO_CACHE, "{name} {endpoint}");
    assert_eq!(headers.get("content-encoding"), None, "{name} {endpoint}");
    if endpoint != "htmlfile" && !endpoint.starts_with("jsonp") {
        has_one_cors(host, endpoint, response);
    }
}

/// Browsers refuse an answer whose CORS headers are there twice.
pub(crate) fn has_one_cors(host: &Host, what: &str, response: &Response<Incoming>) {
    for (header, value) in [
        ("access-control-allow-origin", ORIGIN),
        ("access-control-allow-credentials", "true"),
    ] {
        let values: Vec<_> = response.headers().get_all(header).iter().collect();
        assert_eq!(values, [value], "{} {what} {header}", host.name);
    }
    let vary = response.headers().get_all("vary").iter();
    let names_origin = vary
        .flat_map(|value| value.to_str().unwrap().split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("origin"));
    assert!(names_origin, "{} {what}", host.name);
}
