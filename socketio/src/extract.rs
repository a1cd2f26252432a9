//! What handlers can ask for.

use std::{any::type_name, ops::Deref, sync::Arc};

use serde::de::DeserializeOwned;
use sockeye_core::{
    Text,
    socketio::{self, Value},
};

use crate::{
    Ack, EventError, ExtractError, Handshake, Namespace, Reason, Socket, SocketIo,
    call::{Call, Occasion},
};

/// An argument of a handler, taken from the call.
///
/// | argument | connection | event | disconnection | error | between servers |
/// |---|---|---|---|---|---|
/// | [`Socket`], [`Handshake`], [`Extension`] | yes | yes | yes | yes | |
/// | [`Namespace`], [`SocketIo`], [`State`] | yes | yes | yes | yes | yes |
/// | [`Data`], [`TryData`] | the auth payload | yes | | | yes |
/// | [`Arguments`], [`Binary`](socketio::Binary), [`EventName`] | | yes | | | yes |
/// | [`Ack`] | | yes, but for outgoing ones | | | yes |
/// | [`Reason`] | | | yes | | |
/// | `Arc<EventError>` | | | | yes | |
///
/// `Option` of any of them is `None` where it cannot be had. The connection's column is that of
/// middlewares, too.
///
/// Implement it to give handlers arguments of your own, made of others:
///
/// ```
/// use sockeye_socketio::{Call, Data, Extract, ExtractError, Socket};
///
/// struct Room(String);
///
/// impl Extract for Room {
///     fn extract(call: &Call) -> Result<Self, ExtractError> {
///         let Data(name) = Data::<String>::extract(call)?;
///         Ok(Room(format!("room of {name}")))
///     }
/// }
/// ```
pub trait Extract: Sized {
    /// Takes the argument.
    ///
    /// # Errors
    ///
    /// When it cannot be had; the handler is not called then, and the error goes to
    /// [`Socket::on_error`].
    fn extract(call: &Call) -> Result<Self, ExtractError>;
}

/// What came with the event, deserialized; in a connection's handlers, the auth payload.
///
/// A tuple takes as many arguments as it has elements, a `Vec` takes all, and any other type the
/// first. What is left over is passed over. What is missing is `None` where the type is an `Option`,
/// and an error elsewhere.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Data, Socket, SocketIo};
///
/// #[derive(serde::Deserialize)]
/// struct Auth { name: Option<String> }
///
/// #[derive(serde::Deserialize)]
/// struct Move { x: f64, y: f64 }
///
/// let io = SocketIo::new();
/// io.of("/").on_connect(async |socket: Socket, Data(auth): Data<Auth>| {
///     println!("{:?} is here", auth.name);
///     // emit("move", { x: 1, y: 2 })
///     socket.on("move", async |Data(to): Data<Move>| println!("{} {}", to.x, to.y));
///     // emit("scale", 2), emit("scale", 2, "slowly")
///     socket.on("scale", async |Data((by, how)): Data<(f64, Option<String>)>| {
///         println!("{by} {how:?}");
///     });
///     // emit("sum", 1, 2, 3)
///     socket.on("sum", async |Data(all): Data<Vec<f64>>| println!("{}", all.iter().sum::<f64>()));
///     // emit("sum of", [1, 2, 3])
///     socket.on("sum of", async |Data((list,)): Data<(Vec<f64>,)>| {
///         println!("{}", list.iter().sum::<f64>());
///     });
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Data<T>(pub T);

/// As [`Data`], but the handler is called with the error too.
///
/// # Example
///
/// ```
/// # use sockeye_socketio::{Ack, Socket, TryData};
/// # fn f(socket: Socket) {
/// socket.on("set", async |TryData(number): TryData<u32>, ack: Ack| match number {
///     Ok(number) => ack.send(&number),
///     Err(error) => ack.send(&[("error", error.to_string())]),
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct TryData<T>(pub Result<T, ExtractError>);

/// The event's arguments as they are, whatever their number and types; bytes are
/// [`Value::Binary`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Arguments(pub Vec<Value>);

/// The event's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub Text);

/// What the application gave to [`Builder::state`](crate::Builder::state), where there is an example;
/// cloned for each call.
#[derive(Clone, Copy, Debug, Default)]
pub struct State<T>(pub T);

/// A value of this type that was put with the socket ([`Socket::insert`]), or came with its request
/// (an extension that a layer added, or what an `on_connect` hook of Engine.IO attached); cloned for
/// each call.
///
/// # Example
///
/// ```
/// use sockeye_socketio::{Extension, Socket, SocketIo};
/// use sockeye_tower::{Accept, ConnectRequest, Reject};
///
/// #[derive(Clone)]
/// struct User(String);
///
/// let io = SocketIo::builder()
///     .engine_io(|engine| engine.on_connect(async |request: &ConnectRequest| {
///         let user = request.cookie("user").ok_or(Reject::status(401))?;
///         Ok(Accept::new().data(User(user.into())))
///     }))
///     .build();
/// io.of("/").on_connect(async |socket: Socket, Extension(user): Extension<User>| {
///     socket.emit("welcome", &user.0).await
/// });
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<T>(pub T);

impl<T: DeserializeOwned> Extract for Data<T> {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        match &call.occasion {
            Occasion::Connect(Some(auth)) => Ok(Self(auth.deserialize()?)),
            // As a client that sends none: an empty object.
            Occasion::Connect(None) => {
                let none = socketio::Data::from_value(Value::Object(Vec::new()));
                Ok(Self(none.deserialize()?))
            }
            Occasion::Event { data, .. } | Occasion::Outgoing(data) => Ok(Self(data.arguments()?)),
            Occasion::ServerSide(question) => Ok(Self(question.data.arguments()?)),
            Occasion::Disconnect(_) | Occasion::Error(_) => Err(ExtractError::Unavailable("data")),
        }
    }
}

impl<T: DeserializeOwned> Extract for TryData<T> {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        Ok(Self(Data::extract(call).map(|Data(data)| data)))
    }
}

impl Extract for Arguments {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        match &call.occasion {
            Occasion::Event { data, .. } | Occasion::Outgoing(data) => Ok(Self(data.arguments()?)),
            Occasion::ServerSide(question) => Ok(Self(question.data.arguments()?)),
            _ => Err(ExtractError::Unavailable("event")),
        }
    }
}

/// The event's first argument, which must be bytes.
impl Extract for socketio::Binary {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        Data::extract(call).map(|Data(binary)| binary)
    }
}

impl Extract for EventName {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        let unavailable = ExtractError::Unavailable("event");
        let name = match &call.occasion {
            Occasion::Event { data, .. } | Occasion::Outgoing(data) => data.event_name(),
            Occasion::ServerSide(question) => question.data.event_name(),
            _ => None,
        };
        name.map(|name| Self(Text::from(&*name))).ok_or(unavailable)
    }
}

impl Extract for Socket {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        let socket = call.socket().cloned();
        socket.ok_or(ExtractError::Unavailable("socket"))
    }
}

impl Extract for Namespace {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        Ok(call.namespace().clone())
    }
}

impl Extract for SocketIo {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        let server = call.namespace().server();
        server.ok_or(ExtractError::Unavailable("server any more"))
    }
}

impl Extract for Handshake {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        Ok(Socket::extract(call)?.handshake())
    }
}

/// Where nobody waits for an answer, sending one does nothing.
impl Extract for Ack {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        match &call.occasion {
            Occasion::Event { ack, .. } => Ok(Self::new(call.socket().cloned(), ack.clone())),
            Occasion::ServerSide(question) => Ok(Self::of_question(question)),
            _ => Err(ExtractError::Unavailable("ack")),
        }
    }
}

impl Extract for Reason {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        match call.occasion {
            Occasion::Disconnect(reason) => Ok(reason),
            _ => Err(ExtractError::Unavailable("reason")),
        }
    }
}

impl Extract for Arc<EventError> {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        match &call.occasion {
            Occasion::Error(error) => Ok(error.clone()),
            _ => Err(ExtractError::Unavailable("error")),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Extract for State<T> {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        let state = call.namespace().state::<T>();
        let missing = ExtractError::Missing(type_name::<T>());
        state.map(Self).ok_or(missing)
    }
}

impl<T: Clone + Send + Sync + 'static> Extract for Extension<T> {
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        let extension = Socket::extract(call)?.extension::<T>();
        let missing = ExtractError::Missing(type_name::<T>());
        extension.map(Self).ok_or(missing)
    }
}

impl<T: Extract> Extract for Option<T> {
    /// `None` where it cannot be had.
    fn extract(call: &Call) -> Result<Self, ExtractError> {
        Ok(T::extract(call).ok())
    }
}

macro_rules! inner {
    ($($name:ident),*) => {$(
        impl<T> Deref for $name<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    )*};
}

inner!(Data, State, Extension);
