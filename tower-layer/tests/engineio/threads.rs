//! Many sessions on several threads, each with its polls, POSTs, probes and its upgrade at once.
//!
//! What runs when is the machine's choice here, so nothing is asserted about time: only that each
//! message arrives once and in order, and that nothing is left when all is said.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use sockeye_tower::{EngineIo, Session};
use tokio::sync::Notify;

use crate::{
    client::{Sent, WebSocket},
    support::{Polling, Server, secs},
};

const SESSIONS: usize = 48;
const MESSAGES: usize = 300;

/// Numbers from a seed, so that sessions differ.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Knuth's MMIX constants; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Sends each message back, and numbered words of its own from another task.
async fn talk(mut session: Session) {
    let sender = session.sender();
    let own = tokio::spawn(async move {
        for number in 0..MESSAGES {
            if sender.send(format!("own {number}")).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    while let Some(message) = session.recv().await {
        session.send(message).await.unwrap();
    }
    own.await.unwrap();
}

/// What the client has heard: echoes and the server's own words, each counting up.
#[derive(Default)]
struct Heard {
    echoes: AtomicUsize,
    own: AtomicUsize,
    progress: Notify,
}

impl Heard {
    fn hear(&self, packet: &str) {
        if packet == "6" {
            return;
        }
        let message = packet.strip_prefix('4').unwrap();
        let (count, number) = match message.strip_prefix("own ") {
            Some(number) => (&self.own, number),
            None => (&self.echoes, message),
        };
        let expected = count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(number, expected.to_string());
        self.progress.notify_one();
    }

    fn is_complete(&self) -> bool {
        let [echoes, own] = [&self.echoes, &self.own].map(|it| it.load(Ordering::Relaxed));
        (echoes, own) == (MESSAGES, MESSAGES)
    }
}

/// A WebSocket that has been answered `3probe`, behind as many that were lost on the way.
async fn probe(client: &Polling, mut lost: u64) -> WebSocket {
    loop {
        let mut socket = client.probe().await;
        if lost > 0 {
            lost -= 1;
            if lost % 2 == 0 {
                socket.send_text("2probe").await;
            }
            continue;
        }
        socket.send_text("2probe").await;
        match socket.next().await {
            Sent::Text(text) => {
                assert_eq!(text, "3probe");
                return socket;
            }
            // The server has not seen yet that the one before is lost.
            Sent::Close(None) => tokio::task::yield_now().await,
            other => panic!("{other:?}"),
        }
    }
}

/// One client from its handshake to its end.
async fn client(server: Server, seed: u64) {
    let mut dice = Dice(seed);
    let client = server.open().await;
    let heard = Heard::default();
    let pausing = AtomicBool::new(false);
    let said = AtomicUsize::new(0);
    let (upgrade_at, lost) = (dice.roll(MESSAGES as u64) as usize, dice.roll(4));
    let poll = async {
        while !pausing.load(Ordering::Relaxed) && !heard.is_complete() {
            for packet in client.poll_text().await.split('\u{1e}') {
                heard.hear(packet);
            }
        }
    };
    let post = async {
        while !pausing.load(Ordering::Relaxed) {
            let from = said.load(Ordering::Relaxed);
            let to = (from + 1 + dice.roll(5) as usize).min(MESSAGES);
            if from == to {
                break;
            }
            let packets: Vec<String> = (from..to).map(|number| format!("4{number}")).collect();
            client.send(packets.join("\u{1e}")).await;
            said.store(to, Ordering::Relaxed);
        }
    };
    let dance = async {
        while heard.echoes.load(Ordering::Relaxed) < upgrade_at {
            heard.progress.notified().await;
        }
        let socket = probe(&client, lost).await;
        pausing.store(true, Ordering::Relaxed);
        socket
    };
    // As engine.io-client: it goes on polling and posting until `3probe`, and waits for both.
    let ((), (), mut socket) = tokio::join!(poll, post, dance);
    socket.send_text("5").await;
    for number in said.into_inner()..MESSAGES {
        socket.send_text(&format!("4{number}")).await;
    }
    while !heard.is_complete() {
        heard.hear(&socket.text().await);
    }
    match seed % 3 {
        0 => drop(socket),
        1 => {
            socket.send_text("1").await;
            socket.expect_close(None).await;
        }
        _ => {
            socket.send(0x88, b"").await;
            assert_eq!(socket.next().await, Sent::Close(None));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_doubled_or_moved_and_nothing_stays() {
    // Heartbeats have their own tests, and a machine may be slow.
    let mount = EngineIo::new(talk)
        .ping_interval(secs(3_600))
        .ping_timeout(secs(3_600))
        .upgrade_timeout(secs(3_600))
        .stall_timeout(secs(3_600))
        .inbox_limits(2, 1 << 20)
        .outbox_limits(2, 1 << 20);
    let server = Server::new(mount);
    let clients: Vec<_> = (0..SESSIONS)
        .map(|seed| tokio::spawn(client(server.clone(), seed as u64)))
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    server.handle.idle().await;
    assert_eq!(server.handle.sessions(), 0);
}

/// The same session asked for by many at once: one probe wins, and no other harms it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_probes_at_once_one_wins() {
    let (server, mut sessions) = Server::handing_over(|mount| {
        mount
            .ping_interval(secs(3_600))
            .upgrade_timeout(secs(3_600))
    });
    for _ in 0..20 {
        let client = Arc::new(server.open().await);
        let session = sessions.recv().await.unwrap();
        let probes: Vec<_> = (0..16)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut socket = client.probe().await;
                    socket.send_text("2probe").await;
                    match socket.next().await {
                        Sent::Text(text) => {
                            assert_eq!(text, "3probe");
                            Some(socket)
                        }
                        Sent::Close(None) => None,
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        let mut won = Vec::new();
        for probe in probes {
            won.extend(probe.await.unwrap());
        }
        assert_eq!(won.len(), 1);
        won[0].send_text("5").await;
        session.send("hello").await.unwrap();
        assert_eq!(won[0].text().await, "4hello");
        assert_eq!(session.close_reason(), None);
    }
}
