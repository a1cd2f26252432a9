//! Filters around a mount, and beside it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, StatusCode};
use sockeye_tower::{Session, SockJs};
use sockeye_warp::sockjs;
use warp::{Filter, Rejection, Reply};

use crate::support::{ask, echo, get, post, serves, text, to};

/// A route of the app's own, which reads its body.
fn upload() -> impl Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static {
    warp::path!("upload")
        .and(warp::post())
        .and(warp::body::bytes())
        .map(|body: Bytes| format!("{} bytes", body.len()))
}

#[tokio::test(start_paused = true)]
async fn or_goes_on_before_and_behind_the_mount() {
    let index = || warp::path::end().map(|| "index");
    let chat = || warp::path("chat").and(sockjs(echo));
    // The types differ, so each is boxed to stand in one list.
    let before = index()
        .or(upload())
        .or(chat())
        .map(Reply::into_response)
        .boxed();
    let behind = chat()
        .or(upload())
        .or(index())
        .map(Reply::into_response)
        .boxed();
    let between = index()
        .or(chat())
        .or(upload())
        .map(Reply::into_response)
        .boxed();
    for routes in [before, behind, between] {
        let app = warp::service(routes);
        serves(&app, "/chat").await;
        assert_eq!(text(ask(&app, get("/")).await).await, "index");
        let uploaded = ask(&app, post("/upload", "the body is still there")).await;
        assert_eq!(text(uploaded).await, "23 bytes");
        assert_eq!(ask(&app, get("/nobody's")).await.status(), 404);
        // Below the mount nobody else is asked.
        let response = ask(&app, post("/chat/nothing", "x")).await;
        assert_eq!(response.status(), 404);
    }
}

#[tokio::test(start_paused = true)]
async fn a_catch_all_behind_the_mount_gets_bodies_untouched() {
    let rest = warp::any()
        .and(warp::body::bytes())
        .map(|body: Bytes| body.to_vec());
    let app = warp::service(warp::path("chat").and(sockjs(echo)).or(rest));
    serves(&app, "/chat").await;
    let response = ask(&app, post("/chatty/0/s/xhr_send", "[\"x\"]")).await;
    assert_eq!(text(response).await, "[\"x\"]");
}

#[tokio::test(start_paused = true)]
async fn two_mounts_have_their_own_sessions_and_options() {
    let quiet = SockJs::new(echo).websocket(false);
    let routes = warp::path("one")
        .and(sockjs(echo))
        .or(warp::path("two").and(sockjs(quiet)));
    let app = warp::service(routes);
    // The same session id at both.
    serves(&app, "/one").await;
    serves(&app, "/two").await;
    for (mount, websocket) in [("/one", true), ("/two", false)] {
        let info = text(ask(&app, get(&format!("{mount}/info"))).await).await;
        assert!(
            info.contains(&format!("\"websocket\":{websocket}")),
            "{info}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_required_in_front_rejects_and_or_goes_on() {
    let chat = warp::path("chat")
        .and(warp::header::exact("x-token", "secret"))
        .and(sockjs(echo));
    let login =
        warp::path("chat").map(|| warp::reply::with_status("log in", StatusCode::UNAUTHORIZED));
    let app = warp::service(chat.or(login));
    let mut request = get("/chat");
    assert_eq!(ask(&app, request.clone()).await.status(), 401);
    request
        .headers_mut()
        .insert("x-token", "secret".parse().unwrap());
    assert_eq!(text(ask(&app, request).await).await, "Welcome to SockJS!\n");
}

#[tokio::test(start_paused = true)]
async fn what_is_extracted_in_front_stands_beside_the_reply() {
    let routes = warp::path("chat")
        .and(warp::header::<u32>("x-number"))
        .and(sockjs(echo))
        .map(|number: u32, reply| warp::reply::with_header(reply, "x-doubled", number * 2));
    let app = warp::service(routes);
    let mut request = get("/chat/info");
    request
        .headers_mut()
        .insert("x-number", "21".parse().unwrap());
    let response = ask(&app, request).await;
    assert_eq!(response.headers()["x-doubled"], "42");
    assert!(text(response).await.contains("entropy"));
}

#[tokio::test(start_paused = true)]
async fn recover_sees_rejections_and_not_the_mounts_own_refusals() {
    let routes = warp::path("chat")
        .and(sockjs(echo))
        .recover(async |rejection: Rejection| {
            assert!(rejection.is_not_found());
            Ok::<_, Rejection>(warp::reply::with_status(
                "recovered",
                StatusCode::IM_A_TEAPOT,
            ))
        });
    let app = warp::service(routes);
    serves(&app, "/chat").await;
    for (target, status) in [("/chat/nothing", 404), ("/chat/0/s/xhr", 405), ("/", 418)] {
        assert_eq!(ask(&app, get(target)).await.status(), status, "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_sees_every_answer() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let log = {
        let lines = lines.clone();
        warp::log::custom(move |info| {
            let line = format!(
                "{} {} {}",
                info.method(),
                info.path(),
                info.status().as_u16()
            );
            lines.lock().unwrap().push(line);
        })
    };
    let app = warp::service(warp::path("chat").and(sockjs(echo)).with(log));
    serves(&app, "/chat").await;
    ask(&app, get("/chat/nothing")).await;
    #[rustfmt::skip]
    assert_eq!(*lines.lock().unwrap(), [
        "GET /chat 200",
        "GET /chat/info 200",
        "POST /chat/0/s/xhr 200",
        "POST /chat/0/s/xhr_send 204",
        "POST /chat/0/s/xhr 200",
        "GET /chat/nothing 404",
    ]);
    // warp's own format, for its types.
    let app = warp::service(warp::path("chat").and(sockjs(echo)).with(warp::log("chat")));
    serves(&app, "/chat").await;
}

#[tokio::test(start_paused = true)]
async fn warps_cors_answers_preflights_and_marks_answers() {
    let cors = warp::cors()
        .allow_origin("http://friend.test")
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(["content-type"]);
    let mount = SockJs::new(echo).allowed_origins(["http://friend.test"]);
    let app = warp::service(warp::path("chat").and(sockjs(mount)).with(cors));
    serves(&app, "/chat").await;

    let from = |origin: &str, method, target| {
        let mut request = to(method, target);
        request
            .headers_mut()
            .insert("origin", origin.parse().unwrap());
        request
    };
    let mut preflight = from("http://friend.test", Method::OPTIONS, "/chat/0/s/xhr");
    preflight
        .headers_mut()
        .insert("access-control-request-method", "POST".parse().unwrap());
    let response = ask(&app, preflight).await;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "http://friend.test");
    // warp lists the methods, in no order of its own, as the mount's own answer does not.
    let methods = headers["access-control-allow-methods"].to_str().unwrap();
    assert!(
        methods.contains("GET") && methods.contains("POST"),
        "{methods}"
    );

    let response = ask(&app, from("http://friend.test", Method::GET, "/chat/info")).await;
    let origins = response.headers().get_all("access-control-allow-origin");
    assert!(origins.iter().eq(["http://friend.test"]), "once, not twice");
    let refused = ask(
        &app,
        from("http://stranger.test", Method::GET, "/chat/info"),
    )
    .await;
    assert_eq!(refused.status(), 403);
    assert!(text(refused).await.contains("CORS"), "warp's own refusal");
}

#[tokio::test(start_paused = true)]
async fn without_cors_around_it_the_mount_answers_preflights() {
    let mount = SockJs::new(echo).allowed_origins(["http://friend.test"]);
    let app = warp::service(warp::path("chat").and(sockjs(mount)));
    let mut preflight = to(Method::OPTIONS, "/chat/0/s/xhr");
    let headers = preflight.headers_mut();
    headers.insert("origin", "http://friend.test".parse().unwrap());
    headers.insert("access-control-request-method", "POST".parse().unwrap());
    let response = ask(&app, preflight).await;
    assert_eq!(response.status(), 204);
    let headers = response.headers();
    assert_eq!(headers["access-control-allow-origin"], "http://friend.test");
    assert_eq!(headers["access-control-allow-methods"], "OPTIONS, POST");
}

#[tokio::test(start_paused = true)]
async fn every_form_of_a_handler_mounts() {
    let greeting: Arc<str> = "hello".into();
    let closure = {
        let greeting = greeting.clone();
        async move |session: Session| {
            let _ = session.send(&*greeting).await;
        }
    };
    let routes = warp::path("function")
        .and(sockjs(echo))
        .or(warp::path("built").and(sockjs(SockJs::new(echo).cors(false))))
        .or(warp::path("closure").and(sockjs(closure)));
    let app = warp::service(routes);
    serves(&app, "/function").await;
    serves(&app, "/built").await;
    for frame in ["o\n", "a[\"hello\"]\n", "c[1000,\"Normal closure\"]\n"] {
        let polled = ask(&app, post("/closure/0/s/xhr", "")).await;
        assert_eq!(text(polled).await, frame);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_read_in_front_is_a_500() {
    let routes = warp::path("chat")
        .and(warp::body::bytes())
        .and(sockjs(echo))
        .map(|_body: Bytes, reply| reply);
    let response = ask(&warp::service(routes), post("/chat/0/s/xhr", "")).await;
    assert_eq!(response.status(), 500);
}
