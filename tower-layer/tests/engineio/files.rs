//! Files beside the sessions.

use http::{Method, Request};
use sockeye_tower::{
    EngineIo, Origins, Session, StaticFile,
    engineio::Cors,
    test::{Client, Response},
};

const SCRIPT: &str = "application/javascript; charset=utf-8";

fn mount() -> EngineIo<impl sockeye_tower::Handler> {
    EngineIo::new(async |session: Session| drop(session.send("hello").await))
        .file("client.js", StaticFile::new("let outdated", SCRIPT))
        .file("client.js", StaticFile::new("let client", SCRIPT))
        .file("deep/er.js.map", StaticFile::new("{}", "application/json"))
}

async fn ask(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body("").unwrap();
    client.request(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn they_are_answered_with_their_types_and_tags() {
    let client = Client::new(mount().service());
    let script = client.get("/client.js?v=1").await.unwrap();
    assert_eq!(
        (script.status().as_u16(), script.text()),
        (200, "let client")
    );
    assert_eq!(script.header("content-type"), Some(SCRIPT));
    assert_eq!(script.header("cache-control"), Some("public, max-age=0"));
    assert_eq!(script.header("content-length"), Some("10"));
    let tag = script.header("etag").unwrap();
    let map = client.get("/deep/er.js.map").await.unwrap();
    assert_eq!(map.header("content-type"), Some("application/json"));
    assert_ne!(map.header("etag"), Some(tag));

    let head = ask(&client, Method::HEAD, "/client.js", &[]).await;
    assert_eq!((head.status().as_u16(), head.text()), (200, ""));
    assert_eq!(head.header("content-length"), Some("10"));
}

#[tokio::test(start_paused = true)]
async fn who_has_a_file_is_told_so() {
    let client = Client::new(mount().service());
    let script = client.get("/client.js").await.unwrap();
    let tag = script.header("etag").unwrap();
    let weak = format!("W/{tag}");
    let several = format!("\"other\", {tag}");
    for (sent, status) in [
        (tag, 304),
        (&weak, 304),
        (&several, 304),
        ("*", 304),
        ("\"other\"", 200),
        (tag.trim_matches('"'), 200),
    ] {
        for (method, whole) in [(Method::GET, "let client"), (Method::HEAD, "")] {
            let known = [("if-none-match", sent)];
            let answer = ask(&client, method, "/client.js", &known).await;
            assert_eq!(answer.status(), status, "{sent}");
            assert_eq!(answer.header("etag"), Some(tag), "{sent}");
            let body = if status == 304 { "" } else { whole };
            assert_eq!(answer.text(), body, "{sent}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn all_else_is_for_sessions() {
    let client = Client::new(mount().service());
    let session = client.engineio("/").open().await.unwrap();
    assert_eq!(session.recv().await, Ok("hello".into()));
    // As without files: any path below the mount, and any method but a file's two.
    for (method, path) in [
        (Method::GET, "/other.js?EIO=4&transport=polling"),
        (Method::GET, "/client.js/?EIO=4&transport=polling"),
        (Method::GET, "/client.JS?EIO=4&transport=polling"),
    ] {
        let answer = ask(&client, method, path, &[]).await;
        assert!(answer.text().starts_with("0{"), "{path}: {}", answer.text());
    }
    let answer = ask(
        &client,
        Method::POST,
        "/client.js?EIO=4&transport=polling",
        &[],
    )
    .await;
    assert_eq!(
        (answer.status().as_u16(), &answer.text()[..9]),
        (400, "{\"code\":2")
    );
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_origins_may_load_them_and_read_them_where_cors_says_so() {
    let foreign = [("origin", "https://b"), ("sec-fetch-site", "cross-site")];
    let guarded = Client::new(mount().service());
    let answer = ask(&guarded, Method::GET, "/client.js", &foreign).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = ask(&guarded, Method::GET, "/?EIO=4&transport=polling", &foreign).await;
    assert_eq!(answer.status(), 403);

    let open = mount()
        .cors(Cors::reflected())
        .allowed_origins(Origins::Any);
    let open = Client::new(open.service());
    let answer = ask(&open, Method::GET, "/client.js", &foreign).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://b")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[test]
#[should_panic(expected = "file: the name \"/client.js\"")]
fn a_name_with_a_slash_in_front_is_a_mistake() {
    let _ = mount().file("/client.js", StaticFile::new("", SCRIPT));
}
