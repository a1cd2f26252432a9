//! Which paths are the mount's, and what it sees of them.

use http::{Method, StatusCode};
use sockeye_tower::Session;
use sockeye_warp::sockjs;
use warp::Filter;

use crate::support::{ask, echo, get, handing_over, post, serves, text, to};

#[tokio::test(start_paused = true)]
async fn the_mount_owns_its_path_and_everything_below() {
    let theirs = warp::any().map(|| warp::reply::with_status("theirs", StatusCode::IM_A_TEAPOT));
    let app = warp::service(warp::path("chat").and(sockjs(echo)).or(theirs));
    serves(&app, "/chat").await;
    #[rustfmt::skip]
    let cases = [
        (Method::GET,     "/chat",                  200),
        (Method::GET,     "/chat/",                 200),
        (Method::GET,     "/chat?a=b",              200),
        (Method::GET,     "/chat//",                404),
        (Method::GET,     "/chat//info",            404),
        (Method::GET,     "/chat/info",             200),
        (Method::GET,     "/chat/info/",            200),
        (Method::OPTIONS, "/chat/info",             204),
        (Method::POST,    "/chat/info",             405),
        (Method::GET,     "/chat/nothing",          404),
        (Method::GET,     "/chat/0/s/xhr",          405),
        (Method::OPTIONS, "/chat/0/s/xhr",          204),
        (Method::POST,    "/chat/0/s/nothing",      404),
        (Method::POST,    "/chat/0//xhr",           404),
        (Method::POST,    "/chat/0/a.b/xhr",        404),
        (Method::POST,    "/chat/0/s/xhr//",        404),
        (Method::DELETE,  "/chat",                  405),
        (Method::GET,     "/chat/websocket",        400),
        (Method::GET,     "/chatty",                418),
        (Method::GET,     "/cha",                   418),
        (Method::GET,     "/",                      418),
        (Method::GET,     "//chat",                 418),
        (Method::GET,     "/CHAT",                  418),
        (Method::GET,     "/ch%61t",                418),
        (Method::GET,     "/other/chat",            418),
    ];
    for (method, target, status) in cases {
        let response = ask(&app, to(method.clone(), target)).await;
        assert_eq!(response.status(), status, "{method} {target}");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_are_the_same_as_without_warp() {
    use tower::{ServiceBuilder, ServiceExt, service_fn};
    let theirs = service_fn(async |_| {
        Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Empty::new()))
    });
    let bare = ServiceBuilder::new()
        .layer(sockeye_tower::SockJs::new(echo).layer("/chat"))
        .service(theirs);
    let app = warp::service(warp::path("chat").and(sockjs(echo)));
    let long: &'static str = Box::leak(format!("[\"{}\"]", "x".repeat(2 << 20)).into_boxed_str());
    let requests = || {
        [
            get("/chat"),
            get("/chat/"),
            get("/chat//"),
            get("/chat/iframe.html"),
            get("/chat/websocket"),
            get("/chat/0/s/jsonp"),
            get("/chat/0/s/htmlfile?c=f"),
            to(Method::HEAD, "/chat"),
            to(Method::HEAD, "/chat/info"),
            to(Method::OPTIONS, "/chat/info"),
            to(Method::OPTIONS, "/chat/0/s/xhr"),
            to(Method::PUT, "/chat/0/s/xhr"),
            to(Method::CONNECT, "/chat/websocket"),
            post("/chat/0/s/xhr", ""),
            post("/chat/0/s/xhr_send", ""),
            post("/chat/0/s/xhr_send", "["),
            post("/chat/0/s/xhr_send", long),
            post("/chat/0/none/xhr_send", "[]"),
            post("/chat/info", "a body nobody wants"),
        ]
    };
    for (with, without) in requests().into_iter().zip(requests()) {
        let what = format!("{} {}", with.method(), with.uri());
        let with = ask(&app, with).await;
        let without = bare.clone().oneshot(without).await.unwrap();
        assert_eq!(with.status(), without.status(), "{what}");
        assert_eq!(with.headers(), without.headers(), "{what}");
        let (with_hint, without_hint) = {
            use http_body::Body;
            (with.body().size_hint(), without.body().size_hint())
        };
        assert_eq!(with_hint.exact(), without_hint.exact(), "{what}");
        if !what.contains("htmlfile") {
            assert_eq!(text(with).await, text(without).await, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_prefix_may_be_deep_and_built_by_the_macro() {
    serves(
        &warp::service(warp::path!("api" / "v1" / "chat" / ..).and(sockjs(echo))),
        "/api/v1/chat",
    )
    .await;
    let nested = warp::path("api").and(warp::path("v1").and(warp::path("chat").and(sockjs(echo))));
    serves(&warp::service(nested), "/api/v1/chat").await;
}

#[tokio::test(start_paused = true)]
async fn without_a_prefix_the_mount_owns_everything() {
    let app = warp::service(sockjs(echo));
    for (target, status) in [("/", 200), ("/info", 200), ("//", 404), ("/chat", 404)] {
        let response = ask(&app, get(target)).await;
        assert_eq!(response.status(), status, "{target}");
    }
    let response = ask(&app, to(Method::OPTIONS, "*")).await;
    assert_eq!(response.status(), 404);
    // A target that is an authority alone has no path to be below anything.
    let response = ask(&app, to(Method::CONNECT, "example.com:80")).await;
    assert_eq!(response.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn parameters_before_the_mount_may_be_anything() {
    for tenant in ["one", "a%2Fb", "%2F", "a%20b", "chat", "a.b", "%C3%A9"] {
        let routes = warp::path!("app" / String / "chat" / ..)
            .and(sockjs(echo))
            .map(|_tenant: String, reply| reply);
        serves(&warp::service(routes), &format!("/app/{tenant}/chat")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn handlers_see_the_whole_uri() {
    let (handler, mut sessions) = handing_over();
    let routes = warp::path!("app" / String / "chat" / ..)
        .and(sockjs(handler))
        .map(|_tenant: String, reply| reply);
    let app = warp::service(routes);
    #[rustfmt::skip]
    let targets = [
        "/app/one/chat/0/a/xhr",
        "/app/two%2F/chat/0/b/xhr?token=%20&x",
        "/app/three/chat/0/c/xhr?",
    ];
    for target in targets {
        ask(&app, post(target, "")).await;
        let session: Session = sessions.recv().await.unwrap();
        assert_eq!(session.request().uri(), target);
    }
}
