//! A broadcast is encoded once, however many it reaches and however they are connected.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde::{Serialize, Serializer};
use sockeye_socketio::{Binary, Recovery};

use crate::{
    counting::Counting,
    support::{Peer, Server},
};

/// Counts how often it is written.
#[derive(Clone, Default)]
struct Written(Arc<AtomicUsize>, bool);

impl Written {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Serialize for Written {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        match self.1 {
            true => Binary::from(vec![7; 1_000]).serialize(serializer),
            false => "x".repeat(1_000).serialize(serializer),
        }
    }
}

async fn crowd(server: &Server, each: usize) -> Vec<Peer> {
    let mut peers = Vec::new();
    for _ in 0..each {
        peers.push(server.join().await);
        peers.push(server.join_polling().await);
        let peer = server.open_v3().await;
        peer.hear().await;
        peers.push(peer);
    }
    peers
}

async fn hear(peers: &[Peer], is_binary: bool) {
    let header = peers[0].hear().await;
    let bytes = match is_binary {
        true => Some(peers[0].hear_bytes().await),
        false => None,
    };
    for peer in &peers[1..] {
        assert_eq!(peer.hear().await, header);
        if let Some(bytes) = &bytes {
            assert_eq!(&peer.hear_bytes().await, bytes);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_is_written_as_often_for_many_as_for_one() {
    for is_binary in [false, true] {
        let server = Server::new();
        let written = Written(Arc::default(), is_binary);
        // In a tuple: what stands alone is first asked whether it is a sequence.
        let arguments = (written.clone(),);
        let one = server.join().await;
        server.root().emit("x", &arguments).await.unwrap();
        assert_eq!(written.take(), 1);
        hear(&[one], is_binary).await;
        server.empty().await;

        let peers = crowd(&server, 10).await;
        let told = server.root().emit("x", &arguments).await.unwrap();
        assert_eq!(told.reached, 30);
        hear(&peers, is_binary).await;
        assert_eq!(written.take(), 1);
        // Nor does it count in how many rooms they are, or that answers are wanted.
        for socket in server.root().sockets() {
            socket.join_all(["a", "b"]).unwrap();
        }
        drop(
            server
                .root()
                .to("a")
                .to("b")
                .emit_with_ack::<u32, _>("x", &arguments),
        );
        hear(&peers, is_binary).await;
        assert_eq!(written.take(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_parser_of_the_applications_own_is_asked_once() {
    for recovers in [false, true] {
        let parser = Counting::default();
        let count = parser.0.clone();
        let server = Server::with(|builder| {
            let builder = builder.parser(parser);
            match recovers {
                true => builder.recovery(Recovery::new()),
                false => builder,
            }
        });
        let one = server.join().await;
        server.root().emit("x", &1).await.unwrap();
        let for_one = count.swap(0, Ordering::Relaxed);
        // With recovery it is written again with its offset, for all of them together.
        assert_eq!(for_one, 1 + usize::from(recovers));
        one.leave().await;
        let peers = crowd(&server, 10).await;
        server.root().emit("x", &1).await.unwrap();
        assert_eq!(count.swap(0, Ordering::Relaxed), for_one);
        hear(&peers, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everyone_gets_the_same_memory() {
    // By pointer: what each session would send is the same allocation.
    use std::sync::Mutex;

    use sockeye_core::{Delivered, Delivery, Member, Prepared, Text};
    use sockeye_rooms::Rooms;

    /// Where the bytes were; compared, never followed.
    #[derive(Clone)]
    struct Pointers(Arc<Mutex<Vec<usize>>>);

    #[derive(Clone)]
    struct Eye(Text, Pointers);

    impl AsRef<Eye> for Eye {
        fn as_ref(&self) -> &Eye {
            self
        }
    }

    impl Member for Eye {
        type Id = Text;
        type Packet = Prepared;

        fn id(&self) -> Text {
            self.0.clone()
        }

        fn deliver(&self, packet: &Prepared, _: Delivery) -> Delivered {
            let parts = std::iter::once(packet).chain(packet.attachments());
            for part in parts {
                let at = part.message().as_bytes().as_ptr() as usize;
                self.1.0.lock().unwrap().push(at);
            }
            Delivered::Queued
        }

        fn close(&self, _: u16, _: Text) {}

        fn on_end(&self, _: Box<dyn FnOnce() + Send>) {}
    }

    let rooms = Rooms::<Eye>::builder().build();
    let seen = Pointers(Arc::default());
    for n in 0..50 {
        let eye = Eye(Text::from(n.to_string()), seen.clone());
        rooms.join("room", &eye).unwrap();
    }
    let encoded = sockeye_core::socketio::ParserKind::Text
        .encode_event("/", None, "x", &Binary::from(vec![1, 2, 3]), None)
        .unwrap();
    let packet = encoded.into_prepared(sockeye_core::Compression::Allowed);
    rooms.to("room").send(packet);
    let mut seen = seen.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 100);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 2, "one header and one attachment for all");
}
