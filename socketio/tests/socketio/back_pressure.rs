//! What happens when a client does not take what is sent.

use std::sync::Arc;

use sockeye_socketio::{Ack, Data, Socket};
use sockeye_tower::test::Response;
use tokio::sync::Semaphore;

use crate::{
    acks::only,
    support::{Log, Server, settle},
};

/// A client on polling that asks only when it is told to.
pub(crate) struct Poller<'a> {
    server: &'a Server,
    query: String,
}

impl<'a> Poller<'a> {
    pub(crate) async fn join(server: &'a Server) -> Self {
        let open = "/?EIO=4&transport=polling";
        let answer = server.client.get(open).await.unwrap();
        let open_packet = answer.text().strip_prefix('0').unwrap();
        let handshake: serde_json::Value = serde_json::from_str(open_packet).unwrap();
        let sid = handshake["sid"].as_str().unwrap();
        let poller = Self {
            server,
            query: format!("{open}&sid={sid}"),
        };
        poller.post("40").await;
        let joined = poller.get().await;
        assert!(joined[0].starts_with(r#"40{"sid":""#), "{joined:?}");
        poller
    }

    /// Takes what is there.
    pub(crate) async fn get(&self) -> Vec<String> {
        let answer = self.server.client.get(&self.query).await.unwrap();
        answer.text().split('\u{1e}').map(str::to_owned).collect()
    }

    /// As `get`, of which the status alone matters.
    pub(crate) async fn status(&self) -> u16 {
        let answer = self.server.client.get(&self.query).await.unwrap();
        answer.status().as_u16()
    }

    pub(crate) async fn post(&self, payload: &str) -> Response {
        let request = http::Request::post(&self.query)
            .header("content-type", "text/plain;charset=UTF-8")
            .body(payload.to_owned())
            .unwrap();
        self.server.client.request(request).await.unwrap()
    }
}

/// A server whose outboxes are full with four messages, and burst with sixteen.
fn small() -> Server {
    Server::with(|builder| builder.engine_io(|engine| engine.outbox_limits(4, 1 << 20)))
}

#[tokio::test(start_paused = true)]
async fn an_emit_waits_while_the_outbox_is_full() {
    let server = small();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on("go", async move |socket: Socket| {
            for n in 1..=10 {
                socket.emit("n", &n).await.unwrap();
                its_log.note(n);
            }
        });
    });
    let poller = Poller::join(&server).await;
    poller.post(r#"42["go"]"#).await;
    assert_eq!(log.all().await, ["1", "2", "3", "4"]);
    assert_eq!(poller.get().await.len(), 4);
    assert_eq!(log.all().await, ["5", "6", "7", "8"]);
    let mut rest = poller.get().await;
    rest.extend(poller.get().await);
    assert_eq!(rest.last().unwrap(), r#"42["n",10]"#);
    assert_eq!(rest.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_emit_that_is_given_up_was_not_sent() {
    let server = small();
    let poller = Poller::join(&server).await;
    let socket = only(&server);
    for n in 1..=4 {
        socket.emit("n", &n).await.unwrap();
    }
    let waiting = tokio::time::timeout(crate::support::secs(1), socket.emit("given up", &()));
    assert!(waiting.await.is_err());
    assert_eq!(poller.get().await.len(), 4);
    socket.emit("n", &5).await.unwrap();
    assert_eq!(poller.get().await, [r#"42["n",5]"#]);
}

#[tokio::test(start_paused = true)]
async fn no_event_is_taken_while_the_outbox_is_full() {
    let server = small();
    let log = Log::new();
    let its_log = log.clone();
    server.root().on_connect(async move |socket: Socket| {
        socket.on("n", async move |Data(n): Data<u32>, ack: Ack| {
            its_log.note(n);
            ack.send(&n).unwrap();
        });
    });
    let poller = Poller::join(&server).await;
    let events: Vec<_> = (0..10).map(|n| format!(r#"42{n}["n",{n}]"#)).collect();
    poller.post(&events.join("\u{1e}")).await;
    assert_eq!(log.all().await, ["0", "1", "2", "3"]);
    assert_eq!(poller.get().await, ["430[0]", "431[1]", "432[2]", "433[3]"]);
    assert_eq!(log.all().await, ["4", "5", "6", "7"]);
    poller.get().await;
    assert_eq!(log.all().await, ["8", "9"]);
    assert_eq!(poller.get().await, ["438[8]", "439[9]"]);
}

#[tokio::test(start_paused = true)]
async fn answers_go_beyond_what_an_emit_waits_for_and_no_further_than_the_hard_limit() {
    let server = small();
    let (log, gate) = (Log::new(), Arc::new(Semaphore::new(0)));
    let (its_log, its_gate) = (log.clone(), gate.clone());
    server.root().on_connect(async move |socket: Socket| {
        let (left, log, gate) = (its_log.clone(), its_log.clone(), its_gate.clone());
        socket.on("n", async move |ack: Ack| {
            gate.acquire().await.unwrap().forget();
            log.note(format!(
                "{:?}",
                ack.send(&()).map_err(|error| error.to_string())
            ));
        });
        socket.on_disconnect(async move || left.note("left"));
    });
    let poller = Poller::join(&server).await;
    let events: Vec<_> = (0..20).map(|n| format!(r#"42{n}["n"]"#)).collect();
    poller.post(&events.join("\u{1e}")).await;
    settle().await;
    gate.add_permits(20);
    let notes = log.all().await;
    assert_eq!(notes[..16], ["Ok(())"; 16]);
    let refused = notes[16..]
        .iter()
        .filter(|it| it.starts_with("Err("))
        .count();
    assert_eq!(refused, 4, "{notes:?}");
    assert_eq!(notes.iter().filter(|it| *it == "left").count(), 1);
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_waits_for_nobody_and_closes_who_is_too_slow() {
    let server = small();
    let slow = Poller::join(&server).await;
    let quick = server.join().await;
    for n in 0..16 {
        let told = server.root().emit("n", &n).await.unwrap();
        assert_eq!((told.reached, told.closed), (2, 0));
        assert_eq!(quick.hear().await, format!(r#"2["n",{n}]"#));
    }
    let told = server.root().volatile().emit("v", &()).await.unwrap();
    assert_eq!((told.reached, told.skipped), (1, 1));
    let told = server.root().emit("n", &16).await.unwrap();
    assert_eq!((told.reached, told.closed), (1, 1));
    settle().await;
    assert_eq!(server.root().sockets().len(), 1);
    let told = server.root().emit("n", &17).await.unwrap();
    assert_eq!((told.reached, told.closed), (1, 0));
    assert_eq!(quick.heard().await.len(), 3);
    let _ = slow;
    quick.leave().await;
    server.assert_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_volatile_event_is_left_out_where_it_would_have_to_wait() {
    let server = Server::new();
    let poller = Poller::join(&server).await;
    let socket = only(&server);
    socket.volatile().emit("lost", &()).await.unwrap();
    socket.emit("kept", &()).await.unwrap();
    assert_eq!(poller.get().await, [r#"42["kept"]"#]);
    let (got, ()) = tokio::join!(poller.get(), async {
        settle().await;
        socket.volatile().emit("now", &vec![1_u8]).await.unwrap();
    });
    assert_eq!(got, [r#"42["now",1]"#]);
}
