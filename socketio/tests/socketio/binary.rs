//! Bytes anywhere in what is sent, both ways, and the msgpack parser.

use serde::{Deserialize, Serialize};
use sockeye_core::{
    Message,
    socketio::{Data as WireData, MsgpackDecoder, Packet, Value},
};
use sockeye_socketio::{
    Ack, AckError, Binary, Data, Decoder, EmitError, MsgpackParser, PacketKind, Parser,
    ParserLimits, Socket,
};

use crate::{
    acks::only,
    support::{Log, Peer, Server},
};

#[derive(Debug, Deserialize, Serialize, PartialEq)]
struct Upload {
    name: String,
    parts: Vec<Binary>,
    nested: Option<Box<Upload>>,
}

fn upload() -> Upload {
    let part = |bytes: &[u8]| Binary::from(bytes);
    Upload {
        name: "a".into(),
        parts: vec![part(&[1, 2]), part(&[])],
        nested: Some(Box::new(Upload {
            name: "b".into(),
            parts: vec![part(&[3])],
            nested: None,
        })),
    }
}

const HEADER: &str = concat!(
    r#"["up",{"name":"a","parts":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}],"#,
    r#""nested":{"name":"b","parts":[{"_placeholder":true,"num":2}],"nested":null}}]"#
);

async fn hear_upload(peer: &Peer, start: &str, header: &str) {
    assert_eq!(peer.hear().await, format!("{start}{header}"));
    for expected in [&[1, 2][..], &[], &[3]] {
        assert_eq!(peer.hear_bytes().await, expected);
    }
}

async fn say_upload(peer: &Peer, start: &str, header: &str) {
    peer.say(&format!("{start}{header}")).await;
    for bytes in [&[1, 2][..], &[], &[3]] {
        peer.say_bytes(bytes).await;
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_stand_anywhere_in_events_and_answers_of_both_sides() {
    let answer = HEADER.replacen(r#""up","#, "", 1);
    for is_polling in [false, true] {
        let server = Server::new();
        server.root().on_connect(async |socket: Socket| {
            socket.on(
                "up",
                async |socket: Socket, Data(it): Data<Upload>, ack: Ack| {
                    assert_eq!(it, upload());
                    ack.send(&it).unwrap();
                    socket.emit("up", &it).await.unwrap();
                    socket.within("room").emit("up", &it).await.unwrap();
                    let back: Upload = socket.emit_with_ack("up", &it).await.unwrap();
                    assert_eq!(back, upload());
                    socket.emit("done", &()).await
                },
            );
            socket.on("one", async |bytes: Binary, ack: Ack| ack.send(&bytes));
            socket.join("room")
        });
        let peer = match is_polling {
            false => server.join().await,
            true => server.join_polling().await,
        };
        say_upload(&peer, "53-7", HEADER).await;
        hear_upload(&peer, "63-7", &answer).await;
        hear_upload(&peer, "53-", HEADER).await;
        hear_upload(&peer, "53-", HEADER).await;
        hear_upload(&peer, "53-0", HEADER).await;
        say_upload(&peer, "63-0", &answer).await;
        assert_eq!(peer.hear().await, r#"2["done"]"#);
        peer.say(r#"51-8["one",{"_placeholder":true,"num":0}]"#)
            .await;
        peer.say_bytes(b"x").await;
        assert_eq!(peer.hear().await, r#"61-8[{"_placeholder":true,"num":0}]"#);
        assert_eq!(peer.hear_bytes().await, b"x");
    }
}

#[tokio::test(start_paused = true)]
async fn clients_of_revision_3_send_and_get_bytes_too() {
    let server = Server::new();
    server.root().on_connect(async |socket: Socket| {
        socket.on("up", async |socket: Socket, Data(it): Data<Upload>| {
            assert_eq!(it, upload());
            socket.within(socket.id().as_str()).emit("up", &it).await
        });
    });
    let peer = server.open_v3().await;
    assert_eq!(peer.hear().await, "0");
    say_upload(&peer, "53-", HEADER).await;
    hear_upload(&peer, "53-", HEADER).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_comes_between_an_event_and_its_bytes() {
    let server = Server::new();
    let peer = server.join_polling().await;
    let socket = only(&server);
    let ours = async {
        for n in 0..50_u8 {
            socket.emit("own", &Binary::from(vec![n])).await.unwrap();
        }
    };
    let others = async {
        for n in 0..50_u8 {
            server
                .root()
                .emit("all", &Binary::from(vec![n]))
                .await
                .unwrap();
            tokio::task::yield_now().await;
        }
    };
    let upgrade = async { peer.session.upgrade().await.unwrap() };
    tokio::join!(ours, others, upgrade);
    let (mut own, mut all) = (0, 0);
    for _ in 0..100 {
        let event = peer.hear().await;
        let next = match event.contains("own") {
            true => &mut own,
            false => &mut all,
        };
        assert_eq!(peer.hear_bytes().await, [*next]);
        *next += 1;
    }
    assert_eq!((own, all), (50, 50));
}

/// A client of `socket.io-msgpack-parser`.
async fn say(peer: &Peer, packet: &Packet) {
    let encoded = MsgpackParser.encode(packet).unwrap();
    let Message::Binary(bytes) = encoded.header else {
        panic!("msgpack is binary");
    };
    assert!(encoded.attachments.is_empty());
    peer.say_bytes(&bytes).await;
}

async fn hear(peer: &Peer) -> Packet {
    let bytes = peer.hear_bytes().await;
    let mut decoder = MsgpackDecoder::new(ParserLimits::default());
    decoder.decode(Message::from(bytes)).unwrap().unwrap()
}

fn packet(kind: PacketKind, id: Option<u64>, data: Option<Value>) -> Packet {
    Packet {
        kind,
        namespace: Packet::ROOT.into(),
        id,
        data: data.map(WireData::from_value),
    }
}

#[tokio::test(start_paused = true)]
async fn the_msgpack_parser_carries_events_answers_and_bytes() {
    for is_polling in [false, true] {
        let server = Server::with(|builder| builder.parser(MsgpackParser));
        let log = Log::new();
        let its_log = log.clone();
        server.root().on_connect(async move |socket: Socket| {
            socket.on(
                "up",
                async move |socket: Socket, Data(it): Data<Upload>, ack: Ack| {
                    assert_eq!(it, upload());
                    ack.send(&it).unwrap();
                    let back: Upload = socket.emit_with_ack("up", &it).await.unwrap();
                    its_log.note(back == it);
                    socket.broadcast().emit("nobody", &()).await.unwrap();
                    socket.within(socket.id().as_str()).emit("up", &it).await
                },
            );
        });
        let peer = match is_polling {
            false => server.open().await,
            true => server.open_polling().await,
        };
        say(&peer, &packet(PacketKind::Connect, None, None)).await;
        let joined = hear(&peer).await;
        assert_eq!(joined.kind, PacketKind::Connect);
        let sid = joined.data.unwrap().to_value().unwrap();
        assert_eq!(
            only(&server).id().as_str(),
            sid.get("sid").unwrap().as_str().unwrap()
        );

        let event = WireData::from_event("up", &upload())
            .unwrap()
            .to_value()
            .unwrap();
        say(
            &peer,
            &packet(PacketKind::Event, Some(7), Some(event.clone())),
        )
        .await;
        let answer = hear(&peer).await;
        assert_eq!((answer.kind, answer.id), (PacketKind::Ack, Some(7)));
        let answer = answer.data.unwrap().to_value().unwrap();
        assert_eq!(answer.as_array().unwrap()[0], event.as_array().unwrap()[1]);
        let asked = hear(&peer).await;
        assert_eq!((asked.kind, asked.id), (PacketKind::Event, Some(0)));
        say(&peer, &packet(PacketKind::Ack, Some(0), Some(answer))).await;
        assert_eq!(log.next().await, "true");
        let told = hear(&peer).await;
        assert_eq!(told.data.unwrap().to_value().unwrap(), event);
        say(&peer, &packet(PacketKind::Disconnect, None, None)).await;
        peer.leave().await;
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_msgpack_parser_nothing_hostile_does_more_than_close_its_session() {
    // GHSA-c6g7-r2mf-pf5g (depth), GHSA-7xpx-rcqc-8qjh (panic), rmpv 2017-0006 (lengths that lie).
    let deep = |byte: &[u8], times: usize| {
        [
            &b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1a"[..],
            &byte.repeat(times),
        ]
        .concat()
    };
    let cases = [
        deep(b"\x91", 100_000),
        deep(b"\x81\xa1a", 100_000),
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdd\xff\xff\xff\xff".to_vec(),
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\xdf\xff\xff\xff\xff".to_vec(),
        b"\x83\xa4type\x02\xa3nsp\xdb\xff\xff\xff\xff".to_vec(),
        b"\x83\xa4type\x07\xa3nsp\xa1/\xa4data\x90".to_vec(),
        b"\xc1".to_vec(),
        Vec::new(),
    ];
    for bytes in cases {
        let server = Server::with(|builder| builder.parser(MsgpackParser));
        let peer = server.open().await;
        say(&peer, &packet(PacketKind::Connect, None, None)).await;
        hear(&peer).await;
        peer.say_bytes(&bytes).await;
        peer.closed().await;
        server.assert_empty().await;
    }
}

#[tokio::test(start_paused = true)]
async fn more_attachments_than_clients_take_are_an_error_to_who_sends_them() {
    // socket.io #5504: socket.io-parser 4.2.6 throws `too many attachments`, and the client closes.
    fn bytes(count: usize) -> Vec<Binary> {
        vec![Binary(vec![1].into()); count]
    }
    for (limit, server) in [
        (10, Server::new()),
        (12, Server::with(|builder| builder.max_sent_attachments(12))),
    ] {
        server.root().on_connect(async move |socket: Socket| {
            socket.on("ask", async move |Data(count): Data<usize>, ack: Ack| {
                let told = ack.send(&(bytes(count),));
                if let Err(error) = told {
                    ack.send(&(error.to_string(),)).unwrap();
                }
            });
        });
        let peer = server.join().await;
        let socket = server.root().socket(peer.sid()).unwrap();
        for count in [limit, limit + 1] {
            let data = (bytes(count),);
            let told = [
                socket.emit("x", &data).await,
                socket.volatile().emit("x", &data).await,
                server.root().emit("x", &data).await.map(drop),
                server.root().packet("x", &data).map(drop),
            ];
            for told in told {
                match told {
                    Ok(()) => assert_eq!(count, limit),
                    Err(EmitError::TooManyAttachments { limit: said }) => {
                        assert_eq!((count, said), (limit + 1, limit));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
            peer.say(&format!(r#"27["ask",{count}]"#)).await;
            let heard = peer.heard().await;
            match count == limit {
                // Three events and an answer, each with what belongs to it.
                true => assert_eq!(heard.len(), 4 * (1 + count)),
                false => assert!(heard[0].starts_with(r#"37["more than"#), "{heard:?}"),
            }
            let wanted = socket.emit_with_ack::<(), _>("x", &data);
            if count > limit {
                let told = wanted.await;
                let is_told = matches!(
                    told,
                    Err(AckError::Emit(EmitError::TooManyAttachments { .. }))
                );
                assert!(is_told, "{told:?}");
            } else {
                drop(wanted);
                peer.heard().await;
            }
        }
    }
    // A parser without attachments has no such limit.
    let server = Server::with(|builder| builder.parser(MsgpackParser));
    assert!(server.root().emit("x", &(bytes(100),)).await.is_ok());
}
