//! What a layer above Engine.IO asks of a message: attachments, compression, volatility, reasons.

use bytes::Bytes;
use sockeye_tower::{
    Compression, Prepared,
    engineio::{Reason, Revision},
};

use crate::{client::Sent, support::Server};
use sockeye_core::{Delivered, Delivery, Member};

fn with_attachments() -> Prepared {
    let attachments = [Bytes::from_static(b"\x01"), Bytes::from_static(b"\x02\x03")];
    Prepared::with_attachments("header", attachments, Compression::Allowed)
}

#[tokio::test(start_paused = true)]
async fn attachments_follow_their_message_immediately() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    for part in [with_attachments(), Prepared::new("next")] {
        session.send(part).await.unwrap();
    }
    let texts = ["4header", "4next"];
    assert_eq!(socket.text().await, texts[0]);
    for expected in [&b"\x01"[..], b"\x02\x03"] {
        assert!(matches!(socket.next().await, Sent::Binary(bytes) if bytes == expected));
    }
    assert_eq!(socket.text().await, texts[1]);

    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    session.send(with_attachments()).await.unwrap();
    session.send("next").await.unwrap();
    let text = client.poll().await.text();
    assert_eq!(text, "4header\u{1e}bAQ==\u{1e}bAgM=\u{1e}4next");
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_not_compressed_when_all_its_messages_forbid_it() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let large = |compression| {
        Prepared::with_attachments("a".repeat(2000), Vec::<Bytes>::new(), compression)
    };
    let headers = "Accept-Encoding: gzip\r\n";
    let cases = [
        (vec![Compression::Forbidden], false),
        (vec![Compression::Forbidden, Compression::Allowed], true),
        (vec![Compression::Allowed], true),
    ];
    for (messages, is_compressed) in cases {
        for compression in &messages {
            session.send(large(*compression)).await.unwrap();
        }
        let answer = server.ask_with("GET", &client.query, headers, b"").await;
        assert_eq!(
            !answer.all("content-encoding").is_empty(),
            is_compressed,
            "{messages:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_volatile_message_is_left_out_where_no_poll_waits() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    let sender = session.sender();
    let volatile = Prepared::new("volatile");
    assert_eq!(
        sender.deliver(&volatile, Delivery::Volatile),
        Delivered::Skipped
    );
    session.send("kept").await.unwrap();
    assert_eq!(client.poll().await.text(), "4kept");

    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    let delivered = session.sender().deliver(&volatile, Delivery::Volatile);
    assert_eq!(delivered, Delivered::Queued);
    assert_eq!(socket.text().await, "4volatile");
}

#[tokio::test(start_paused = true)]
async fn a_volatile_message_is_left_out_where_the_peer_does_not_read() {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let mut connection = server.connect_over(1 << 10);
    connection
        .send_handshake("GET", "EIO=4&transport=websocket", "")
        .await;
    let session = sessions.recv().await.unwrap();
    let sender = session.sender();
    let volatile = Prepared::new("v".repeat(1000));
    let mut queued = 0;
    while sender.deliver(&volatile, Delivery::Volatile) == Delivered::Queued {
        queued += 1;
        tokio::task::yield_now().await;
        assert!(queued < 10_000, "it is never left out");
    }
    assert_eq!(session.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn a_session_tells_its_end_in_the_words_of_the_protocol() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open().await;
    let mut session = sessions.recv().await.unwrap();
    assert_eq!(session.sender().engineio_revision(), Some(Revision::V4));
    assert_eq!(session.sender().engineio_v3_id(), None);
    assert_eq!(session.sender().engineio_reason(), None);
    client.post("x").await;
    assert_eq!(session.recv().await, None);
    assert_eq!(session.sender().engineio_reason(), Some(Reason::ParseError));

    let client = server.open_with("EIO=3").await;
    let session = sessions.recv().await.unwrap();
    assert_eq!(session.sender().engineio_revision(), Some(Revision::V3));
    let id = session.sender().engineio_v3_id();
    assert_eq!(id.unwrap().as_str(), client.sid);
}

#[tokio::test(start_paused = true)]
async fn the_announced_limit_is_about_what_clients_send() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.max_message_size(100));
    let mut socket = server.open_websocket().await;
    let session = sessions.recv().await.unwrap();
    session.send("a".repeat(101)).await.unwrap();
    assert_eq!(socket.text().await.len(), 102);
    socket.send_text(&format!("4{}", "a".repeat(100))).await;
    socket.expect_close(Some(1009)).await;
}
