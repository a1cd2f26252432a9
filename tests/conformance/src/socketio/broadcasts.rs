//! Broadcasts as clients ask for them, by `/features` and by `/admin`.

use std::time::Duration;

use serde::Deserialize;
use sockeye::{
    SocketIo,
    socketio::{AckError, Broadcast, BroadcastWithAck, Namespace, Responses, Socket, Value},
};

use super::field;

/// Whom a socket's broadcast is for, and how it is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    from: Option<String>,
    to: Vec<String>,
    except: Vec<String>,
    local: bool,
    volatile: bool,
    compress: Option<bool>,
    /// How long answers are awaited, in milliseconds.
    timeout: Option<u64>,
}

impl Choice {
    pub(super) fn of(&self, socket: &Socket) -> Broadcast {
        let all = match self.from.as_deref() {
            Some("nsp") => socket.namespace().all(),
            _ => socket.broadcast(),
        };
        let mut chosen = all.to_all(&self.to).except_all(&self.except);
        if self.local {
            chosen = chosen.local();
        }
        if self.volatile {
            chosen = chosen.volatile();
        }
        if let Some(compress) = self.compress {
            chosen = chosen.compress(compress);
        }
        chosen.timeout(Duration::from_millis(self.timeout.unwrap_or(1000)))
    }
}

/// Whom an administrator means, in any namespace.
#[derive(Debug, Deserialize)]
pub(super) struct Sel {
    nsp: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    local: bool,
}

impl Sel {
    pub(super) fn of(&self, io: &SocketIo) -> Broadcast {
        let chosen = found(io, &self.nsp)
            .to_all(&self.to)
            .except_all(&self.except);
        if self.local { chosen.local() } else { chosen }
    }
}

fn found(io: &SocketIo, name: &str) -> Broadcast {
    let namespace: Namespace = io.of(name);
    namespace.all()
}

/// One room, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Several(names) => names,
        }
    }
}

/// The arguments behind the first `parameters` of an event.
pub(super) fn behind(parameters: usize, mut args: Vec<Value>) -> Vec<Value> {
    args.split_off(parameters.min(args.len()))
}

/// What came of a question to many, as it is told to who had it asked.
pub(super) async fn gathered(asked: BroadcastWithAck<Option<Value>>) -> Value {
    match asked.await {
        Ok(Responses {
            received, missing, ..
        }) => {
            let responses: Vec<Value> = received.into_iter().map(Value::from).collect();
            let responses = field("responses", responses);
            Value::Object(if missing == 0 {
                vec![field("ok", true), responses]
            } else {
                let error = AckError::Timeout.to_string();
                vec![field("ok", false), field("error", error), responses]
            })
        }
        Err(error) => Value::Object(vec![
            field("ok", false),
            field("error", error.to_string()),
            field("responses", Vec::<Value>::new()),
        ]),
    }
}
