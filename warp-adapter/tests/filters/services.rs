//! Services of one's own behind the filter: what passes through it, and how.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use sockeye_tower::ExactPath;
use sockeye_warp::{RequestBody, service};
use tower::service_fn;
use warp::Filter;

use crate::support::{ask, get, post, text};

#[tokio::test(start_paused = true)]
async fn the_head_arrives_as_it_was_sent() {
    let tell = service_fn(async |request: Request<RequestBody>| {
        let ExactPath(rest) = request.extensions().get().unwrap();
        let told = format!(
            "{} {} {:?} {rest:?} {:?}",
            request.method(),
            request.uri(),
            request.version(),
            request.headers().get_all("x-a").iter().collect::<Vec<_>>(),
        );
        Ok::<_, Infallible>(Response::new(Full::from(told)))
    });
    let app = warp::service(warp::path("chat").and(service(tell)));
    for (version, target) in [
        (Version::HTTP_11, "/chat/a%2Fb/../c?d=e&&f"),
        (Version::HTTP_10, "/chat/"),
        (Version::HTTP_2, "/chat?"),
    ] {
        let mut request = get(target);
        *request.version_mut() = version;
        for value in ["1", "2"] {
            request.headers_mut().append("x-a", value.parse().unwrap());
        }
        let path = target.split('?').next().unwrap();
        let rest = path.strip_prefix("/chat").unwrap();
        assert_eq!(
            text(ask(&app, request).await).await,
            format!(r#"GET {target} {version:?} {rest:?} ["1", "2"]"#)
        );
    }
    // HTTP/2 names the host in the URI.
    let mut request = get("http://example.com:81/chat/x?y");
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove("host");
    assert_eq!(
        text(ask(&app, request).await).await,
        r#"GET http://example.com:81/chat/x?y HTTP/2.0 "/x" []"#
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_pass_and_their_absence_is_known() {
    let tell = service_fn(async |request: Request<RequestBody>| {
        let body = request.into_body();
        let is_none = body.is_end_stream();
        let length = body.size_hint().exact();
        let whole = body.collect().await.unwrap().to_bytes();
        let told = format!("{is_none} {length:?} {whole:?}");
        Ok::<_, Infallible>(Response::new(Full::from(told)))
    });
    let app = warp::service(service(tell));
    let none = r#"true Some(0) b"""#;
    assert_eq!(text(ask(&app, get("/")).await).await, none);
    let some = r#"false None b"some""#;
    assert_eq!(text(ask(&app, post("/", "some")).await).await, some);
    for (name, value, told) in [
        ("content-length", "0", none),
        ("content-length", "4", some),
        ("transfer-encoding", "chunked", some),
    ] {
        let body = if told == none { "" } else { "some" };
        let mut request = post("/", body);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(
            text(ask(&app, request).await).await,
            told,
            "{name}: {value}"
        );
    }
}

type Pieces = Vec<Result<Frame<Bytes>, std::io::Error>>;

/// A body of these pieces that says it has this length. It is not `Sync`.
struct Told {
    pieces: UnsyncBoxBody<Bytes, std::io::Error>,
    length: Option<u64>,
}

impl Body for Told {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.pieces).poll_frame(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

fn data(text: &'static str) -> Result<Frame<Bytes>, std::io::Error> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

/// What becomes of an answer with this body.
async fn answered(
    status: u16,
    length: Option<u64>,
    pieces: fn() -> Pieces,
) -> warp::reply::Response {
    let answer = service_fn(move |_: Request<RequestBody>| async move {
        let pieces = StreamBody::new(futures_util::stream::iter(pieces()));
        let mut response = Response::new(Told {
            pieces: pieces.boxed_unsync(),
            length,
        });
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
            .headers_mut()
            .insert("x-kept", "yes".parse().unwrap());
        Ok::<_, Infallible>(response)
    });
    let response = ask(&warp::service(service(answer)), get("/")).await;
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["x-kept"], "yes");
    response
}

fn content_length(response: &warp::reply::Response) -> Option<&str> {
    Some(response.headers().get("content-length")?.to_str().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_length_that_is_known_stays_known() {
    let response = answered(200, Some(5), || vec![data("whole")]).await;
    assert_eq!(response.body().size_hint().exact(), Some(5));
    assert_eq!(text(response).await, "whole");

    let response = answered(200, Some(6), || vec![data("two"), data("two")]).await;
    assert_eq!(content_length(&response), Some("6"));
    assert_eq!(text(response).await, "twotwo");

    let response = answered(200, Some(0), Vec::new).await;
    assert_eq!(response.body().size_hint().exact(), Some(0));
    assert!(response.body().is_end_stream());

    // Nothing is said where the length is not known, or must not be told.
    let response = answered(200, None, || vec![data("a"), data("b")]).await;
    assert_eq!(content_length(&response), None);
    assert_eq!(text(response).await, "ab");
    for status in [101, 204] {
        let response = answered(status, Some(6), || vec![data("two"), data("two")]).await;
        assert_eq!(content_length(&response), None, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_in_an_answer_cuts_it_short() {
    let broken = || vec![data("a"), Err(std::io::Error::other("broken"))];
    let response = answered(200, None, broken).await;
    let mut body = response.into_body();
    assert_eq!(
        body.frame().await.unwrap().unwrap().into_data().unwrap(),
        "a"
    );
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("broken"), "{error}");

    let response = answered(200, Some(2), || vec![Err(std::io::Error::other("at once"))]).await;
    let error = response.into_body().frame().await.unwrap().unwrap_err();
    assert!(error.to_string().contains("at once"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn trailers_are_left_out() {
    let response = answered(200, None, || {
        vec![data("a"), Ok(Frame::trailers(HeaderMap::new())), data("b")]
    })
    .await;
    assert_eq!(text(response).await, "ab");
}

/// A service that must be ready before it is called.
#[derive(Clone)]
struct Slow {
    is_ready: bool,
}

impl tower::Service<Request<RequestBody>> for Slow {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if std::mem::replace(&mut self.is_ready, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request<RequestBody>) -> Self::Future {
        assert!(self.is_ready, "called before it was ready");
        std::future::ready(Ok(Response::new(Full::from("ready"))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_is_waited_for_until_it_is_ready() {
    let app = warp::service(service(Slow { is_ready: false }));
    for _ in 0..2 {
        assert_eq!(text(ask(&app, get("/")).await).await, "ready");
    }
}
