//! Sessions that do not open.

use http::StatusCode;
use sockeye_tower::{
    Close, DrainPolicy, Handle, Origins, SockJs, Transport,
    test::{Client, Error, OpenError},
};

use crate::support::{clients, echo, is_websocket, ways};

/// Clients of a mount with its default origins.
fn plain(mount: SockJs<impl sockeye_tower::Handler>) -> [Client; 2] {
    let service = mount.service();
    [Client::new(service.clone()), Client::new(service).http2()]
}

#[tokio::test(start_paused = true)]
async fn a_path_without_a_mount_is_404() {
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients) {
        let response = client
            .session("/elsewhere")
            .transport(transport)
            .expect_refused()
            .await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{transport}");
        assert_eq!(
            response.text(),
            "404 Error: Page not found\n",
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_is_403() {
    let clients = plain(SockJs::new(echo));
    for (client, transport) in ways(&clients) {
        let session = || client.session("/").transport(transport);
        let error = session()
            .origin("https://example.com")
            .open()
            .await
            .unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::FORBIDDEN), "{transport}");
        assert!(
            error.body().unwrap().contains("allowed_origins"),
            "{transport}: {error}"
        );
        assert!(
            error.headers().unwrap().contains_key("content-type"),
            "{transport}"
        );
        session().origin("http://localhost").open().await.unwrap();
        let named = client.clone().host("example.com");
        let session = named.session("/").transport(transport);
        session.origin("https://example.com").open().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_mount_is_503_and_says_when_to_come_again() {
    let clients = clients(SockJs::new(echo).max_sessions(1));
    for (client, transport) in ways(&clients) {
        let first = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        let response = client
            .session("/")
            .transport(transport)
            .expect_refused()
            .await;
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{transport}"
        );
        assert_eq!(response.header("retry-after"), Some("5"), "{transport}");
        first.abort();
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_draining_mount_is_503() {
    let handle = Handle::new();
    let clients = clients(SockJs::new(echo).handle(&handle));
    let _drained = handle.drain(DrainPolicy::new());
    for (client, transport) in ways(&clients) {
        let response = client
            .session("/")
            .transport(transport)
            .expect_refused()
            .await;
        assert_eq!(
            response.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_receiver_is_closed_instead_of_opened() {
    let clients = clients(SockJs::new(echo));
    for (client, transport) in ways(&clients).filter(|&(_, transport)| !is_websocket(transport)) {
        let first = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        // Its second poll is there.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let second = client
            .session("/")
            .transport(transport)
            .id(first.id())
            .open()
            .await;
        let error = second.unwrap_err();
        assert_eq!(error, OpenError::Closed(Close::STILL_OPEN), "{transport}");
        assert_eq!(error.status(), None);
        first.send("on").await.unwrap();
        assert_eq!(first.recv().await, Ok("on".into()), "{transport}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_is_off_is_refused_alone() {
    for off in Transport::SOCKJS {
        let on = Transport::SOCKJS.into_iter().filter(|&each| each != off);
        let mount = SockJs::new(echo)
            .transports(on)
            .allowed_origins(Origins::Any);
        let clients = plain(mount);
        for (client, transport) in ways(&clients) {
            let opened = client.session("/").transport(transport).open().await;
            assert_eq!(
                opened.is_err(),
                transport == off,
                "{transport} with {off} off"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_leaves_no_answer() {
    let service = tower::service_fn(async |_: http::Request<hyper::body::Incoming>| {
        Err::<http::Response<http_body_util::Empty<bytes::Bytes>>, _>("broken")
    });
    let clients = [Client::new(service), Client::new(service).http2()];
    for (client, transport) in ways(&clients) {
        let opened = client.session("/").transport(transport).open().await;
        assert_eq!(
            opened.unwrap_err(),
            OpenError::Failed(Error::Disconnected),
            "{transport}"
        );
        assert_eq!(client.get("/").await, Err(Error::Disconnected));
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_is_given_up() {
    let service = tower::service_fn(async |_: http::Request<hyper::body::Incoming>| {
        std::future::pending::<
            Result<http::Response<http_body_util::Empty<bytes::Bytes>>, std::convert::Infallible>,
        >()
        .await
    });
    let clients = [Client::new(service), Client::new(service).http2()];
    for (client, transport) in ways(&clients) {
        let opened = client.session("/").transport(transport).open().await;
        let OpenError::Failed(Error::TimedOut { after }) = opened.unwrap_err() else {
            panic!("{transport} gave up in another way");
        };
        assert_eq!(after.as_secs(), 60);
    }
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "not refused but opened")]
async fn expecting_a_refusal_that_does_not_come_panics() {
    let [client, _] = clients(SockJs::new(echo));
    client.session("/").expect_refused().await;
}
