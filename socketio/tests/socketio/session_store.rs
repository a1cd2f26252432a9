//! Clients that come back to another node than they left.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sockeye_rooms::{Adapter, AppliedBy, Command, Delivery, Local, PublishError, Selection};
use sockeye_socketio::{
    Builder, Packet, Reason, Recovery, Refusal, Restored, SessionStore, Socket, SocketId,
    StoredSession, Value, WireData,
};
use tokio::sync::Semaphore;

use crate::{
    support::{Log, Peer, Server, packet, secs, settle},
    traveller::Traveller,
};

/// A bus that keeps what was sent, and the sessions of those away.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Inner>);

struct Inner {
    entries: Mutex<Vec<(Selection<SocketId>, Value)>>,
    nodes: Mutex<Vec<Local<Socket>>>,
    sessions: Mutex<HashMap<String, (StoredSession, Duration)>>,
    /// Lets that many be restored.
    gate: Semaphore,
    /// Whether it panics when it is told of a session.
    panics: AtomicBool,
}

pub(crate) fn servers(options: impl Fn(Recovery) -> Recovery) -> (Stream, Server, Server) {
    let stream = Stream(Arc::new(Inner {
        entries: Mutex::default(),
        nodes: Mutex::default(),
        sessions: Mutex::default(),
        gate: Semaphore::new(100),
        panics: AtomicBool::new(false),
    }));
    let make = |builder: Builder| {
        let (bus, store) = (stream.clone(), stream.clone());
        let builder = builder.adapter(move |_| bus.clone());
        builder
            .session_store(move |_| store.clone())
            .recovery(options(Recovery::new()))
    };
    let (a, b) = (Server::with(make), Server::with(make));
    (stream, a, b)
}

impl Adapter<Socket> for Stream {
    fn attach(&self, local: Local<Socket>) {
        self.0.nodes.lock().unwrap().push(local);
    }

    fn publish(
        &self,
        selection: &Selection<SocketId>,
        command: &Command<Packet>,
    ) -> Result<AppliedBy, PublishError> {
        let Command::Send(packet) = command else {
            return Err(PublishError::Unsupported);
        };
        let data = packet.data().unwrap();
        let mut offset = None;
        if selection.delivery() == Delivery::Reliable {
            let mut entries = self.0.entries.lock().unwrap();
            entries.push((selection.clone(), data.to_value().unwrap()));
            offset = Some(format!("{}-0", entries.len()));
        }
        let nodes = self.0.nodes.lock().unwrap().clone();
        for local in nodes {
            let mut packet = Packet::received("/", data.clone()).unwrap();
            if let Some(offset) = &offset {
                packet = packet.with_offset(offset).unwrap();
            }
            local.apply(selection, &Command::Send(packet));
        }
        Ok(AppliedBy::Adapter)
    }
}

#[async_trait]
impl SessionStore for Stream {
    fn persist(&self, session: StoredSession, within: Duration) {
        assert!(!self.0.panics.load(Ordering::Relaxed), "as a test wants it");
        let pid = session.pid.clone();
        self.0
            .sessions
            .lock()
            .unwrap()
            .insert(pid, (session, within));
    }

    async fn restore(&self, pid: &str, offset: &str) -> Option<Restored> {
        self.0.gate.acquire().await.unwrap().forget();
        let number: usize = offset.strip_suffix("-0")?.parse().ok()?;
        let (session, _) = self.0.sessions.lock().unwrap().remove(pid)?;
        let entries = self.0.entries.lock().unwrap();
        let is_for = |selection: &Selection<_>| {
            selection.is_everyone()
                || selection
                    .in_rooms()
                    .iter()
                    .any(|it| session.rooms.contains(it))
        };
        let mut missed = Vec::new();
        for (index, (selection, event)) in entries.iter().enumerate().skip(number) {
            if let (true, Value::Array(mut event)) = (is_for(selection), event.clone()) {
                event.push(format!("{}-0", index + 1).into());
                missed.push(WireData::from_value(event.into()));
            }
        }
        Some(Restored { session, missed })
    }
}

/// A client on the first server that has rooms, data and an offset.
pub(crate) async fn begun(a: &Server) -> Traveller {
    let mut ann = Traveller::join(a).await;
    let socket = a.root().socket(&ann.sid).unwrap();
    socket.join("x").unwrap();
    socket.set_data("data").unwrap();
    socket.emit("first", &()).await.unwrap();
    assert_eq!(ann.hear().await, r#""first""#);
    ann
}

#[tokio::test(start_paused = true)]
async fn who_left_one_node_comes_back_to_another() {
    let (stream, a, b) = servers(|it| it.max_disconnection(secs(7)));
    let log = Log::new();
    let its_log = log.clone();
    b.root().on_connect(async move |socket: Socket| {
        let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
        rooms.retain(|it| *it != socket.id().as_str());
        let data = socket.data::<String>().unwrap_or_default();
        its_log.note(format!("{} {rooms:?} {data}", socket.is_recovered()));
    });
    let mut ann = begun(&a).await;
    let (id, socket) = (ann.sid.clone(), a.root().socket(&ann.sid).unwrap());
    ann.vanish();
    settle().await;
    assert!(!socket.is_connected());
    assert_eq!(stream.0.sessions.lock().unwrap()[&ann.pid].1, secs(7));

    a.root().to("x").emit("n", &1).await.unwrap();
    b.root().to(&*id).emit("n", &2).await.unwrap();
    b.root().to("y").emit("n", &"not for it").await.unwrap();
    b.root().volatile().emit("n", &"volatile").await.unwrap();
    let (is_same, missed) = ann.come_back(&b).await;
    assert_eq!(
        (is_same, missed),
        (true, vec![r#""n" 1"#.into(), r#""n" 2"#.into()])
    );
    assert_eq!(log.next().await, r#"true ["x"] data"#);
    assert_eq!((a.root().sockets().len(), b.root().sockets().len()), (0, 1));

    // It is there as any other.
    a.root().to("x").emit("n", &3).await.unwrap();
    b.root().socket(&id).unwrap().emit("n", &4).await.unwrap();
    assert_eq!(ann.heard().await, [r#""n" 3"#, r#""n" 4"#]);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_known_comes_back_as_a_new_one() {
    let (stream, a, b) = servers(|it| it);
    // Who left on its own, or was sent away, is not kept.
    let ann = begun(&a).await;
    ann.peer().say("1").await;
    let ben = begun(&a).await;
    a.root().socket(&ben.sid).unwrap().disconnect(false);
    settle().await;
    assert!(stream.0.sessions.lock().unwrap().is_empty());

    let mut cem = begun(&a).await;
    let (sid, pid) = (cem.sid.clone(), cem.pid.clone());
    // Its connection is there still.
    let auth = format!(r#"{{"pid":"{pid}","offset":"1-0"}}"#);
    let (is_same, missed) = cem.come_back_with(&b, &auth).await;
    assert_eq!((is_same, missed.len()), (false, 0));
    assert_ne!((&cem.sid, &cem.pid), (&sid, &pid));
    for auth in [
        r#"{"pid":"x","offset":"x"}"#,
        r#"{"pid":1,"offset":"1-0"}"#,
        r#"{"pid":"x"}"#,
    ] {
        assert!(!cem.come_back_with(&b, auth).await.0, "{auth}");
    }
}

#[tokio::test(start_paused = true)]
async fn middlewares_are_asked_about_who_comes_back_if_they_are_to_be() {
    for skips in [true, false] {
        let (_stream, a, b) = servers(|it| it.skip_middlewares(skips));
        b.root().middleware(async |socket: Socket| {
            assert!(socket.is_recovered());
            Err::<(), _>(Refusal::new("no"))
        });
        let ann = &mut begun(&a).await;
        ann.vanish();
        settle().await;
        let peer = b.open().await;
        peer.say(&format!("0{}", ann.auth())).await;
        let answer = peer.hear().await;
        assert_eq!(answer.starts_with("0{"), skips, "{answer}");
        assert_eq!(answer.starts_with("4{"), !skips, "{answer}");
    }
}

/// A client on its way back to the second server, where a middleware waits for the gate.
async fn on_its_way(a: &Server, b: &Server) -> (Traveller, Peer, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let its_gate = gate.clone();
    b.root().middleware(async move || {
        its_gate.acquire().await.unwrap().forget();
        Ok::<_, Refusal>(())
    });
    let mut ann = begun(a).await;
    ann.vanish();
    settle().await;
    let peer = b.open().await;
    peer.say(&format!("0{}", ann.auth())).await;
    settle().await;
    (ann, peer, gate)
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_middleware_thinks_is_not_lost() {
    let (_stream, a, b) = servers(|it| it.skip_middlewares(false));
    let (mut ann, peer, gate) = on_its_way(&a, &b).await;
    a.root().to("x").emit("n", &1).await.unwrap();
    b.root().to(&*ann.sid).emit("n", &2).await.unwrap();
    b.root().to("y").emit("n", &"not for it").await.unwrap();
    b.root().volatile().emit("n", &"volatile").await.unwrap();
    gate.add_permits(1);
    let missed = vec![r#""n" 1"#.into(), r#""n" 2"#.into()];
    assert_eq!(ann.let_in(peer).await, (true, missed));
    a.root().to("x").emit("n", &3).await.unwrap();
    assert_eq!(ann.heard().await, [r#""n" 3"#]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_store_looks_comes_once() {
    let (stream, a, b) = servers(|it| it);
    stream.0.gate.forget_permits(100);
    let mut ann = begun(&a).await;
    ann.vanish();
    settle().await;
    let peer = b.open().await;
    peer.say(&format!("0{}", ann.auth())).await;
    settle().await;
    // The store has it, and it came.
    a.root().to("x").emit("n", &1).await.unwrap();
    stream.0.gate.add_permits(1);
    assert_eq!(ann.let_in(peer).await, (true, vec![r#""n" 1"#.into()]));
    assert_eq!(ann.heard().await, [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_middleware_thinks_is_bounded() {
    let (_stream, a, b) = servers(|it| it.skip_middlewares(false).max_packets(2));
    let (mut ann, peer, gate) = on_its_way(&a, &b).await;
    for n in 0..3 {
        a.root().to("x").emit("n", &n).await.unwrap();
    }
    gate.add_permits(2);
    assert_eq!(ann.let_in(peer).await, (false, vec![]));
    assert_eq!(b.root().sockets().len(), 1);
    assert!(b.root().rooms().rooms().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_session_of_one_namespace_is_no_way_into_another() {
    // The store is one for all namespaces, as that of Node's streams adapter is.
    let (_stream, a, b) = servers(|it| it);
    let admin = b.io.of("/admin");
    admin.middleware(async || Err::<(), _>(Refusal::new("no")));
    let mut ann = begun(&a).await;
    ann.vanish();
    settle().await;
    let peer = b.open().await;
    peer.say(&packet('0', "/admin", &ann.auth())).await;
    assert_eq!(peer.hear().await, r#"4/admin,{"message":"no"}"#);
}

/// Two namespaces that a client comes back to, and which it never gets to.
async fn nothing_is_left(panics: bool) {
    let (stream, a, _b) = servers(|it| it);
    a.io.dynamic(async |_: String, _: Value| true);
    let mut here = a.open().await;
    here.connect("/dyn-1").await;
    stream.0.gate.forget_permits(100);
    let peer = a.open().await;
    for namespace in ["/dyn-1", "/dyn-2"] {
        let auth = r#"{"pid":"x","offset":"1-0"}"#;
        peer.say(&packet('0', namespace, auth)).await;
    }
    assert_eq!(peer.heard().await, [] as [&str; 0]);
    assert_eq!(a.io.namespaces().len(), 3);
    if panics {
        stream.0.gate.close();
        peer.closed().await;
    } else {
        peer.vanish();
        settle().await;
        stream.0.gate.add_permits(100);
    }
    here.vanish();
    a.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn who_goes_while_it_is_looked_for_leaves_nothing() {
    nothing_is_left(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_costs_a_client_its_session_and_no_more() {
    nothing_is_left(true).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_at_the_end_takes_nothing_from_other_sockets() {
    let (stream, a, _b) = servers(|it| it);
    let log = Log::new();
    for name in ["/", "/other"] {
        let log = log.clone();
        a.io.of(name).on_connect(async move |socket: Socket| {
            socket.on_disconnect(async move |socket: Socket, reason: Reason| {
                log.note(format!("{} {reason}", socket.namespace().name()));
            });
            socket.join("x")
        });
    }
    let mut peer = a.open().await;
    peer.connect("/").await;
    peer.connect("/other").await;
    stream.0.panics.store(true, Ordering::Relaxed);
    peer.vanish();
    let told = log.all().await;
    assert_eq!(told, ["/ transport close", "/other transport close"]);
    a.assert_empty().await;
}

#[test]
fn who_is_sent_away_as_the_server_stops_cannot_come_back() {
    let (stream, a, _b) = servers(|it| it);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
    let (sent_away, stays) = runtime.block_on(async {
        let (sent_away, stays) = (begun(&a).await, Traveller::join(&a).await);
        // The runtime stops before the connection's task has heard of it.
        a.root().socket(&sent_away.sid).unwrap().disconnect(false);
        (sent_away, stays)
    });
    drop(runtime);
    let kept = stream.0.sessions.lock().unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), [&stays.pid]);
    assert_eq!(kept[&stays.pid].0.rooms.len(), 1);
    assert!(a.root().rooms().is_empty());
    drop((sent_away, stays));
}
