//! Hooks, as an application would test them.

use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use sockeye_tower::{Accept, ConnectRequest, Reject, Session, SockJs, Transport, test::Error};
use tokio::time::Instant;

use crate::support::{clients, ways};

async fn greet(session: Session) {
    let name = session.data::<String>().expect("the hook put it there");
    let _ = session.send(format!("hello {name}")).await;
    std::future::pending::<()>().await;
}

async fn admit(request: &ConnectRequest) -> Result<Accept, Reject> {
    let name = request
        .cookie("user")
        .ok_or(Reject::status(401).body("log in first"))?;
    let welcome = HeaderValue::from_static("welcome");
    Ok(Accept::new()
        .data(name.to_owned())
        .header(HeaderName::from_static("x-hook"), welcome)
        .until((Instant::now() + Duration::from_secs(600)).into_std()))
}

#[tokio::test(start_paused = true)]
async fn a_hook_admits_rejects_and_ends_sessions_on_every_transport() {
    let clients = clients(SockJs::new(greet).on_connect(admit));
    for (client, transport) in ways(&clients) {
        let client = client.clone().patience(Duration::from_secs(3600));
        let session = || client.session("/").transport(transport);
        let response = session().expect_refused().await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{transport}");
        assert_eq!(response.text(), "log in first", "{transport}");

        let session = session().cookie("user", "ann").open().await.unwrap();
        assert_eq!(
            session.opening().header("x-hook"),
            Some("welcome"),
            "{transport}"
        );
        assert_eq!(session.recv().await, Ok("hello ann".into()), "{transport}");
        let start = Instant::now();
        let close = session.closed().await.unwrap();
        assert_eq!(
            (close.code, &*close.reason),
            (4401, "Credentials expired"),
            "{transport}"
        );
        assert_eq!(
            start.elapsed().as_secs().next_multiple_of(10),
            600,
            "{transport}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_of_later_requests_is_seen_by_polls_and_sends() {
    let check = async |request: &ConnectRequest| match request.cookie("user") {
        Some("ann") => Ok(Accept::new()),
        _ => Err(Reject::status(403)),
    };
    let mount = SockJs::new(greet).on_connect(admit).on_request(check);
    for (client, transport) in ways(&clients(mount)) {
        if !matches!(transport, Transport::XhrPolling | Transport::JsonpPolling) {
            continue;
        }
        client.set_cookie("user", "ann");
        let session = client
            .session("/")
            .transport(transport)
            .open()
            .await
            .unwrap();
        assert_eq!(session.recv().await, Ok("hello ann".into()), "{transport}");
        session.send("x").await.unwrap();
        client.set_cookie("user", "bob");
        for refused in [session.send("x").await, session.recv().await.map(|_| ())] {
            let Err(Error::Refused(response)) = refused else {
                panic!("{transport}: {refused:?}");
            };
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{transport}");
        }
    }
}
