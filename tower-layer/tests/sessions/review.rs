//! What a review found: each of these fails on main.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderValue, header};
use http_body_util::Empty;
use sockeye_core::Member;
use sockeye_tower::{
    Accept, ConnectRequest, DrainPolicy, Event, EventStream, Handle, Reject, SendError, Session,
    SockJs, Transport,
};
use tower::ServiceExt;

use crate::{
    every_way::Way,
    support::{Server, rest, to},
};

/// `Member::on_end`: "at once if it has already". Inside a handler it waits for the poll's end, and
/// so `Rooms::join` answers `Ok(true)` for a session that has ended.
#[tokio::test(start_paused = true)]
async fn a_farewell_of_an_ended_session_is_called_at_once_in_a_handler_too() {
    let at_once = Arc::new(AtomicBool::new(false));
    let seen = at_once.clone();
    let server = Server::new(SockJs::new(async move |session: Session| {
        session.close(1000, "done");
        let called = Arc::new(AtomicBool::new(false));
        let flag = called.clone();
        session
            .sender()
            .on_end(Box::new(move || flag.store(true, Ordering::Relaxed)));
        seen.store(called.load(Ordering::Relaxed), Ordering::Relaxed);
    }));
    server.poll("s").await;
    rest().await;
    assert!(at_once.load(Ordering::Relaxed));
}

/// `SendError::TooLarge above the mount's message size`, and an outbox of 1 MiB: neither counts an
/// event's name and id.
#[tokio::test(start_paused = true)]
async fn an_events_name_and_id_count_as_well() {
    let handle = Handle::new();
    let (told, mut results) = tokio::sync::mpsc::unbounded_channel();
    let service = EventStream::new(async move |session: Session| {
        let huge = "x".repeat(8 << 20);
        let result = session.send(Event::new("").id(huge)).await;
        told.send(result).unwrap();
    })
    .handle(&handle)
    .service();
    let request = to(http::Method::GET, "/")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let Ok(response) = service.oneshot(request).await;
    let result = results.recv().await.unwrap();
    drop(response);
    assert!(
        matches!(result, Err(SendError::TooLarge { .. })),
        "{result:?}"
    );
}

/// "The application's word goes before ours", says `Reject::into_response`; the receivers then write
/// over it.
#[tokio::test(start_paused = true)]
async fn a_rejections_headers_are_the_same_on_every_transport() {
    for way in [
        Way::Raw,
        Way::Response("xhr", Transport::XhrPolling),
        Way::PlainEvents,
    ] {
        let (server, _sessions) =
            way.server(async |_: &ConnectRequest| -> Result<Accept, Reject> {
                Err(Reject::status(403)
                    .header(header::CACHE_CONTROL, HeaderValue::from_static("private"))
                    .header(header::VARY, HeaderValue::from_static("Cookie")))
            });
        let answer = way.open(&server, "s").await;
        assert_eq!(answer.headers["cache-control"], "private", "{way:?}");
        let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
        assert!(vary.iter().any(|v| *v == "Cookie"), "{way:?} {vary:?}");
        let echoes = answer.headers.contains_key("access-control-allow-origin");
        let varies = vary.iter().any(|v| *v == "Origin");
        assert_eq!(varies, echoes, "{way:?} {vary:?}");
    }
}

#[test]
fn any_time_can_be_told_in_retry_after() {
    let _ = DrainPolicy::new().retry_after(std::time::Duration::MAX);
}

/// A handler's `Request::cookie` finds it; the hook's `ConnectRequest::cookie` must too: browsers
/// send raw UTF-8 in cookies that another page's script has set.
#[tokio::test(start_paused = true)]
async fn a_foreign_cookie_in_utf8_hides_no_other() {
    let way = Way::Response("xhr", Transport::XhrPolling);
    let (server, mut sessions) = way.server(async |request: &ConnectRequest| {
        Ok(Accept::new().data(request.cookie("user").map(str::to_owned)))
    });
    let cookie = HeaderValue::from_bytes("city=Zürich; user=ann".as_bytes()).unwrap();
    let request = way.request("s").header("cookie", cookie);
    way.ask(&server, request).await.expect_open(way);
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.request().cookie("user"), Some("ann"));
    assert_eq!(
        session.data::<Option<String>>().unwrap().as_deref(),
        Some("ann")
    );
}
