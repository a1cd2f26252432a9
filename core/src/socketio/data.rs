//! What a packet carries, not yet deserialized.

use std::{borrow::Cow, fmt};

use serde::{Serialize, de::DeserializeOwned};

use super::{EncodeError, Value};
use crate::Text;

/// What a packet carries: an event's name and arguments, an ack's arguments, or what comes with
/// CONNECT and CONNECT_ERROR. Cheap to clone where it is text.
///
/// It is kept as it came until someone asks for a type; a clone of JSON shares the message.
#[derive(Clone)]
pub struct Data(Form);

#[derive(Clone)]
enum Form {
    /// The JSON in `message` from `start` on, checked.
    Json {
        message: Text,
        start: usize,
    },
    Value(Value),
}

impl Data {
    /// Data that is `value`.
    pub fn from_value(value: Value) -> Self {
        Self(Form::Value(value))
    }

    /// The data of an event: its name, and behind it its [arguments](super::EventBody).
    ///
    /// # Errors
    ///
    /// When the name is reserved, or the arguments cannot be serialized.
    pub fn from_event<T: Serialize + ?Sized>(name: &str, args: &T) -> Result<Self, EncodeError> {
        Self::from_event_with_offset(name, args, None)
    }

    /// As [`from_event`](Self::from_event), with an offset behind the arguments, if there is one.
    ///
    /// # Errors
    ///
    /// As [`from_event`](Self::from_event).
    pub fn from_event_with_offset<T: Serialize + ?Sized>(
        name: &str,
        args: &T,
        offset: Option<&str>,
    ) -> Result<Self, EncodeError> {
        todo!()
    }

    /// The data of an ack: an array of its [arguments](super::EventBody).
    ///
    /// # Errors
    ///
    /// When the arguments cannot be serialized.
    pub fn from_arguments<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        todo!()
    }

    /// All of it as one type: of an event the whole array, its name first.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        todo!()
    }

    /// An event's name: the first element, if that is text or a number.
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        todo!()
    }

    /// An event's arguments, without its name.
    ///
    /// A tuple takes as many arguments as it has elements, and an array or `Vec` takes all; for any
    /// other type it is the first argument alone. What is left over is passed over. What is missing
    /// is `None` where the type is an `Option`, and an error elsewhere.
    ///
    /// # Errors
    ///
    /// When an argument is missing or of another type.
    pub fn arguments<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        todo!()
    }

    /// An ack's arguments, as [`arguments`](Self::arguments) without a name before them.
    ///
    /// # Errors
    ///
    /// When an argument is missing or of another type.
    pub fn all<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        todo!()
    }

    /// An event's first argument, whatever the type: a `Vec` or a tuple is an array in that place.
    ///
    /// # Errors
    ///
    /// When it is missing or of another type.
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        todo!()
    }

    /// An ack's first argument, as [`first`](Self::first).
    ///
    /// # Errors
    ///
    /// When it is missing or of another type.
    pub fn first_of_all<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        todo!()
    }

    /// All of it as a value.
    pub fn to_value(&self) -> Value {
        todo!()
    }

    /// How many arguments an event has, its name not counted.
    pub fn argument_count(&self) -> usize {
        todo!()
    }

    /// Whether there are bytes anywhere in it.
    pub fn has_binary(&self) -> bool {
        todo!()
    }

    /// Bytes of the JSON, or about as many as the value takes in memory.
    pub fn weight(&self) -> usize {
        todo!()
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        todo!()
    }
}

/// Why data is not of the type that was asked for.
#[derive(Debug)]
pub struct DataError(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DataError {}
