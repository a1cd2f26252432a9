//! Channels of one session that do not take what is sent to them, or do not end.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use sockeye_tower::{
    SockJs,
    multiplex::{Channel, Multiplex},
};
use tokio::{io::AsyncWriteExt, sync::mpsc, time::timeout};

use crate::support::{Sent, Server, drain, masked, rest, secs, text};

/// Counts the handlers that are there, from the first poll to the drop.
struct Live(Arc<AtomicUsize>);

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Channels that one session may have, those included whose handlers have not ended.
const MAX_CHANNELS: usize = 1024;

#[tokio::test(start_paused = true)]
async fn a_client_that_opens_and_closes_does_not_pile_up_handlers() {
    const ROUNDS: usize = 5000;
    let count = Arc::<AtomicUsize>::default();
    let counted = count.clone();
    let endless = move |channel: Channel| {
        let live = Live::new(&counted);
        async move {
            let _kept = (channel, live);
            pending::<()>().await;
        }
    };
    let server = Server::new(SockJs::new(Multiplex::new().channel("a", endless)));
    let mut websocket = server.websocket("/websocket").await;
    let round = [masked(0x81, b"sub,a"), masked(0x81, b"uns,a")].concat();
    websocket
        .stream
        .write_all(&round.repeat(ROUNDS))
        .await
        .unwrap();
    // Each channel beyond is closed to the client, which would take it for open.
    for n in 0..ROUNDS - MAX_CHANNELS {
        assert_eq!(websocket.next().await, text("uns,a"), "{n}");
    }
    rest().await;
    assert_eq!(count.load(Ordering::SeqCst), MAX_CHANNELS);
    // Nothing was closed beyond those: what comes next is the heartbeat.
    assert_eq!(websocket.next().await, Sent::Ping);
}

#[tokio::test(start_paused = true)]
async fn handlers_that_end_make_room_for_others() {
    const ROUNDS: usize = 5000;
    let count = Arc::<AtomicUsize>::default();
    let counted = count.clone();
    let until_closed = move |mut channel: Channel| {
        let live = Live::new(&counted);
        async move {
            let _live = live;
            while let Some(message) = channel.recv().await {
                channel.send(message).await.unwrap();
            }
        }
    };
    let server = Server::new(SockJs::new(Multiplex::new().channel("a", until_closed)));
    let mut websocket = server.websocket("/websocket").await;
    let round = [masked(0x81, b"sub,a"), masked(0x81, b"uns,a")].concat();
    for _ in 0..ROUNDS / 100 {
        websocket
            .stream
            .write_all(&round.repeat(100))
            .await
            .unwrap();
        rest().await;
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
    websocket.send_text("sub,a").await;
    websocket.send_text("msg,a,hello").await;
    assert_eq!(websocket.next().await, text("msg,a,hello"));
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// Writes until the server reads no more; how many bytes it took.
async fn written(stream: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8]) -> usize {
    let mut written = 0;
    while let Ok(count) = timeout(secs(1), stream.write(&bytes[written..])).await {
        written += count.unwrap();
        if written == bytes.len() {
            break;
        }
    }
    written
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_takes_nothing_holds_128_kib_and_then_the_session_is_not_read() {
    const PIPE: usize = 4096;
    const INBOX: usize = 128 << 10;
    let stuck = async |channel: Channel| {
        let _kept = channel;
        pending::<()>().await;
    };
    let server =
        Server::new(SockJs::new(Multiplex::new().channel("a", stuck)).inbox_limits(1, 1 << 20));
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    websocket.send_text("sub,a").await;
    let payload = vec![b'x'; PIPE];
    let message = masked(0x81, &[&b"msg,a,"[..], &payload].concat());
    let bytes = message.repeat(200);
    let written = written(&mut websocket.stream, &bytes).await;
    assert!(written >= INBOX, "{written}");
    // Besides: what the hub holds, what the session took in one read, a part, and the pipe.
    assert!(written <= INBOX + 6 * message.len(), "{written}");
}

#[tokio::test(start_paused = true)]
async fn a_channel_holds_64_small_messages_and_goes_on_in_order_once_it_takes() {
    const PIPE: usize = 100;
    const MESSAGES: usize = 1000;
    let (hand_over, mut channels) = mpsc::unbounded_channel();
    let hands_over = move |channel: Channel| {
        let hand_over = hand_over.clone();
        async move {
            let _ = hand_over.send(channel);
        }
    };
    let server = Server::new(
        SockJs::new(Multiplex::new().channel("a", hands_over)).inbox_limits(1, 1 << 20),
    );
    let mut websocket = server.websocket_over("/websocket", PIPE).await;
    websocket.send_text("sub,a").await;
    let mut channel = channels.recv().await.unwrap();
    let bytes: Vec<u8> = (0..MESSAGES)
        .flat_map(|n| masked(0x81, format!("msg,a,{n:0>4}").as_bytes()))
        .collect();
    let mut stream = websocket.stream;
    let taken = written(&mut stream, &bytes).await;
    let message = bytes.len() / MESSAGES;
    assert!(taken >= 64 * message, "{taken}");
    // Besides: one in the hub's hand, two reads of the session's, and the pipe.
    assert!(taken <= 66 * message + 3 * PIPE, "{taken}");
    let writer = tokio::spawn(async move {
        stream.write_all(&bytes[taken..]).await.unwrap();
        stream
    });
    for n in 0..MESSAGES {
        assert_eq!(&*channel.recv().await.unwrap(), format!("{n:0>4}"));
    }
    writer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stuck_channel_does_not_hide_the_sessions_end_from_the_others() {
    for is_websocket in [true, false] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (hand_over, mut channels) = mpsc::unbounded_channel();
        let hands_over = move |channel: Channel| {
            let hand_over = hand_over.clone();
            async move {
                let _ = hand_over.send(channel);
            }
        };
        let tells = move |mut channel: Channel| {
            let tell = tell.clone();
            async move {
                while let Some(message) = channel.recv().await {
                    tell.send(Some(message.to_string())).unwrap();
                }
                tell.send(None).unwrap();
            }
        };
        let server = Server::new(SockJs::new(
            Multiplex::new()
                .channel("stuck", hands_over)
                .channel("b", tells),
        ));
        let mut commands = vec!["sub,b".into(), "sub,stuck".into(), "msg,b,first".into()];
        commands.extend((0..100).map(|n| format!("msg,stuck,{n}")));
        // Behind what is stuck, and yet before the end.
        commands.push("msg,b,last".into());
        let (mut websocket, mut stream) = (None, None);
        if is_websocket {
            let websocket = websocket.insert(server.websocket("/websocket").await);
            for command in &commands {
                websocket.send_text(command).await;
            }
        } else {
            stream = Some(server.receive("/0/s/xhr_streaming").await);
            let body = format!("[\"{}\"]", commands.join("\",\""));
            assert_eq!(server.send("s", &body).await, 204);
        }
        let mut stuck = channels.recv().await.unwrap();
        assert_eq!(told.recv().await, Some(Some("first".into())));
        rest().await;
        assert!(told.try_recv().is_err());
        drain(&server.handle);
        let end = async { (told.recv().await, told.recv().await) };
        let end = timeout(secs(1), end)
            .await
            .expect("the end is heard at once");
        assert_eq!(end, (Some(Some("last".into())), Some(None)));
        // Nor is anything lost to the one that was behind.
        for n in 0..100 {
            assert_eq!(&*stuck.recv().await.unwrap(), n.to_string());
        }
        assert_eq!(stuck.recv().await, None);
        drop((websocket, stream));
    }
}
