//! From CONNECT to a place in a namespace.

use std::task::Context;

use sockeye_core::{Text, session::CloseReason, socketio::Data};

use super::Client;
use crate::{
    call::{Call, Occasion},
    connecting::{Asked, Verdict, decide},
    server::Lookup,
    start::{Panicked, Starter},
};

impl Client {
    /// A client asks for a namespace.
    pub(super) fn connect(
        &mut self,
        name: Text,
        auth: Data,
        cx: &mut Context<'_>,
        panicked: &mut Panicked,
    ) {
        // What is empty need not be kept.
        let auth = (auth.weight() > "{}".len()).then_some(auth);
        let asked = Asked {
            client: self.shared.clone(),
            server: self.server.clone(),
            name,
            auth,
        };
        match self.server.find(&asked.name) {
            Lookup::Found(namespace) => {
                let connecting = asked.socket(namespace);
                if connecting.needs_no_word() {
                    self.join(Verdict::Admitted(connecting), cx, panicked);
                } else {
                    let client = self.shared.clone();
                    let auth = asked.auth;
                    let mut starter = Starter::new(cx, &mut self.waiting, panicked);
                    starter.start(async move {
                        let verdict = connecting.ask(auth).await;
                        client.update(|news| news.verdicts.push(verdict));
                    });
                }
            }
            Lookup::Ask(parents) if parents.is_empty() => {
                self.join(Verdict::Unknown(asked.name), cx, panicked);
            }
            Lookup::Ask(parents) => {
                let client = self.shared.clone();
                let mut starter = Starter::new(cx, &mut self.waiting, panicked);
                starter.start(async move {
                    let verdict = decide(asked, parents).await;
                    client.update(|news| news.verdicts.push(verdict));
                });
            }
        }
    }

    /// What was decided about a client that asked for a namespace.
    pub(super) fn join(&mut self, verdict: Verdict, cx: &mut Context<'_>, panicked: &mut Panicked) {
        // Dropping it lets go of what it had already.
        if self.is_over || self.is_closing {
            return;
        }
        let parser = self.server.parser().clone();
        let protocol = self.connection.protocol();
        match verdict {
            Verdict::Open(name, auth) => self.connect(name, auth, cx, panicked),
            Verdict::Unknown(name) => {
                self.connection.refuse(&name);
                if let Ok(answer) = parser.invalid_namespace(&name) {
                    self.shared.send_now(answer);
                }
            }
            Verdict::Refused(connecting, refusal) => {
                let name = connecting.socket().namespace().text().clone();
                self.connection.refuse(&name);
                // It leaves the rooms that a middleware put it in.
                drop(connecting);
                let data = refusal.data.as_ref();
                let answer = parser.connect_error(protocol, &name, &refusal.message, data);
                if let Ok(answer) = answer {
                    self.shared.send_now(answer);
                }
            }
            Verdict::Admitted(mut connecting) => {
                let namespace = connecting.socket().namespace().clone();
                let Some(place) = self.connection.accept(namespace.name()) else {
                    return;
                };
                let (sid, pid) = {
                    let socket = connecting.socket();
                    socket.take_place(place);
                    (socket.id().clone(), socket.pid())
                };
                let sid = sid.as_str();
                let answer = parser.connect_answer(protocol, namespace.name(), sid, pid.as_deref());
                let Ok(mut answer) = answer.map(Some) else {
                    self.connection.leave(place);
                    return;
                };
                let rejoining = connecting.take_rejoining();
                if rejoining.is_none() {
                    // Before it is connected: nothing that others send may come first.
                    answer.take().map(|answer| self.shared.send_now(answer));
                }
                let Some(socket) = connecting.connect() else {
                    // It was sent away by its own middleware.
                    self.connection.leave(place);
                    if let Ok(goodbye) = parser.encode_disconnect(namespace.name()) {
                        self.shared.send_now(goodbye);
                    }
                    return;
                };
                let index = place.index();
                if self.sockets.len() <= index {
                    // Most clients have one.
                    self.sockets.reserve_exact(index + 1 - self.sockets.len());
                    self.sockets.resize(index + 1, None);
                }
                self.sockets[index] = Some(socket.clone());
                match (namespace.recovery(), rejoining.zip(answer)) {
                    (Some(store), Some((rejoining, answer))) => {
                        if !store.rejoin(&socket, rejoining, answer) {
                            // What it missed is not there any more: it comes back as a new one.
                            self.shared.sender.end(CloseReason::Disconnected);
                            return;
                        }
                    }
                    (store, _) => {
                        if let Some(store) = store {
                            store.enter(&socket);
                        }
                        // Its own end alone could refuse it, which is told elsewhere.
                        let _ = namespace.rooms().add(&socket);
                    }
                }
                let call = Call::of_socket(&socket, Occasion::Connect(socket.auth()));
                for run in namespace.connect_runs().iter().cloned() {
                    let mut starter = Starter::new(cx, &mut self.waiting, panicked);
                    run.start(call.clone(), &mut starter);
                }
            }
        }
    }
}
