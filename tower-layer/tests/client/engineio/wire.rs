//! The requests that the client makes, byte by byte.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use sockeye_tower::{
    Message,
    engineio::Revision,
    test::{Client, Error, SessionBuilder},
};

const OPEN: &str =
    r#"0{"sid":"s d","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

/// Query, content type and body of each request.
type Asked = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

/// A server that opens a session with `open` and holds its polls until something is posted; then it
/// ends it with `last`.
fn recording(open: String, last: &'static str) -> (Client, Asked) {
    let asked: Asked = Arc::default();
    let recorded = asked.clone();
    let posted = Arc::new(tokio::sync::Notify::new());
    let client = Client::new(tower::service_fn(move |request: Request<Incoming>| {
        let (open, asked, posted) = (open.clone(), asked.clone(), posted.clone());
        async move {
            let (head, body) = request.into_parts();
            let query = head.uri.query().unwrap_or_default().to_owned();
            let content_type = head.headers.get("content-type");
            let content_type = content_type.map_or("", |value| value.to_str().unwrap());
            let is_post = head.method == Method::POST;
            let is_opening = !query.contains("sid=");
            let content_type = content_type.to_owned();
            let body = body.collect().await?.to_bytes().to_vec();
            asked.lock().unwrap().push((query, content_type, body));
            let (content_type, answer) = if is_post {
                posted.notify_one();
                ("text/html", "ok".to_owned())
            } else if is_opening {
                ("text/plain; charset=UTF-8", open)
            } else {
                posted.notified().await;
                ("text/plain; charset=UTF-8", last.to_owned())
            };
            let response = Response::builder()
                .header("content-type", content_type)
                .header("cache-control", "no-store");
            Ok::<_, hyper::Error>(response.body(Full::new(Bytes::from(answer))).unwrap())
        }
    }));
    (client, recorded)
}

/// What a session asks for while it sends these messages.
async fn asked(
    open: String,
    last: &'static str,
    session: impl FnOnce(&Client) -> SessionBuilder,
    messages: &[Message],
) -> Vec<(String, String, String)> {
    let (client, asked) = recording(open, last);
    let session = session(&client).open().await.unwrap();
    // A poll is under way.
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    session.send_all(messages.to_vec()).await.unwrap();
    session.closed().await.unwrap();
    let asked = asked.lock().unwrap();
    asked
        .iter()
        .map(|(query, content_type, body)| {
            let body = body.escape_ascii().to_string();
            (query.clone(), content_type.clone(), body)
        })
        .collect()
}

fn get(query: &str) -> (String, String, String) {
    (query.into(), String::new(), String::new())
}

fn post(query: &str, content_type: &str, body: &str) -> (String, String, String) {
    (query.into(), content_type.into(), body.into())
}

const TEXT: &str = "text/plain;charset=UTF-8";

#[tokio::test(start_paused = true)]
async fn revision_4_polls_and_posts() {
    let messages = ["a&b".into(), vec![1, 2, 3, 4].into(), "\n".into()];
    let query = "EIO=4&transport=polling";
    let later = "EIO=4&transport=polling&sid=s%20d&own=1";
    assert_eq!(
        asked(
            OPEN.into(),
            "1",
            |client| client.engineio("/").query("own", "1"),
            &messages
        )
        .await,
        [
            get(&format!("{query}&own=1")),
            get(later),
            post(later, TEXT, r"4a&b\x1ebAQIDBA==\x1e4\n"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn revision_3_posts_bytes_where_it_may() {
    let open = || format!("{}:{OPEN}", OPEN.len());
    let messages = ["€".into(), vec![1, 2].into()];
    let query = "EIO=3&transport=polling";
    let v3 = |client: &Client| client.engineio("/any").revision(Revision::V3);
    let later = format!("{query}&sid=s%20d");
    let bytes = r"\x00\x04\xff4\xe2\x82\xac\x01\x03\xff\x04\x01\x02";
    assert_eq!(
        asked(open(), "1:1", v3, &messages).await,
        [
            get(query),
            get(&later),
            post(&later, "application/octet-stream", bytes),
        ]
    );
    let text = r"2:4\xe2\x82\xac";
    assert_eq!(
        asked(open(), "1:1", v3, &messages[..1]).await[2],
        post(&later, TEXT, text)
    );
    let later = format!("{query}&b64=1&sid=s%20d");
    let text = r"2:4\xe2\x82\xac6:b4AQI=";
    let base64 = |client: &Client| v3(client).base64();
    assert_eq!(
        asked(open(), "1:1", base64, &messages).await[2],
        post(&later, TEXT, text)
    );
}

#[tokio::test(start_paused = true)]
async fn scripts_post_forms() {
    let open = format!(
        "___eio[3](\"{}:{}\");",
        OPEN.len(),
        OPEN.replace('"', "\\\"")
    );
    let query = "EIO=3&transport=polling&j=3&b64=1";
    let later = format!("{query}&sid=s%20d");
    let jsonp = |client: &Client| client.engineio("/").revision(Revision::V3).jsonp();
    assert_eq!(
        asked(open, "___eio[3](\"1:1\");", jsonp, &["\n\\n".into()]).await,
        [
            get(query),
            get(&later),
            // `4:4`, a line feed, a backslash and an n, as `\n` and `\\n`.
            post(
                &later,
                "application/x-www-form-urlencoded",
                r"d=4%3A4%5Cn%5C%5Cn"
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn heartbeats_and_the_goodbye_are_packets_of_their_own() {
    let (client, asked) = recording(OPEN.into(), "6");
    let session = client.engineio("/").open().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert_eq!(session.close().await, Ok(()));
    let bodies = |asked: &Asked| -> Vec<_> {
        let asked = asked.lock().unwrap();
        asked.iter().map(|(_, _, body)| body.clone()).collect()
    };
    // No poll follows it.
    assert_eq!(bodies(&asked), [b"".to_vec(), b"".to_vec(), b"1".to_vec()]);

    let open = format!("{OPEN}\u{1e}2");
    let (client, asked) = recording(open, "1");
    let session = client.engineio("/").open().await.unwrap();
    session.closed().await.unwrap();
    assert!(bodies(&asked).contains(&b"3".to_vec()));

    let open = format!("{}:{OPEN}", OPEN.len());
    let (client, asked) = recording(open, "1:31:1");
    let session = client.engineio("/").revision(Revision::V3);
    let session = session.open().await.unwrap();
    session.closed().await.unwrap();
    assert!(bodies(&asked).contains(&b"1:2".to_vec()));

    let (client, asked) = recording(format!("{OPEN}\u{1e}2"), "1");
    let session = client.engineio("/").without_heartbeats();
    let session = session.open().await.unwrap();
    let after = std::time::Duration::from_secs(60);
    assert_eq!(session.recv().await, Err(Error::TimedOut { after }));
    assert_eq!(bodies(&asked), [b"".to_vec(), b"".to_vec()]);
}
