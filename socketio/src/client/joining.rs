//! From CONNECT to a place in a namespace.

use std::task::Context;

use sockeye_core::{Text, socketio::Data};

use super::Client;
use crate::{
    call::{Call, Occasion},
    connecting::{Asked, Connecting, Verdict, decide},
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
            Lookup::Found(namespace) if asked.returning(&namespace).is_some() => {
                let client = self.shared.clone();
                let mut starter = Starter::new(cx, &mut self.waiting, panicked);
                starter.start(async move {
                    let connecting = asked.find(namespace).await;
                    let verdict = connecting.verdict(asked.auth).await;
                    client.update(|news| news.verdicts.push(verdict));
                });
            }
            Lookup::Found(namespace) => {
                let connecting = asked.socket(namespace);
                self.admit(connecting, asked.auth, cx, panicked);
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

    /// A client asks for a namespace that there is.
    fn admit(
        &mut self,
        connecting: Connecting,
        auth: Option<Data>,
        cx: &mut Context<'_>,
        panicked: &mut Panicked,
    ) {
        if connecting.needs_no_word() {
            self.seat(connecting, cx, panicked);
            return;
        }
        let client = self.shared.clone();
        let mut starter = Starter::new(cx, &mut self.waiting, panicked);
        starter.start(async move {
            let verdict = connecting.ask(auth).await;
            client.update(|news| news.verdicts.push(verdict));
        });
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
            Verdict::Admitted(connecting) => self.seat(connecting, cx, panicked),
        }
    }

    /// A client that was let in has its place, and is told.
    fn seat(&mut self, mut connecting: Connecting, cx: &mut Context<'_>, panicked: &mut Panicked) {
        if self.is_over || self.is_closing {
            return;
        }
        let namespace = connecting.socket().namespace().clone();
        let (parser, protocol) = (self.server.parser().clone(), self.connection.protocol());
        let (sid, pid) = (connecting.socket().id().clone(), connecting.socket().pid());
        let (sid, pid) = (sid.as_str(), pid.as_deref());
        let answer = parser.connect_answer(protocol, namespace.name(), sid, pid);
        let Ok(answer) = answer else {
            self.connection.refuse(namespace.name());
            return;
        };
        let resuming = match connecting.comes_back() {
            false => None,
            true => match connecting.resume(&namespace) {
                None => {
                    let auth = connecting.socket().auth();
                    let newcomer = connecting.into_newcomer(&self.server);
                    self.admit(newcomer, auth, cx, panicked);
                    return;
                }
                resuming => resuming,
            },
        };
        let Some(place) = self.connection.accept(namespace.name()) else {
            return;
        };
        connecting.socket().take_place(place);
        let answer = if resuming.is_some() {
            Some(answer)
        } else {
            // Before it is connected: nothing that others send may come first.
            self.shared.send_now(answer);
            None
        };
        let socket = match connecting.connect() {
            Ok(socket) => socket,
            Err(gone) => {
                // It was sent away by its own middleware. Its end looks at what is kept.
                drop(resuming);
                drop(gone);
                self.connection.leave(place);
                if let Ok(goodbye) = parser.encode_disconnect(namespace.name()) {
                    self.shared.send_now(goodbye);
                }
                return;
            }
        };
        let index = place.index();
        if self.sockets.len() <= index {
            // Most clients have one.
            self.sockets.reserve_exact(index + 1 - self.sockets.len());
            self.sockets.resize(index + 1, None);
        }
        self.sockets[index] = Some(socket.clone());
        match resuming.zip(answer) {
            Some((resuming, answer)) => resuming.finish(&socket, answer),
            None => {
                if let Some(store) = namespace.recovery() {
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
