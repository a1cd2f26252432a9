//! The limits of what one client may send and hold: just below, at and above each.

use sockeye_socketio::{Arguments, Builder, Socket};

use crate::support::{Log, Peer, Server, note_departures, pass, secs, settle};

/// A server that notes how many arguments each event has, and how clients leave.
fn noting(options: impl FnOnce(Builder) -> Builder) -> (Server, Log) {
    let server = Server::with(options);
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        note_departures(&socket, &its_log);
        let log = its_log.clone();
        socket.on_any(async move |Arguments(all): Arguments| {
            log.note(format!("{} arguments", all.len()));
        });
    });
    (server, log)
}

/// Says packets, and asserts what becomes of them: an event, or the session's end.
async fn try_out(server: &Server, log: &Log, case: &str, packets: &[Said<'_>], is_fine: bool) {
    let peer = server.join().await;
    for packet in packets {
        let said = match packet {
            Said::Text(text) => peer.try_say(text).await,
            Said::Bytes(length) => peer.session.send(vec![7; *length]).await,
        };
        // The end may come before all is said.
        if said.is_err() {
            assert!(!is_fine, "{case}");
            break;
        }
    }
    if is_fine {
        assert!(log.next().await.ends_with(" arguments"), "{case}");
        peer.leave().await;
        assert_eq!(log.all().await.len(), 2, "{case}");
    } else {
        let close = peer.closed().await;
        assert!([1002, 1005].contains(&close.code), "{case}: {close:?}");
        let notes = log.all().await;
        assert_eq!(
            notes,
            ["disconnecting from 1 rooms", "forced close"],
            "{case}"
        );
    }
    server.assert_empty().await;
}

enum Said<'a> {
    Text(&'a str),
    Bytes(usize),
}

#[tokio::test(start_paused = true)]
async fn attachments_of_a_packet_are_counted_before_they_come() {
    // Row 19: 10, settable. CVE-2026-33151, CVE-2026-48804, socket.io #5489 #5504.
    for (limit, server) in [
        (10, noting(|builder| builder)),
        (12, noting(|builder| builder.max_attachments(12))),
    ] {
        let (server, log) = server;
        for count in [limit - 1, limit, limit + 1] {
            let header = format!(r#"5{count}-["x"]"#);
            let mut packets = vec![Said::Text(&header)];
            packets.extend((0..count).map(|_| Said::Bytes(1)));
            try_out(&server, &log, &header, &packets, count <= limit).await;
        }
    }
    let (server, log) = noting(|builder| builder);
    for header in [
        r#"5999999-["e"]"#,
        r#"518446744073709551615-["e"]"#,
        r#"50-["e"]"#,
        r#"5-["e"]"#,
    ] {
        try_out(&server, &log, header, &[Said::Text(header)], false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_of_attachments_are_counted_over_the_packet() {
    // Row 20: four times the longest message; GHSA-55mf-67qm-4wpg.
    let (server, log) = noting(|builder| builder.engine_io(|it| it.max_message_size(1_000)));
    for (sizes, is_fine) in [
        ([1_000, 1_000, 1_000, 999], true),
        ([1_000, 1_000, 1_000, 1_000], true),
    ] {
        let mut packets = vec![Said::Text(r#"54-["x"]"#)];
        packets.extend(sizes.map(Said::Bytes));
        try_out(&server, &log, "up to the limit", &packets, is_fine).await;
    }
    let mut packets = vec![Said::Text(r#"55-["x"]"#)];
    packets.extend([1_000, 1_000, 1_000, 1_000, 1].map(Said::Bytes));
    try_out(&server, &log, "one more", &packets, false).await;

    let (server, log) = noting(|builder| builder.max_attachment_bytes(100));
    for (bytes, is_fine) in [(99, true), (100, true), (101, false)] {
        let packets = [Said::Text(r#"51-["x"]"#), Said::Bytes(bytes)];
        try_out(&server, &log, "settable", &packets, is_fine).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_packet_that_does_not_become_whole_ends_its_session() {
    // Row 21: 60 seconds, whatever else the client does. CVE-2026-33151, GHSA-55mf-67qm-4wpg.
    let (server, log) = noting(|builder| builder);
    let began = tokio::time::Instant::now();
    let peer = server.join().await;
    peer.say(r#"52-["x"]"#).await;
    pass(59).await;
    peer.say_bytes(&[1]).await;
    peer.closed().await;
    assert_eq!(began.elapsed().as_secs(), 60);
    assert_eq!(log.all().await[1], "forced close");

    let (server, log) = noting(|builder| builder.attachments_timeout(secs(5)));
    let peer = server.join().await;
    for _ in 0..3 {
        // Each packet has its own time.
        peer.say(r#"51-["x"]"#).await;
        pass(4).await;
        peer.say_bytes(&[1]).await;
        assert_eq!(log.next().await, "0 arguments");
    }
    pass(100).await;
    assert_eq!(log.take(), [] as [&str; 0]);
    peer.say(r#"51-["x"]"#).await;
    pass(6).await;
    assert_eq!(log.take()[1], "forced close");
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn a_text_among_attachments_and_bytes_for_nothing_end_the_session() {
    let (server, log) = noting(|builder| builder);
    #[rustfmt::skip]
    let cases: [(&str, &[Said<'_>]); 3] = [
        ("an event between", &[Said::Text(r#"51-["x"]"#), Said::Text(r#"2["y"]"#)]),
        ("another header",   &[Said::Text(r#"51-["x"]"#), Said::Text(r#"51-["y"]"#)]),
        ("bytes alone",      &[Said::Bytes(3)]),
    ];
    for (case, packets) in cases {
        try_out(&server, &log, case, packets, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn placeholders_name_attachments_that_there_are() {
    // Row 22. CVE-2022-2421, CVE-2022-25867.
    let (server, log) = noting(|builder| builder);
    #[rustfmt::skip]
    let cases = [
        (r#"51-["x",{"_placeholder":true,"num":0}]"#,                       true),
        (r#"51-["x",{"num":0,"_placeholder":true}]"#,                       true),
        // The same twice is allowed, and one that nobody names is dropped.
        (r#"51-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#, true),
        (r#"51-["x"]"#,                                                     true),
        // What is not strictly a placeholder is data.
        (r#"51-["x",{"_placeholder":1,"num":9}]"#,                          true),
        (r#"51-["x",{"_placeholder":true,"num":1}]"#,                       false),
        (r#"51-["x",{"_placeholder":true,"num":-1}]"#,                      false),
        (r#"51-["x",{"_placeholder":true,"num":"0"}]"#,                     false),
        (r#"51-["x",{"_placeholder":true,"num":0.5}]"#,                     false),
        (r#"51-["x",{"_placeholder":true,"num":1e9}]"#,                     false),
        (r#"51-["x",{"_placeholder":true}]"#,                               false),
        (r#"51-["x",{"_placeholder":true,"num":null}]"#,                    false),
        (r#"51-["x",{"_placeholder":true,"num":"__proto__"}]"#,             false),
        (r#"51-["x",{"_placeholder":true,"num":18446744073709551616}]"#,    false),
    ];
    for (header, is_fine) in cases {
        let packets = [Said::Text(header), Said::Bytes(2)];
        try_out(&server, &log, header, &packets, is_fine).await;
    }
    // Outside of a packet with attachments they are data.
    let header = r#"2["x",{"_placeholder":true,"num":7}]"#;
    try_out(&server, &log, header, &[Said::Text(header)], true).await;
    // Named again and again they do not become more than twice what was sent.
    let many = vec![r#"{"_placeholder":true,"num":0}"#; 1_000].join(",");
    let header = format!(r#"51-["x",{many}]"#);
    let packets = [Said::Text(&header), Said::Bytes(500_000)];
    try_out(&server, &log, "expansion", &packets, false).await;
}

#[tokio::test(start_paused = true)]
async fn ids_of_answers_are_whole_numbers_of_64_bits() {
    // Row 23: CWE-190.
    let (server, log) = noting(|builder| builder);
    #[rustfmt::skip]
    let cases = [
        (r#"20["x"]"#,                     true),
        (r#"218446744073709551615["x"]"#,  true),
        (r#"218446744073709551616["x"]"#,  false),
        (r#"2111111111111111111111["x"]"#, false),
        (r#"2-1["x"]"#,                    false),
        (r#"21.5["x"]"#,                   false),
    ];
    for (packet, is_fine) in cases {
        try_out(&server, &log, packet, &[Said::Text(packet)], is_fine).await;
    }
    // An answer to nothing is passed over; one that is no answer is not.
    let peer = server.join().await;
    for packet in ["318446744073709551615[1]", "30[]", "3[1]", "3"] {
        peer.say(packet).await;
    }
    assert_eq!(log.all().await, [] as [&str; 0]);
    peer.say("318446744073709551616[1]").await;
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn names_of_namespaces_and_their_number_are_bounded() {
    // Row 25: 255 bytes, 32 for each client.
    let server = Server::new();
    let name = |length: usize| format!("/{}", "n".repeat(length - 1));
    for n in 0..40 {
        server.io.of(format!("/{n}"));
    }
    for length in [254, 255, 256] {
        server.io.of(name(length));
    }
    let mut peer = server.open().await;
    for length in [254, 255] {
        peer.connect(&name(length)).await;
    }
    let long = name(256);
    peer.say(&format!("0{long},")).await;
    assert_eq!(
        peer.hear().await,
        format!(r#"4{long},{{"message":"Invalid namespace"}}"#)
    );
    for n in 2..32 {
        peer.connect(&format!("/{n}")).await;
    }
    // Those left make room.
    peer.say("1/2,").await;
    peer.connect("/32").await;
    peer.say("0/33,").await;
    assert_eq!(
        peer.hear().await,
        r#"4/33,{"message":"Too many namespaces"}"#
    );
    peer.closed().await;
    server.assert_empty().await;

    let server = Server::with(|builder| builder.max_namespaces(1));
    server.io.of("/a");
    let peer = server.join().await;
    peer.say("0/a,").await;
    assert_eq!(
        peer.hear().await,
        r#"4/a,{"message":"Too many namespaces"}"#
    );
    peer.closed().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_nested_deeply_ends_its_session_and_nothing_else() {
    // Row 27: 128. CWE-674; GHSA-c6g7-r2mf-pf5g; CVE-2020-36049 (linear time is the core's test).
    let (server, log) = noting(|builder| builder);
    let event = |depth: usize| format!(r#"2["x",{}{}]"#, "[".repeat(depth), "]".repeat(depth));
    for (depth, is_fine) in [(125, true), (126, true), (128, false), (400_000, false)] {
        let event = event(depth);
        let case = format!("depth {depth}");
        try_out(&server, &log, &case, &[Said::Text(&event)], is_fine).await;
    }
    let objects = format!(r#"2["x",{}"#, r#"{"a":"#.repeat(100_000));
    try_out(&server, &log, "objects", &[Said::Text(&objects)], false).await;
    let answer = format!("31{}", "[".repeat(100_000));
    try_out(&server, &log, "answer", &[Said::Text(&answer)], false).await;
    let auth = format!("0/ns,{}", r#"{"a":"#.repeat(100_000));
    try_out(&server, &log, "auth", &[Said::Text(&auth)], false).await;
    // And before anything was joined.
    let peer = server.open().await;
    peer.say(&format!("0{}", r#"{"a":"#.repeat(100_000))).await;
    peer.closed().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_read_can_be_sent_again_as_deep_as_it_came() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("x", async |socket: Socket, Arguments(all): Arguments| {
            socket.within(socket.id().as_str()).emit("x", &all).await
        });
    });
    let peer = server.join().await;
    let event = format!(r#"2["x",{}{}]"#, "[".repeat(126), "]".repeat(126));
    peer.say(&event).await;
    assert_eq!(peer.hear().await, event);
}

#[tokio::test(start_paused = true)]
async fn one_payload_has_at_most_ten_thousand_packets() {
    // Row 28.
    let (server, log) = noting(|builder| builder);
    let poller = crate::back_pressure::Poller::join(&server).await;
    let payload = |count: usize| vec![r#"42["x"]"#; count].join("\u{1e}");
    assert_eq!(poller.post(&payload(10_000)).await.status(), 200);
    settle().await;
    assert_eq!(log.take().len(), 10_000);
    assert_eq!(poller.post(&payload(10_001)).await.status(), 413);
    settle().await;
    // None of them was taken, whether or not the session lives on.
    assert!(!log.take().iter().any(|note| note.ends_with("arguments")));
}

#[tokio::test(start_paused = true)]
async fn an_event_has_at_most_a_thousand_and_twenty_three_arguments() {
    // Row 29: 1,024 with its name; 200,000 ended the Node process.
    let (server, log) = noting(|builder| builder);
    for (count, is_fine) in [
        (1_022, true),
        (1_023, true),
        (1_024, false),
        (200_000, false),
    ] {
        let event = format!(r#"2["x",{}]"#, vec!["1"; count].join(","));
        try_out(
            &server,
            &log,
            &count.to_string(),
            &[Said::Text(&event)],
            is_fine,
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_beyond_what_was_announced_end_the_session() {
    // Row 1, of the layer below, seen from here.
    let (server, log) = noting(|builder| builder);
    let peer = server.join().await;
    assert_eq!(peer.session.handshake().max_payload, 1_000_000);
    let _ = peer
        .try_say(&format!(r#"2["{}"]"#, "x".repeat(1_000_000)))
        .await;
    assert_eq!(peer.closed().await.code, 1009);
    assert_eq!(log.all().await[1], "transport error");
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_multibyte_or_cut_packet_ends_its_session_and_no_more() {
    // engineioxide PR #794: a panic where a packet was cut within a character.
    let (server, log) = noting(|builder| builder);
    let packets = [
        "\u{fc}",
        "2\u{fc}",
        "\u{1f600}",
        "5\u{1f600}-[",
        "2/\u{1f600}",
        "2/\u{1f600},",
        "2[",
        r#"2["\ud800"#,
        "5",
        "2{",
        "2[\"x\",",
        "7",
        "-1",
        " 2[\"x\"]",
        "6",
        "61",
        "4",
        "3[",
        "1[]",
        "1{}",
    ];
    for packet in packets {
        let peer = server.join().await;
        peer.say(packet).await;
        peer.closed().await;
        assert_eq!(log.all().await.last().unwrap(), "forced close", "{packet}");
    }
    // Nothing at all is passed over, or ends the session; it does not panic.
    let peer: Peer = server.join().await;
    peer.say("").await;
    peer.closed().await;
    server.assert_empty().await;
}
