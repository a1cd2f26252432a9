//! A client that loses its connection and comes back.

use crate::support::{Peer, Server};

/// A client that remembers what clients remember: its id, its secret and its last offset.
pub(crate) struct Traveller {
    pub(crate) peer: Option<Peer>,
    pub(crate) sid: String,
    pub(crate) pid: String,
    pub(crate) offset: Option<String>,
}

impl Traveller {
    pub(crate) async fn join(server: &Server) -> Self {
        let peer = server.join().await;
        Self {
            sid: peer.sid().to_owned(),
            pid: peer.pid.clone().unwrap(),
            peer: Some(peer),
            offset: None,
        }
    }

    pub(crate) fn peer(&self) -> &Peer {
        self.peer.as_ref().unwrap()
    }

    pub(crate) fn vanish(&mut self) {
        self.peer.take().unwrap().vanish();
    }

    /// What its CONNECT asks to come back by.
    pub(crate) fn auth(&self) -> String {
        match &self.offset {
            Some(offset) => format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, self.pid),
            None => format!(r#"{{"pid":"{}"}}"#, self.pid),
        }
    }

    /// Comes back, and gives what it got before it was let in. Whether it is who it was.
    pub(crate) async fn come_back(&mut self, server: &Server) -> (bool, Vec<String>) {
        let auth = self.auth();
        self.come_back_with(server, &auth).await
    }

    pub(crate) async fn come_back_with(
        &mut self,
        server: &Server,
        auth: &str,
    ) -> (bool, Vec<String>) {
        let peer = server.open().await;
        peer.say(&format!("0{auth}")).await;
        self.let_in(peer).await
    }

    /// Takes what comes until it is let in.
    pub(crate) async fn let_in(&mut self, peer: Peer) -> (bool, Vec<String>) {
        let mut missed = Vec::new();
        let answer = loop {
            let packet = peer.hear().await;
            match packet.strip_prefix('0') {
                Some(answer) => break answer.to_owned(),
                None => missed.push(self.read(&packet)),
            }
        };
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let (sid, pid) = (
            answer["sid"].as_str().unwrap(),
            answer["pid"].as_str().unwrap(),
        );
        let is_same = sid == self.sid;
        assert_eq!(is_same, pid == self.pid);
        if !is_same {
            self.offset = None;
        }
        (self.sid, self.pid) = (sid.to_owned(), pid.to_owned());
        self.peer = Some(peer);
        (is_same, missed)
    }

    /// Takes the offset off an event, and remembers it.
    pub(crate) fn read(&mut self, packet: &str) -> String {
        let json = packet.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
        let mut event: Vec<serde_json::Value> = serde_json::from_str(json).unwrap();
        let offset = event.pop().unwrap();
        let offset = offset
            .as_str()
            .unwrap_or_else(|| panic!("no offset in {packet}"));
        self.offset = Some(offset.to_owned());
        let rest: Vec<_> = event.iter().map(serde_json::Value::to_string).collect();
        rest.join(" ")
    }

    /// The next event, without its offset.
    pub(crate) async fn hear(&mut self) -> String {
        let packet = self.peer().hear().await;
        self.read(&packet)
    }

    /// All that has come, without offsets.
    pub(crate) async fn heard(&mut self) -> Vec<String> {
        let all = self.peer().heard().await;
        all.iter().map(|packet| self.read(packet)).collect()
    }
}
