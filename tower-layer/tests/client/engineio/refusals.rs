//! How sessions do not open.

use sockeye_tower::{
    ConnectRequest, EngineIo, Reject, Transport,
    engineio::{self, ErrorCode, Revision},
    test::{Client, OpenError},
};

use super::support::{clients, manners};
use crate::support::echo;

#[tokio::test(start_paused = true)]
async fn the_protocols_errors_are_told() {
    let client = Client::new(EngineIo::new(echo).service());
    let version = Some((
        ErrorCode::UnsupportedProtocolVersion,
        "Unsupported protocol version".to_owned(),
    ));
    for transport in [Transport::Polling, Transport::WebSocket] {
        let session = client.engineio("/").transport(transport);
        let error = session.revision(Revision::V3).open().await.unwrap_err();
        assert_eq!(error.status().unwrap(), 400, "{transport}");
        assert_eq!(error.engineio_error(), version, "{transport}");
    }
    let mount = EngineIo::new(echo).transports([engineio::Transport::WebSocket]);
    let client = Client::new(mount.service());
    let answer = client.engineio("/").expect_refused().await;
    assert_eq!(answer.status(), 400);
    let unknown = (ErrorCode::TransportUnknown, "Transport unknown".to_owned());
    assert_eq!(answer.engineio_error(), Some(unknown));
}

#[tokio::test(start_paused = true)]
async fn a_hooks_word_is_told() {
    let mount = EngineIo::new(echo)
        .on_connect(async |_: &ConnectRequest| Err(Reject::status(401).body("say \"who\"")));
    for (manner, session, _, transport) in manners(&clients(mount)) {
        let answer = session.expect_refused().await;
        assert_eq!(answer.status(), 401, "{manner}");
        if transport == Transport::Polling {
            let forbidden = (ErrorCode::Forbidden, "say \"who\"".to_owned());
            assert_eq!(answer.engineio_error(), Some(forbidden), "{manner}");
        } else {
            assert_eq!(answer.engineio_error(), None, "{manner}");
            assert_eq!(answer.text(), "say \"who\"", "{manner}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_of_another_origin_is_403() {
    let clients = clients(EngineIo::new(echo));
    for (manner, session, _, transport) in manners(&clients) {
        let foreign = session.origin("https://example.com");
        let Err(OpenError::Refused(answer)) = foreign.open().await else {
            panic!("{manner}");
        };
        assert_eq!(answer.status(), 403, "{manner}");
        assert!(answer.text().contains("allowed_origins"), "{manner}");
        // A WebSocket's request is told in the mount's own words alone.
        let code = answer.engineio_error().map(|(code, _)| code);
        let told = (transport == Transport::Polling).then_some(ErrorCode::Forbidden);
        assert_eq!(code, told, "{manner}");
    }
    for (_, session, _, _) in manners(&clients) {
        session.origin("http://localhost").open().await.unwrap();
    }
}

#[tokio::test]
#[should_panic(expected = "handshake: this session is not Engine.IO's")]
async fn sockjs_has_no_handshake_of_this_kind() {
    let client = Client::new(sockeye_tower::SockJs::new(echo).service());
    let session = client.session("/").open().await.unwrap();
    let _ = session.handshake();
}

#[test]
#[should_panic(expected = "begin with Client::engineio")]
fn a_sockjs_mount_has_no_polling_of_this_kind() {
    let client = Client::new(sockeye_tower::SockJs::new(echo).service());
    let _ = client.session("/").transport(Transport::Polling);
}

#[test]
#[should_panic(expected = "xhr-polling is none of Engine.IO's")]
fn an_engineio_mount_has_no_transports_of_sockjs() {
    let client = Client::new(EngineIo::new(echo).service());
    let _ = client.engineio("/").transport(Transport::XhrPolling);
}
