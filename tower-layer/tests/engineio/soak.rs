//! Sessions that are abandoned in every state: nothing of them stays.
//!
//! socketioxide #731: long-polling sessions that a client left in the middle of an upgrade were kept
//! for good. eclipse-vertx #373, sockjs-node #62, socket.io #1775: others like it.

use std::sync::{Arc, Weak};

use sockeye_tower::{Accept, ConnectRequest, Handle, Session};
use tokio::sync::mpsc;

use crate::{
    client::{Connection, WebSocket, masked},
    support::{Polling, Server, pass, rest, secs, tasks},
};

/// Where a client stops for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The answer to the handshake was not taken.
    Unopened,
    UnopenedWebSocket,
    Opened,
    /// A poll waits.
    MidPoll,
    /// A poll was answered with more than the client takes.
    MidAnswer,
    /// A POST's body has only begun.
    MidPost,
    /// A POST's body is whole, and waits for a handler that takes nothing.
    HeldPost,
    /// The WebSocket's handshake was sent, and its answer was not taken.
    BeforeSwitching,
    /// So it was, and the pipe is too narrow for its answer.
    UntakenSwitching,
    BeforeProbe,
    MidProbe,
    AfterProbe,
    AfterProbeMidPoll,
    AfterProbeMidPost,
    MidLastStep,
    AfterLastStep,
    AfterLastStepMidPoll,
    AfterLastStepMidPost,
    /// A second WebSocket while the first one probes.
    TwoProbes,
    OnWebSocket,
    MidFrame,
    MidMessage,
    /// Its WebSocket takes nothing.
    Blocked,
    Closed,
    ClosedWebSocket,
}

const STATES: [State; 25] = {
    use State::*;
    [
        Unopened,
        UnopenedWebSocket,
        Opened,
        MidPoll,
        MidAnswer,
        MidPost,
        HeldPost,
        BeforeSwitching,
        UntakenSwitching,
        BeforeProbe,
        MidProbe,
        AfterProbe,
        AfterProbeMidPoll,
        AfterProbeMidPost,
        MidLastStep,
        AfterLastStep,
        AfterLastStepMidPoll,
        AfterLastStepMidPost,
        TwoProbes,
        OnWebSocket,
        MidFrame,
        MidMessage,
        Blocked,
        Closed,
        ClosedWebSocket,
    ]
};

/// How it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Its connections break.
    Drops,
    /// Its connections stay open, and nothing comes any more.
    FallsSilent,
}

/// What the handler does, which must not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Application {
    Echoes,
    /// Takes nothing for minutes: a WebSocket that is not read cannot be heard, and is kept until then.
    Ignores,
    /// Sends until it cannot.
    Talks,
}

struct Soak {
    server: Server,
    /// One for each session that was let in, kept by its data.
    traces: mpsc::UnboundedReceiver<Weak<()>>,
}

/// What a client has left open, and the id of its session if it knows it.
struct Left {
    connections: Vec<Connection>,
    sid: Option<String>,
}

async fn run(mut session: Session, application: Application) {
    match application {
        Application::Echoes => crate::support::echo(session).await,
        Application::Ignores => {
            for _ in 0..IGNORED {
                if session.close_reason().is_some() {
                    break;
                }
                tokio::time::sleep(secs(1)).await;
            }
        }
        Application::Talks => {
            let sender = session.sender();
            let talk = async {
                loop {
                    if sender.send("words").await.is_err() {
                        break;
                    }
                    tokio::time::sleep(secs(1)).await;
                }
            };
            let listen = async { while session.recv().await.is_some() {} };
            tokio::join!(talk, listen);
        }
    }
}

impl Soak {
    fn new(application: Application) -> Self {
        let (sender, traces) = mpsc::unbounded_channel();
        let handler = async move |session: Session| run(session, application).await;
        let mount = sockeye_tower::EngineIo::new(handler)
            .inbox_limits(1, 1 << 20)
            .on_connect(async move |_: &ConnectRequest| {
                let trace = Arc::new(());
                let _ = sender.send(Arc::downgrade(&trace));
                Ok(Accept::new().data(Trace(trace)))
            });
        Self {
            server: Server::new(mount),
            traces,
        }
    }

    /// Brings a client up to where it stops.
    async fn abandon(&self, state: State) -> Left {
        use State::*;
        let server = &self.server;
        let mut connections = Vec::new();
        let socket = |socket: WebSocket| Connection::new(socket.stream);
        let sid = match state {
            Unopened | UnopenedWebSocket => {
                // The answer does not fit into the pipe.
                let mut connection = server.connect_over(16);
                let (transport, headers) = match state {
                    Unopened => ("polling", ""),
                    _ => ("websocket", SWITCHING),
                };
                let head = format!(
                    "GET /?EIO=4&transport={transport} HTTP/1.1\r\nHost: a\r\n{headers}\r\n"
                );
                connection.write(head.as_bytes()).await;
                connections.push(connection);
                None
            }
            OnWebSocket | MidFrame | MidMessage | Blocked | ClosedWebSocket => {
                let mut connection = server.connect_over(256);
                let query = "EIO=4&transport=websocket";
                connection.send_handshake("GET", query, "").await;
                assert_eq!(connection.answer().await.status, 101);
                let mut stream = WebSocket::new(connection.stream);
                let open = stream.text().await;
                let sid = open[9..].split('"').next().unwrap().to_owned();
                match state {
                    MidFrame => {
                        let frame = masked(0x81, b"4hello");
                        let cut = &frame[..frame.len() - 2];
                        tokio::io::AsyncWriteExt::write_all(&mut stream.stream, cut)
                            .await
                            .unwrap();
                    }
                    MidMessage => stream.send(0x01, b"4hel").await,
                    Blocked => {
                        // Echoes fill the pipe.
                        let text = format!("4{}", "x".repeat(90));
                        for _ in 0..3 {
                            stream.send_text(&text).await;
                            rest().await;
                        }
                    }
                    ClosedWebSocket => stream.send(0x88, b"").await,
                    _ => {}
                }
                connections.push(socket(stream));
                Some(sid)
            }
            _ => {
                let client = server.open().await;
                let sid = client.sid.clone();
                self.abandon_polling(state, client, &mut connections).await;
                Some(sid)
            }
        };
        rest().await;
        Left { connections, sid }
    }

    async fn abandon_polling(&self, state: State, client: Polling, left: &mut Vec<Connection>) {
        use State::*;
        let socket = |socket: WebSocket| Connection::new(socket.stream);
        let poll = async || {
            let mut connection = self.server.connect();
            connection.send("GET", &client.query, "", b"").await;
            rest().await;
            connection
        };
        match state {
            MidPoll => left.push(poll().await),
            MidAnswer => {
                let mut connection = self.server.connect_over(64);
                let long = format!("4{}", "x".repeat(10_000));
                let head = format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", client.query);
                connection.write(head.as_bytes()).await;
                rest().await;
                let mut post = self.server.connect();
                post.send("POST", &client.query, "", long.as_bytes()).await;
                left.extend([connection, post]);
            }
            MidPost => left.push(client.start_post(10, b"4hel").await),
            HeldPost => {
                let mut first = self.server.connect();
                first.send("POST", &client.query, "", b"4one").await;
                rest().await;
                left.extend([first, client.start_post(4, b"4two").await]);
            }
            BeforeSwitching => {
                let mut connection = self.server.connect();
                let query = client.upgrade_query();
                connection.send_handshake("GET", &query, "").await;
                left.push(connection);
            }
            UntakenSwitching => {
                let mut connection = self.server.connect_over(16);
                let query = client.upgrade_query();
                connection.send_handshake("GET", &query, "").await;
                left.push(connection);
            }
            BeforeProbe => left.push(socket(client.probe().await)),
            MidProbe => {
                let mut probe = client.probe().await;
                probe.send(0x01, b"2pro").await;
                left.push(socket(probe));
            }
            AfterProbe => left.push(socket(client.probed().await)),
            AfterProbeMidPoll => {
                left.push(socket(client.probed().await));
                left.push(poll().await);
                left.push(poll().await);
            }
            AfterProbeMidPost => {
                left.push(socket(client.probed().await));
                left.push(client.start_post(10, b"4hel").await);
            }
            MidLastStep => {
                let mut probe = client.probed().await;
                probe.send(0x01, b"5").await;
                left.push(socket(probe));
            }
            AfterLastStep => left.push(socket(client.upgraded().await)),
            AfterLastStepMidPoll => {
                let waiting = poll().await;
                let mut probe = client.probe().await;
                probe.send_text("5").await;
                left.extend([waiting, socket(probe)]);
            }
            AfterLastStepMidPost => {
                let post = client.start_post(10, b"4hel").await;
                let mut probe = client.probed().await;
                probe.send_texts(&["5", "4behind"]).await;
                left.extend([post, socket(probe)]);
            }
            TwoProbes => {
                let first = client.probed().await;
                let mut second = client.probe().await;
                second.send_text("2probe").await;
                left.extend([socket(first), socket(second)]);
            }
            Closed => {
                client.post("1").await;
            }
            Opened | Unopened | UnopenedWebSocket | OnWebSocket | MidFrame | MidMessage
            | Blocked | ClosedWebSocket => {}
        }
    }

    fn handle(&self) -> &Handle {
        &self.server.handle
    }
}

/// Kept for the length of its session by whoever keeps that.
struct Trace(#[expect(dead_code, reason = "it is there to be counted")] Arc<()>);

const SWITCHING: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Seconds for which an application may take nothing here.
const IGNORED: u64 = 300;

/// Heartbeats (45 s), what may renew them once (20 s), and the farewells behind them (stall 30 s, close
/// 5 s), or a POST's 60 s.
const ALL_TIMEOUTS: u64 = 120;

async fn soak(application: Application, manner: Manner) {
    let mut soak = Soak::new(application);
    rest().await;
    let before = tasks();
    let mut known = Vec::new();
    let mut held = Vec::new();
    for _ in 0..4 {
        for state in STATES {
            let left = soak.abandon(state).await;
            known.extend(left.sid);
            match manner {
                Manner::Drops => drop(left.connections),
                Manner::FallsSilent => held.extend(left.connections),
            }
        }
    }
    assert!(soak.handle().sessions() > 0, "{manner:?} was too quick");
    if application == Application::Ignores {
        pass(IGNORED).await;
    }
    pass(ALL_TIMEOUTS).await;
    assert_eq!(soak.handle().sessions(), 0, "{application:?} {manner:?}");
    soak.handle().idle().await;
    for sid in known {
        let query = format!("EIO=4&transport=polling&sid={sid}");
        let answer = soak.server.get(&query).await;
        answer.expect_error(400, 1, "Session ID unknown");
    }
    // Nothing that belongs to a session is kept: its data says so.
    let mut let_in = 0;
    while let Ok(trace) = soak.traces.try_recv() {
        let_in += 1;
        assert_eq!(trace.strong_count(), 0, "{application:?} {manner:?}");
    }
    assert_eq!(let_in, 4 * STATES.len(), "each was a session");
    // Plain connections that the client keeps open are hyper's; no other task is left.
    drop(held);
    rest().await;
    assert_eq!(tasks(), before, "{application:?} {manner:?}");
}

#[tokio::test(start_paused = true)]
async fn clients_whose_connections_break_leave_nothing() {
    for application in [
        Application::Echoes,
        Application::Ignores,
        Application::Talks,
    ] {
        soak(application, Manner::Drops).await;
    }
}

#[tokio::test(start_paused = true)]
async fn clients_that_fall_silent_leave_nothing() {
    for application in [
        Application::Echoes,
        Application::Ignores,
        Application::Talks,
    ] {
        soak(application, Manner::FallsSilent).await;
    }
}

/// socketioxide #399, #731: 40 abandoned sessions a second for a day are no more than those of the
/// last minute.
#[tokio::test(start_paused = true)]
async fn churn_levels_off() {
    let soak = Soak::new(Application::Echoes);
    rest().await;
    let before = tasks();
    let mut most = 0;
    for minute in 0..20 {
        for _ in 0..2 {
            for state in STATES {
                drop(soak.abandon(state).await);
            }
            pass(30).await;
        }
        most = most.max(soak.handle().sessions());
        // Those of the last 75 seconds at most, however long it goes on.
        assert!(most <= 3 * STATES.len(), "{most} in minute {minute}");
    }
    pass(ALL_TIMEOUTS).await;
    assert_eq!(soak.handle().sessions(), 0);
    assert_eq!(tasks(), before);
}
