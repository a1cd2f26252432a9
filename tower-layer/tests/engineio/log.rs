//! What the log says, and what it must not.

use std::{
    io,
    sync::{Arc, Mutex, OnceLock},
};

use tracing_subscriber::{fmt::MakeWriter, util::SubscriberInitExt};

use crate::support::{Server, drain, rest};

/// The log's lines, kept.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A session's life with everything that is refused on its way: its secret id.
async fn live() -> String {
    let (server, mut sessions) = Server::handing_over(|mount| mount);
    let client = server.open().await;
    let session = sessions.recv().await.unwrap();
    client.send("4hello").await;
    session.try_send("hello").unwrap();
    client.poll().await;
    server.get(&client.upgrade_query()).await;
    server.get(&client.query.replace("=4", "=3")).await;
    server.ask("PUT", &client.query).await;
    drop(client.probed().await);
    rest().await;
    let _socket = client.upgraded().await;
    client.poll().await;
    drain(&server.handle);
    drop(session);
    rest().await;
    client.poll().await;
    client.sid
}

/// With a single listener, a place in the code that first logs on a thread where nobody listens is
/// silent for good; with another one about, all listeners are asked.
fn listen_beside() {
    static BESIDE: OnceLock<tracing::Dispatch> = OnceLock::new();
    BESIDE.get_or_init(|| {
        tracing_subscriber::fmt()
            .with_writer(io::sink)
            .finish()
            .into()
    });
}

/// socket.io #3416.
#[tokio::test(start_paused = true)]
async fn no_secret_id_is_in_the_log() {
    listen_beside();
    // A place that another test's thread is about to make known may still be missed once.
    for _ in 0..20 {
        let log = Log::default();
        let guard = tracing_subscriber::fmt()
            .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
            .with_writer(log.clone())
            .with_ansi(false)
            .set_default();
        let sid = live().await;
        drop(guard);
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(!log.contains(&sid), "{log}");
        if log.contains("a request was refused") {
            return;
        }
    }
    panic!("nothing was logged");
}
