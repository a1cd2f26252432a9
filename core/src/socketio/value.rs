//! Any payload: JSON, and bytes at any place in it.

mod de;
mod pieces;
mod ser;

use bytes::Bytes;
use serde_json::Number;

use crate::Text;

/// Any payload of a packet: JSON, and bytes at any place in it.
///
/// Of what a peer sent it is never nested deeper than
/// [`NESTING_DEPTH`](crate::limits::NESTING_DEPTH). It serializes and deserializes as what it holds,
/// and any type can be had from it, as it is a `Deserializer` by value and by reference.
///
/// # Example
///
/// ```
/// use sockeye_core::socketio::Value;
///
/// let value = Value::from_serialize(&("a", [1, 2]))?;
/// assert_eq!(value.as_array().unwrap()[0].as_str(), Some("a"));
/// let (name, numbers): (String, Vec<u8>) = value.into_type()?;
/// assert_eq!((name.as_str(), numbers), ("a", vec![1, 2]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer of 64 bits, or a finite `f64`.
    Number(Number),
    /// Text.
    String(Text),
    /// Bytes.
    Binary(Bytes),
    /// An array.
    Array(Vec<Value>),
    /// An object, its members in their order.
    Object(Vec<(Text, Value)>),
}

impl Value {
    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The number, if this is an integer from 0 to 2^64-1.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// The number, if this is an integer from -2^63 to 2^63-1.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.as_i64(),
            _ => None,
        }
    }

    /// The number, if this is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if this is binary.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if this is an object.
    pub fn as_object(&self) -> Option<&[(Text, Value)]> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The member of this name, if this is an object that has it; of several the last, as in
    /// JavaScript. The cost is linear in their number.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let members = self.as_object()?;
        let found = members.iter().rev().find(|(member, _)| member == name);
        found.map(|(_, value)| value)
    }

    /// Bytes that it takes in memory, about.
    pub fn weight(&self) -> usize {
        let inner = match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => 0,
            Self::String(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
            Self::Array(elements) => elements.iter().map(Self::weight).sum(),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| size_of::<Text>() + name.len() + value.weight())
                .sum(),
        };
        size_of::<Self>() + inner
    }

    /// Whether there are bytes anywhere in it.
    pub fn has_binary(&self) -> bool {
        match self {
            Self::Binary(_) => true,
            Self::Array(elements) => elements.iter().any(Self::has_binary),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_binary()),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::String(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<super::Binary> for Value {
    fn from(binary: super::Binary) -> Self {
        Self::Binary(binary.0)
    }
}

impl From<Vec<Value>> for Value {
    fn from(elements: Vec<Value>) -> Self {
        Self::Array(elements)
    }
}

impl From<Vec<(Text, Value)>> for Value {
    fn from(members: Vec<(Text, Value)>) -> Self {
        Self::Object(members)
    }
}

/// `null` for what JSON has no number for: infinities and NaN.
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Number::from_f64(number).map_or(Self::Null, Self::Number)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_integers {
    ($($integer:ty),*) => {
        $(impl From<$integer> for Value {
            fn from(number: $integer) -> Self {
                Self::Number(number.into())
            }
        })*
    };
}

from_integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);
