//! Mounts that speak no SockJS.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use sockeye_tower::{
    Close, CloseReason, Event, EventStream, Message, Session, WebSocket,
    test::{Client, Error, Frame, OpenError, Violation},
};
use tokio::sync::mpsc;
use tower::ServiceBuilder;

use crate::support::{HandOver, echo};

fn handing_over() -> (HandOver, mpsc::UnboundedReceiver<Session>) {
    let (sender, sessions) = mpsc::unbounded_channel();
    (HandOver(sender), sessions)
}

/// Clients of a service over both HTTP versions.
macro_rules! both {
    ($service:expr) => {{
        let service = $service;
        [Client::new(service.clone()), Client::new(service).http2()]
    }};
}

#[tokio::test(start_paused = true)]
async fn a_websocket_mount_is_at_its_path_and_below() {
    let nothing = tower::service_fn(async |_: Request<Incoming>| {
        Response::builder()
            .status(404)
            .body(Full::new(Bytes::new()))
    });
    let app = ServiceBuilder::new()
        .layer(WebSocket::new(echo).layer("/live"))
        .service(nothing);
    for client in both!(app) {
        for path in ["/live", "/live/", "/live/room/7", "/live?x=1"] {
            let session = client.websocket(path).open().await.unwrap();
            for message in [Message::from("hello"), Message::from(vec![0, 255])] {
                session.send(message.clone()).await.unwrap();
                assert_eq!(session.recv().await, Ok(message), "{path}");
            }
            tokio::time::sleep(Duration::from_secs(26)).await;
            assert_eq!(session.heartbeats(), 1);
            session.close().await.unwrap();
        }
        let elsewhere = client.websocket("/elsewhere").expect_refused().await;
        assert_eq!(elsewhere.status(), 404);
    }
}

#[tokio::test(start_paused = true)]
async fn a_websocket_mount_is_asked_for_its_path_as_it_is() {
    let (handler, mut sessions) = handing_over();
    for client in both!(WebSocket::new(handler).service()) {
        for path in ["/", "/a", "/a/", "/a/b?c=d"] {
            let _session = client.websocket(path).open().await.unwrap();
            let request = sessions.recv().await.unwrap().request();
            assert!(request.uri().ends_with(path), "{}", request.uri());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_with_their_names_and_ids() {
    let (handler, mut sessions) = handing_over();
    for client in both!(EventStream::new(handler).service()) {
        let stream = client.event_stream("/prices");
        let stream = stream.last_event_id("41").open().await.unwrap();
        let server = sessions.recv().await.unwrap();
        assert_eq!(server.request().last_event_id(), Some("41"));
        let event = Event::new("17.25\n18").name("price").id("42");
        server.send(event.clone()).await.unwrap();
        server.send("plain").await.unwrap();
        server.send("as a message").await.unwrap();
        assert_eq!(stream.recv_frame().await, Ok(Frame::Open));
        assert_eq!(stream.recv_frame().await, Ok(Frame::Event(event)));
        assert_eq!(
            stream.recv_frame().await,
            Ok(Frame::Event(Event::new("plain")))
        );
        assert_eq!(stream.recv().await, Ok("as a message".into()));
        assert_eq!(stream.recv_frame().await, Ok(Frame::Heartbeat));
        assert_eq!(stream.heartbeats(), 1);
        assert_eq!(stream.send("x").await, Err(Error::OneWay));
        server.close(3000, "enough");
        assert_eq!(stream.closed().await, Ok(Close::new(3000, "enough")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_a_retry_opens_and_its_abort_is_noticed() {
    let (handler, mut sessions) = handing_over();
    let mount = EventStream::new(handler).retry(Duration::from_secs(1));
    for client in both!(mount.service()) {
        let stream = client.event_stream("/").open().await.unwrap();
        assert_eq!(
            stream.opening().header("content-type"),
            Some("text/event-stream")
        );
        let mut server = sessions.recv().await.unwrap();
        stream.abort();
        assert_eq!(server.recv().await, None);
        assert_eq!(server.close_reason(), Some(CloseReason::Disconnected));
    }
}

#[tokio::test(start_paused = true)]
async fn says_how_an_event_stream_is_wrong() {
    let got = |text: &str| text.to_owned();
    #[rustfmt::skip]
    let cases = [
        ("",                              Error::Disconnected),
        (":\n\n",                         Error::Disconnected),
        ("data: x\n\n",                   Violation::Prelude { got: got("data: x") }.into()),
        (":\n\ndata: x\n",                Violation::CutShort { got: got("data: x\n") }.into()),
        (":\n\nfoo: x\n\n",               Violation::Frame { got: got("foo: x") }.into()),
        (":\n\n: 3000 x\n\ndata: x\n\n",  Violation::AfterClose { got: got("data: x\n\n") }.into()),
    ];
    for (body, expected) in cases {
        let client = Client::new(tower::service_fn(move |_: Request<Incoming>| async move {
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Full::new(Bytes::from(body)))
        }));
        let error = match client.event_stream("/").open().await {
            Ok(stream) => stream.recv().await.unwrap_err(),
            Err(OpenError::Failed(error)) => error,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(error, expected, "{body:?}");
    }
}
