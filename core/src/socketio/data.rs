//! What a packet carries, not yet deserialized.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer, Serialize,
    de::{self, DeserializeOwned, Visitor},
};

use super::{
    EncodeError, EventBody, Value,
    arguments::{Shape, TakeArguments, TakeFirst, Taking, read_first_plain},
    is_reserved, json,
};
use crate::Text;

/// What a packet carries, not yet of any type: an event's name and arguments, an ack's arguments,
/// or what comes with CONNECT and CONNECT_ERROR.
///
/// JSON stays as it came until a type is asked for, and is read straight into that; a clone shares
/// it. With attachments, and from other parsers, it is a [`Value`].
///
/// # Example
///
/// ```
/// use sockeye_core::socketio::Data;
///
/// let data = Data::from_event("move", &(3, "left"))?;
/// assert_eq!(data.event_name().as_deref(), Some("move"));
/// let (steps, side, speed): (u8, String, Option<f64>) = data.arguments()?;
/// assert_eq!((steps, side.as_str(), speed), (3, "left", None));
/// let steps: u8 = data.arguments()?;
/// assert_eq!(steps, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Data(Form);

#[derive(Clone)]
enum Form {
    /// The JSON in `message` from `start` on, which was checked. Not a slice of its own, since
    /// taking one counts references.
    Json {
        message: Text,
        start: usize,
        /// Bytes from `start` to behind the name of a [plain](super::plain) event; 0 if it is none.
        behind_name: usize,
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
        if is_reserved(name) {
            return Err(EncodeError::ReservedEventName);
        }
        Value::from_serialize(&EventBody {
            name: Some(name),
            args,
            offset,
        })
        .map(Self::from_value)
    }

    /// The data of an ack: an array of its [arguments](super::EventBody).
    ///
    /// # Errors
    ///
    /// When the arguments cannot be serialized.
    pub fn from_arguments<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        Value::from_serialize(&EventBody {
            name: None,
            args,
            offset: None,
        })
        .map(Self::from_value)
    }

    /// The JSON in `message` from `start` on, which was checked.
    pub(super) fn from_json(message: Text, start: usize) -> Self {
        Self::from_plain(message, start, 0)
    }

    /// As [`from_json`](Self::from_json), of an event whose name is a string without escapes that
    /// ends `behind_name` bytes behind `start`; 0 if it is no such event.
    pub(super) fn from_plain(message: Text, start: usize, behind_name: usize) -> Self {
        Self(Form::Json {
            message,
            start,
            behind_name,
        })
    }

    /// `{}`, without an allocation.
    pub(super) fn empty_object() -> Self {
        Self::from_json(Text::from_static("{}"), 0)
    }

    /// All of it as one type: of an event the whole array, its name first.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        match &self.0 {
            Form::Json { message, start, .. } => {
                serde_json::from_str(&message[*start..]).map_err(DataError::new)
            }
            Form::Value(value) => T::deserialize(value),
        }
    }

    /// An event's name: the first element, if that is text or a number.
    pub fn event_name(&self) -> Option<Cow<'_, str>> {
        match &self.0 {
            Form::Json {
                message,
                start,
                behind_name,
            } => match &message[*start..] {
                json if *behind_name == 0 => json::event_name(json),
                json => Some(json[r#"[""#.len()..behind_name - 1].into()),
            },
            Form::Value(value) => match value.as_array()?.first()? {
                Value::String(name) => Some(name.as_str().into()),
                Value::Number(number) => {
                    json::event_name(&format!("[{number}]")).map(|name| name.into_owned().into())
                }
                _ => None,
            },
        }
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
        match self.plain_arguments() {
            Some(json) if Shape::of::<T>() == Shape::One => {
                read_first_plain(json).map_err(DataError::new)
            }
            _ => self.visit(TakeArguments::new(Taking::Event)),
        }
    }

    /// An ack's arguments, as [`arguments`](Self::arguments) without a name before them.
    ///
    /// # Errors
    ///
    /// When an argument is missing or of another type.
    pub fn all<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        self.visit(TakeArguments::new(Taking::Ack))
    }

    /// An event's first argument, whatever the type: a `Vec` or a tuple is an array in that place.
    ///
    /// # Errors
    ///
    /// When it is missing or of another type.
    pub fn first<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        match self.plain_arguments() {
            Some(json) => read_first_plain(json).map_err(DataError::new),
            None => self.visit(TakeFirst::new(Taking::Event)),
        }
    }

    /// An ack's first argument, as [`first`](Self::first).
    ///
    /// # Errors
    ///
    /// When it is missing or of another type.
    pub fn first_of_all<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        self.visit(TakeFirst::new(Taking::Ack))
    }

    /// All of it as a value.
    ///
    /// # Errors
    ///
    /// When a number is out of the range of `f64`.
    pub fn to_value(&self) -> Result<Value, DataError> {
        match &self.0 {
            Form::Json { .. } => self.deserialize(),
            Form::Value(value) => Ok(value.clone()),
        }
    }

    /// How many arguments an event has, its name not counted.
    pub fn argument_count(&self) -> usize {
        let elements = match &self.0 {
            Form::Json { message, start, .. } => json::count(&message[*start..]),
            Form::Value(value) => value.as_array().map_or(0, <[Value]>::len),
        };
        elements.saturating_sub(1)
    }

    /// Whether there are bytes anywhere in it.
    pub fn has_binary(&self) -> bool {
        match &self.0 {
            Form::Json { .. } => false,
            Form::Value(value) => value.has_binary(),
        }
    }

    /// The JSON, if it is still that.
    pub fn as_json(&self) -> Option<&str> {
        match &self.0 {
            Form::Json { message, start, .. } => Some(&message[*start..]),
            Form::Value(_) => None,
        }
    }

    /// The value, if it is no JSON.
    pub fn as_value(&self) -> Option<&Value> {
        match &self.0 {
            Form::Json { .. } => None,
            Form::Value(value) => Some(value),
        }
    }

    /// Bytes that it keeps in memory, about: the whole message where it is JSON.
    pub fn weight(&self) -> usize {
        match &self.0 {
            Form::Json { message, .. } => message.len(),
            Form::Value(value) => value.weight(),
        }
    }

    /// The arguments of a plain event, at least one, and the closing bracket.
    fn plain_arguments(&self) -> Option<&str> {
        match &self.0 {
            Form::Json {
                message,
                start,
                behind_name,
            } if *behind_name > 0 => message[start + behind_name..].strip_prefix(','),
            Form::Json { .. } | Form::Value(_) => None,
        }
    }

    fn visit<V: for<'de> Visitor<'de, Value = T>, T>(&self, visitor: V) -> Result<T, DataError> {
        match &self.0 {
            Form::Json { message, start, .. } => {
                let mut deserializer = serde_json::Deserializer::from_str(&message[*start..]);
                deserializer
                    .deserialize_seq(visitor)
                    .map_err(DataError::new)
            }
            Form::Value(value) => value.deserialize_seq(visitor),
        }
    }
}

/// What is told apart in lists of what came, not what is meant for programs.
impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Json { message, start, .. } => f.write_str(&message[*start..]),
            Form::Value(value) => value.fmt(f),
        }
    }
}

/// Why data is not of the type that was asked for.
#[derive(Debug)]
pub struct DataError(Box<dyn std::error::Error + Send + Sync>);

impl DataError {
    fn new(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DataError {}

impl de::Error for DataError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}
