//! Messages from one person to another, who may have several tabs open, or none just now.
//!
//!     npm ci --prefix examples/private-messaging && cargo run -p example-private-messaging
//!
//! Then open the address it prints, and again in a private window, to be somebody else.
//!
//! A middleware says who it is before a socket connects. Each person has an id that stays, and all
//! sockets of one are in a room of that name: what is sent to the room reaches every tab.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program speaks to people through these"
)]

mod pages;
mod people;

use std::{io, process::ExitCode, sync::Arc};

use axum::Router;
use serde::Serialize;
use sockeye::{
    SocketIo,
    axum::RouterExt,
    socketio::{Ack, BoxError, Data, Extension, Namespace, Refusal, Socket, State},
};
use tokio::net::TcpListener;

use crate::people::{Auth, Face, Message, Outgoing, People, Person};

/// Before a socket connects: who is it? The client's `auth` says so; a refusal is its `connect_error`.
async fn sign_in(
    socket: Socket,
    Data(auth): Data<Auth>,
    State(people): State<People>,
) -> Result<(), Refusal> {
    let person = people.sign_in(auth)?;
    socket.insert(person);
    Ok(())
}

/// What a newcomer needs to know.
#[derive(Serialize)]
struct Welcome {
    id: String,
    name: String,
    /// What the client signs in with from now on. Its owner alone is told.
    secret: String,
    people: Vec<Face>,
    messages: Vec<Message>,
}

async fn arrive(
    socket: Socket,
    Extension(person): Extension<Arc<Person>>,
    State(people): State<People>,
) -> Result<(), BoxError> {
    socket.on("message", message);
    socket.on_disconnect(depart);
    // In turn with others' arrivals and departures, so that what is told last is how it is.
    people.in_turn(|| {
        socket.join(person.id.as_str())?;
        tell_presence(&socket, &person);
        Ok::<_, BoxError>(())
    })?;
    let is_online = |id: &str| is_online(socket.namespace(), id);
    let welcome = Welcome {
        id: person.id.clone(),
        name: person.name.clone(),
        secret: person.secret.clone(),
        people: people.faces(is_online),
        messages: people.messages_of(&person.id),
    };
    socket.emit("welcome", &welcome).await?;
    Ok(())
}

/// It has left its rooms by now. Others hear of it if it was the last one of its person.
async fn depart(
    socket: Socket,
    Extension(person): Extension<Arc<Person>>,
    State(people): State<People>,
) {
    people.in_turn(|| tell_presence(&socket, &person));
}

fn tell_presence(socket: &Socket, person: &Person) {
    let face = Face {
        id: person.id.clone(),
        name: person.name.clone(),
        is_online: is_online(socket.namespace(), &person.id),
    };
    // A broadcast is on its way when the call returns, and can only fail for what cannot be written.
    let _sent = socket.broadcast().emit("presence", &face);
}

fn is_online(namespace: &Namespace, id: &str) -> bool {
    namespace.rooms().len(id) > 0
}

/// The answer to a message.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Answer<'a> {
    Sent(&'a Message),
    Refused(&'static str),
}

async fn message(
    socket: Socket,
    Extension(person): Extension<Arc<Person>>,
    State(people): State<People>,
    Data(outgoing): Data<Outgoing>,
    ack: Ack,
) -> Result<(), BoxError> {
    let message = match people.keep(&person, outgoing) {
        Ok(message) => message,
        Err(problem) => return Ok(ack.send(&Answer::Refused(problem))?),
    };
    // Every tab of the other person, and this person's own but this one, which gets the answer.
    let tabs = socket.to(message.to.as_str()).to(message.from.as_str());
    tabs.emit("message", &message).await?;
    Ok(ack.send(&Answer::Sent(&message))?)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("private-messaging: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> io::Result<()> {
    let io = SocketIo::builder()
        .state(People::default())
        .client_files(pages::CLIENT_FOLDER)
        .map_err(pages::with_advice)?
        .build();
    io.of("/").middleware(sign_in);
    io.of("/").on_connect(arrive);
    let app = Router::new()
        .merge(pages::routes())
        .socketio("/socket.io", &io);

    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    println!("open http://{address}/, and again in a private window");
    sockeye::serve(listener, app).await
}
