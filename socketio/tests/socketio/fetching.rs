//! Sockets of other nodes, some of which do not answer.

use async_trait::async_trait;
use sockeye_rooms::{
    Adapter, AppliedBy, Command, FetchError, Fetched, Local, PublishError, Remote, Selection,
};
use sockeye_socketio::{Packet, RemoteSocket, Socket, SocketId, Value};

use crate::support::Server;

/// A bus to three nodes, of which one answers.
struct Flaky;

#[async_trait]
impl Adapter<Socket> for Flaky {
    fn attach(&self, _: Local<Socket>) {}

    fn publish(
        &self,
        _: &Selection<SocketId>,
        _: &Command<Packet>,
    ) -> Result<AppliedBy, PublishError> {
        Ok(AppliedBy::Rooms)
    }

    async fn fetch(&self, _: &Selection<SocketId>) -> Result<Fetched<SocketId>, FetchError> {
        let object = |name: &str, value: Value| Value::Object(vec![(name.into(), value)]);
        let described = RemoteSocket::describe(
            SocketId::from_text("elsewhere"),
            vec!["a".into()],
            object("secure", true.into()),
            object("name", "ben".into()),
        );
        let unreadable = Remote {
            id: SocketId::from_text("by another"),
            rooms: Vec::new(),
            data: "{}".into(),
        };
        Ok(Fetched {
            members: vec![described.unwrap(), unreadable],
            missing_nodes: 2,
        })
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_answer_are_counted_beside_those_who_were_found() {
    // socket.io-redis-adapter #367 #371 #210: `timeout reached while waiting for fetchSockets`.
    let server = Server::with(|builder| builder.adapter(|_| Flaky));
    let peer = server.join().await;
    for found in [
        server.root().fetch_sockets().await.unwrap(),
        server.root().except("none").fetch_sockets().await.unwrap(),
    ] {
        assert_eq!((found.len(), found.missing_nodes), (2, 2));
        let ids: Vec<_> = (&found).into_iter().map(|it| it.id().as_str()).collect();
        assert_eq!(ids, [peer.sid(), "elsewhere"]);
        let ben = found.into_iter().last().unwrap();
        assert_eq!(ben.handshake().get("secure"), Some(&Value::from(true)));
        let data: Value = ben.data().unwrap();
        assert_eq!(data.get("name"), Some(&Value::from("ben")));
    }
    // Alone nobody is missing.
    let server = Server::new();
    let found = server.root().fetch_sockets().await.unwrap();
    assert_eq!((found.len(), found.missing_nodes), (0, 0));
}
