//! How sessions begin: the open packet and the headers around it.

use sockeye_tower::{Transport, engineio};

use crate::{
    client::Sent,
    support::{Server, rest},
};

/// CVE-2020-28481: no CORS header unless it is asked for. socket.io-client #1531: `maxPayload` is
/// told.
#[tokio::test(start_paused = true)]
async fn polling_opens_with_the_open_packet_alone() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let answer = server.get("EIO=4&transport=polling&t=x").await;
    assert_eq!(answer.status, 200);
    let sid = answer.sid();
    assert_eq!(
        answer.text(),
        format!(
            r#"0{{"sid":"{sid}","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        )
    );
    assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);
    assert_eq!(
        answer.all("content-length"),
        [answer.body.len().to_string()]
    );
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    assert!(answer.all("set-cookie").is_empty());
    assert!(answer.all("access-control-allow-origin").is_empty());
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.transport(), Transport::Polling);
    assert_eq!(server.handle.sessions(), 1);
    // Twenty characters of what stands in a URL as it is.
    assert!(
        sid.len() >= 20
            && sid
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || b"-_".contains(&it))
    );
}

#[tokio::test(start_paused = true)]
async fn websocket_opens_with_the_open_packet_as_its_first_message() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let (answer, connection) = server.handshake("EIO=4&transport=websocket").await;
    assert_eq!(answer.status, 101);
    assert_eq!(
        answer.all("sec-websocket-accept"),
        ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]
    );
    let mut socket = crate::client::WebSocket::new(connection.stream);
    let open = socket.text().await;
    let (sid, _) = open[9..].split_once('"').unwrap();
    assert_eq!(
        open,
        format!(
            r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        )
    );
    socket.expect_silence().await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.transport(), Transport::WebSocket);
}

#[tokio::test(start_paused = true)]
async fn the_open_packet_says_what_the_options_say() {
    let second = std::time::Duration::from_secs(1);
    let (server, _sessions) = Server::handing_over(|mount| {
        mount
            .ping_interval(second)
            .ping_timeout(2 * second)
            .max_message_size(5)
            .allow_upgrades(false)
            .generate_id(|_| "mine".into())
            .initial_packet("hi")
    });
    assert_eq!(
        server.get("EIO=4&transport=polling").await.text(),
        "0{\"sid\":\"mine\",\"upgrades\":[],\"pingInterval\":1000,\"pingTimeout\":2000,\
         \"maxPayload\":5}\u{1e}4hi"
    );
    // The id is taken now.
    let answer = server.get("EIO=4&transport=polling").await;
    answer.expect_error(400, 3, "Bad request");
    assert_eq!(server.handle.sessions(), 1);
}

#[tokio::test(start_paused = true)]
async fn upgrades_are_not_offered_without_websocket() {
    let (server, _sessions) =
        Server::handing_over(|mount| mount.transports([engineio::Transport::Polling]));
    let answer = server.get("EIO=4&transport=polling").await;
    assert!(answer.text().contains(r#""upgrades":[],"#), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn revision_3_is_let_in_where_it_is_allowed() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    for query in ["EIO=3&transport=polling", "transport=polling&b64=1"] {
        let answer = server.get(query).await;
        let text = answer.text();
        let (length, packet) = text.split_once(':').unwrap();
        assert_eq!(length, packet.len().to_string(), "{query}");
        assert!(packet.starts_with("0{\"sid\":\""), "{query}");
        assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);
        sessions.recv().await.unwrap();
    }
    let mut socket = server.websocket("EIO=3&transport=websocket").await;
    assert!(matches!(socket.next().await, Sent::Text(open) if open.starts_with("0{")));
}

/// socketioxide 0.18.9: the public id was the secret one.
#[tokio::test(start_paused = true)]
async fn the_secret_id_is_shown_to_nobody_else() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    assert_ne!(session.id().to_string(), client.sid);
    let shown = format!(
        "{session:?} {:?} {:?} {:?} {:?}",
        session.sender(),
        session.id(),
        server.handle,
        server.service,
    );
    assert!(!shown.contains(&client.sid), "{shown}");
    // Later requests hold it; what the application sees is the first one.
    session.try_send("hello").unwrap();
    client.poll().await;
    let _socket = client.upgraded().await;
    assert_eq!(session.request().uri(), "/?EIO=4&transport=polling");
    // Nor does the public one open anything.
    let query = format!("EIO=4&transport=polling&sid={}", session.id());
    server
        .get(&query)
        .await
        .expect_error(400, 1, "Session ID unknown");
    rest().await;
    assert_eq!(session.close_reason(), None);
}
