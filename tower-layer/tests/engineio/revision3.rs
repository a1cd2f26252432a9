//! Clients of revision 3.

use sockeye_tower::{CloseReason, Message};

use crate::{
    client::Sent,
    support::{Server, as_text, pass, rest},
};

#[tokio::test(start_paused = true)]
async fn payloads_in_text_form() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3&b64=1").await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send("€€").unwrap();
    session.try_send("😀!").unwrap();
    session.try_send(vec![1, 2, 3, 4]).unwrap();
    let answer = client.poll().await;
    assert_eq!(answer.text(), "3:4€€4:4😀!10:b4AQIDBA==");
    assert_eq!(answer.all("content-type"), ["text/plain; charset=UTF-8"]);

    client.send("3:4€€0:4:4😀!10:b4AQIDBA==").await;
    assert_eq!(as_text(session.recv().await), "€€");
    assert_eq!(as_text(session.recv().await), "😀!");
    assert_eq!(
        session.recv().await,
        Some(Message::Binary(vec![1, 2, 3, 4].into()))
    );
}

/// engineioxide 0.17.4, PR #794: lengths that count UTF-16 units made others cut inside of characters, or
/// loop for ever.
#[tokio::test(start_paused = true)]
async fn lengths_count_utf_16_units() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let cases: [(&str, &[&str]); 8] = [
        ("2:4a", &["a"]),
        ("2:4é2:4€", &["é", "€"]),
        ("3:4😀3:4😀2:4.", &["😀", "😀", "."]),
        ("11:4👩‍👩‍👧‍👦1", &[]),
        ("12:4👩‍👩‍👧‍👦", &["👩‍👩‍👧‍👦"]),
        ("13:4👩‍👩‍👧‍👦2:4x", &[]),
        ("3:4\u{fffd}\u{feff}", &["\u{fffd}\u{feff}"]),
        (
            "3:4\u{1f600}6:4\u{10ffff}\u{d7ff}\u{e000}a",
            &["\u{1f600}", "\u{10ffff}\u{d7ff}\u{e000}a"],
        ),
    ];
    for (body, expected) in cases {
        let client = server.open_with("EIO=3&b64=1").await;
        let mut session = sessions.recv().await.unwrap();
        if expected.is_empty() {
            client.post(body).await.expect_empty(400);
            client.expect_unknown().await;
            continue;
        }
        client.send(body).await;
        for expected in expected {
            assert_eq!(as_text(session.recv().await), *expected, "{body}");
        }
        // And back, as the client has said it.
        for expected in expected {
            session.try_send(*expected).unwrap();
        }
        assert_eq!(client.poll_text().await, body);
    }
}

/// A length that ends between the halves of a pair is a parse error, in whatever place.
#[tokio::test(start_paused = true)]
async fn a_length_that_cuts_a_character_is_none() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    for (body, before) in [
        ("2:4😀", None),
        ("2:4a2:4😀", Some("a")),
        ("3:4a😀", None),
        ("4:4😀😀2:4a", None),
        ("3:4😀\u{301}", Some("😀")),
    ] {
        let client = server.open_with("EIO=3&b64=1").await;
        let mut session = sessions.recv().await.unwrap();
        client.post(body).await.expect_empty(400);
        if let Some(before) = before {
            assert_eq!(as_text(session.recv().await), before, "{body}");
        }
        assert_eq!(session.recv().await, None, "{body}");
        client.expect_unknown().await;
    }
}

/// Half of a pair can be in a JavaScript string, and clients of revision 3 write it as it is.
#[tokio::test(start_paused = true)]
async fn lone_surrogates_are_replaced_where_the_client_writes_them() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3").await;
    let mut session = sessions.recv().await.unwrap();
    let octets = "Content-Type: application/octet-stream\r\n";
    let high = b"\x00\x05\xff4a\xed\xa0\xbd";
    let low_first = b"\x00\x08\xff4\xed\xb8\x80\xed\xa0\xbdz";
    let body = [&high[..], low_first, b"\x00\x02\xff4b"].concat();
    let answer = server.ask_with("POST", &client.query, octets, &body).await;
    assert_eq!(answer.text(), "ok");
    for expected in ["a\u{fffd}", "\u{fffd}\u{fffd}z", "b"] {
        assert_eq!(as_text(session.recv().await), expected);
    }
    // What is no UTF-8 in any other way is refused there.
    let body = b"\x00\x04\xff4\xf0\x9f\x98";
    let answer = server.ask_with("POST", &client.query, octets, body).await;
    answer.expect_empty(400);
    client.expect_unknown().await;

    // A text frame must be UTF-8, and so must a body that says it is text.
    let mut socket = server.websocket("EIO=3&transport=websocket").await;
    socket.text().await;
    socket.send(0x81, b"4\xed\xa0\xbd").await;
    socket.expect_close(Some(1007)).await;
    let client = server.open_with("EIO=3").await;
    client.post(b"2:4\xed\xa0\xbd").await.expect_empty(400);
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn payloads_in_binary_form() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3").await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send("only text").unwrap();
    assert_eq!(client.poll_text().await, "10:4only text");
    session.try_send("€").unwrap();
    session.try_send(vec![1, 2, 3, 4]).unwrap();
    session.try_send("z").unwrap();
    let answer = client.poll().await;
    let bytes = [
        0x00, 0x04, 0xff, 0x34, 0xe2, 0x82, 0xac, 0x01, 0x05, 0xff, 0x04, 0x01, 0x02, 0x03, 0x04,
        0x00, 0x02, 0xff, 0x34, 0x7a,
    ];
    assert_eq!(answer.body, bytes);
    assert_eq!(answer.all("content-type"), ["application/octet-stream"]);

    let headers = "Content-Type: application/octet-stream\r\n";
    let answer = server
        .ask_with("POST", &client.query, headers, &bytes)
        .await;
    assert_eq!(answer.text(), "ok");
    assert_eq!(as_text(session.recv().await), "€");
    assert_eq!(
        session.recv().await,
        Some(Message::Binary(vec![1, 2, 3, 4].into()))
    );
    assert_eq!(as_text(session.recv().await), "z");
}

/// engineioxide 0.17.4, PR #739: loops and panics on such lengths.
#[tokio::test(start_paused = true)]
async fn what_is_no_payload_ends_the_session() {
    let octets = "Content-Type: application/octet-stream\r\n";
    let cases: [(&str, &[u8]); 10] = [
        ("", b""),
        ("", b":4a"),
        ("", b"x:4a"),
        ("", b"3:4a"),
        ("", b"99999999999999999999999999:4a"),
        ("", b"2:4ab"),
        ("", b"2:9a"),
        (octets, b"\x00\xff"),
        (octets, b"\x00\x09\x09\x09\xff4a"),
        (octets, b"\x00\x02\xff\xc0\x80"),
    ];
    for (headers, body) in cases {
        let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
        let client = server.open_with("EIO=3").await;
        let mut session = sessions.recv().await.unwrap();
        let mut poll = client.start_poll().await;
        let answer = server.ask_with("POST", &client.query, headers, body).await;
        answer.expect_empty(400);
        assert_eq!(poll.answer().await.text(), "1:1", "{body:?}");
        while session.recv().await.is_some() {}
        client.expect_unknown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn goodbyes_on_polling() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3").await;
    sessions.recv().await.unwrap().close(1000, "");
    assert_eq!(client.poll_text().await, "1:61:1");
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn websocket_frames_have_a_type_byte() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let mut socket = server.websocket("EIO=3&transport=websocket").await;
    socket.text().await;
    let mut session = sessions.recv().await.unwrap();
    socket.send(0x82, &[4, 1, 2]).await;
    assert_eq!(
        session.recv().await,
        Some(Message::Binary(vec![1, 2].into()))
    );
    session.try_send(vec![1, 2]).unwrap();
    assert_eq!(socket.next().await, Sent::Binary(vec![4, 1, 2]));
    // A packet without its type is none.
    socket.send(0x82, &[]).await;
    socket.expect_close(Some(1002)).await;
    assert_eq!(session.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn websocket_in_base64() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let mut socket = server.websocket("EIO=3&transport=websocket&b64=1").await;
    socket.text().await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send(vec![1, 2, 3, 4]).unwrap();
    assert_eq!(socket.text().await, "b4AQIDBA==");
    socket.send_text("b4AQIDBA==").await;
    assert_eq!(
        session.recv().await,
        Some(Message::Binary(vec![1, 2, 3, 4].into()))
    );
}

#[tokio::test(start_paused = true)]
async fn the_client_pings_and_the_server_answers() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let mut socket = server.websocket("EIO=3&transport=websocket").await;
    socket.text().await;
    let client = server.open_with("EIO=3").await;
    let first = sessions.recv().await.unwrap();
    let second = sessions.recv().await.unwrap();
    for _ in 0..4 {
        pass(40).await;
        socket.send_text("2").await;
        assert_eq!(socket.text().await, "3");
        client.send("1:2").await;
        assert_eq!(client.poll_text().await, "1:3");
    }
    pass(44).await;
    assert_eq!((first.close_reason(), second.close_reason()), (None, None));
    pass(2).await;
    socket.expect_close(None).await;
    assert_eq!(first.close_reason(), Some(CloseReason::NoHeartbeat));
    assert_eq!(second.close_reason(), Some(CloseReason::NoHeartbeat));
    client.expect_unknown().await;
}

#[tokio::test(start_paused = true)]
async fn a_pong_is_not_the_clients_to_send() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let mut socket = server.websocket("EIO=3&transport=websocket").await;
    socket.text().await;
    socket.send_text("3").await;
    socket.expect_close(Some(1002)).await;
    drop((socket, sessions.recv().await.unwrap()));
    rest().await;
    assert_eq!(server.handle.sessions(), 0);
}

#[tokio::test(start_paused = true)]
async fn it_goes_over_to_websocket_too() {
    let (server, mut sessions) = Server::handing_over(|mount| mount.allow_eio3(true));
    let client = server.open_with("EIO=3").await;
    let mut session = sessions.recv().await.unwrap();
    session.try_send("waiting").unwrap();
    let mut socket = client.probed().await;
    session.try_send(vec![1, 2]).unwrap();
    socket.send_texts(&["5", "4hello"]).await;
    assert_eq!(socket.text().await, "4waiting");
    assert_eq!(socket.next().await, Sent::Binary(vec![4, 1, 2]));
    assert_eq!(as_text(session.recv().await), "hello");
}
