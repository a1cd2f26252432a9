//! Values to any format, and a value from any type.

use std::fmt;

use bytes::Bytes;
use serde::{
    Serialize, Serializer,
    ser::{self, SerializeMap as _, SerializeSeq as _},
};
use serde_json::Number;

use super::{super::EncodeError, Value, de::NUMBER_TOKEN};
use crate::Text;

impl Value {
    /// The value that stands for `value`; bytes become [`Value::Binary`].
    ///
    /// # Errors
    ///
    /// When a map's key is no text, an integer has more than 64 bits, or the type's own
    /// implementation fails.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        value
            .serialize(ToValue)
            .map_err(|error| EncodeError::Serialize(error.into()))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => {
                // A number's own way is known to `serde_json` alone, with some of its features.
                if let Some(number) = number.as_u64() {
                    serializer.serialize_u64(number)
                } else if let Some(number) = number.as_i64() {
                    serializer.serialize_i64(number)
                } else {
                    serializer.serialize_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Self::String(text) => serializer.serialize_str(text),
            Self::Binary(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(elements) => {
                let mut seq = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    seq.serialize_element(element)?;
                }
                seq.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name.as_str(), value)?;
                }
                map.end()
            }
        }
    }
}

/// Why a type has no value.
#[derive(Debug)]
struct SerializeError(Box<str>);

impl SerializeError {
    fn key() -> Self {
        Self("a member's name must be text".into())
    }
}

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SerializeError {}

impl ser::Error for SerializeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string().into())
    }
}

type Made = Result<Value, SerializeError>;

struct ToValue;

impl Serializer for ToValue {
    type Ok = Value;
    type Error = SerializeError;
    type SerializeSeq = Array;
    type SerializeTuple = Array;
    type SerializeTupleStruct = Array;
    type SerializeTupleVariant = Array;
    type SerializeMap = Object;
    type SerializeStruct = Object;
    type SerializeStructVariant = Object;

    fn serialize_bool(self, value: bool) -> Made {
        Ok(value.into())
    }

    fn serialize_i8(self, number: i8) -> Made {
        Ok(number.into())
    }

    fn serialize_i16(self, number: i16) -> Made {
        Ok(number.into())
    }

    fn serialize_i32(self, number: i32) -> Made {
        Ok(number.into())
    }

    fn serialize_i64(self, number: i64) -> Made {
        Ok(number.into())
    }

    fn serialize_i128(self, number: i128) -> Made {
        if let Ok(number) = u64::try_from(number) {
            return Ok(number.into());
        }
        i64::try_from(number)
            .map(Value::from)
            .map_err(ser::Error::custom)
    }

    fn serialize_u8(self, number: u8) -> Made {
        Ok(number.into())
    }

    fn serialize_u16(self, number: u16) -> Made {
        Ok(number.into())
    }

    fn serialize_u32(self, number: u32) -> Made {
        Ok(number.into())
    }

    fn serialize_u64(self, number: u64) -> Made {
        Ok(number.into())
    }

    fn serialize_u128(self, number: u128) -> Made {
        u64::try_from(number)
            .map(Value::from)
            .map_err(ser::Error::custom)
    }

    fn serialize_f32(self, number: f32) -> Made {
        Ok(Number::from_f64(number.into()).map_or(Value::Null, Value::Number))
    }

    fn serialize_f64(self, number: f64) -> Made {
        Ok(number.into())
    }

    fn serialize_char(self, character: char) -> Made {
        Ok(String::from(character).into())
    }

    fn serialize_str(self, text: &str) -> Made {
        Ok(text.into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Made {
        Ok(Value::Binary(Bytes::copy_from_slice(bytes)))
    }

    fn serialize_none(self) -> Made {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Made {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Made {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Made {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Made {
        Ok(Value::String(Text::from_static(variant)))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Made {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Made {
        Ok(within(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array, SerializeError> {
        Ok(Array::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Array, SerializeError> {
        Ok(Array::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array, SerializeError> {
        Ok(Array::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array, SerializeError> {
        Ok(Array {
            variant: Some(variant),
            ..Array::default()
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Object, SerializeError> {
        Ok(Object::default())
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Object, SerializeError> {
        Ok(Object {
            is_json: name == NUMBER_TOKEN || name == RAW_TOKEN,
            ..Object::default()
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object, SerializeError> {
        Ok(Object {
            variant: Some(variant),
            ..Object::default()
        })
    }
}

#[derive(Default)]
struct Array {
    elements: Vec<Value>,
    variant: Option<&'static str>,
}

impl Array {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.elements.push(value.serialize(ToValue)?);
        Ok(())
    }

    fn made(self) -> Made {
        let array = Value::Array(self.elements);
        Ok(match self.variant {
            Some(variant) => within(variant, array),
            None => array,
        })
    }
}

macro_rules! serialize_array {
    ($($interface:ident :: $method:ident,)*) => {
        $(impl ser::$interface for Array {
            type Ok = Value;
            type Error = SerializeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.push(value)
            }

            fn end(self) -> Made {
                self.made()
            }
        })*
    };
}

serialize_array! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

#[derive(Default)]
struct Object {
    members: Vec<(Text, Value)>,
    name: Option<Text>,
    variant: Option<&'static str>,
    /// Whether it is `serde_json`'s way to say that its only member is JSON.
    is_json: bool,
}

impl Object {
    fn push<T: Serialize + ?Sized>(&mut self, name: Text, value: &T) -> Result<(), SerializeError> {
        self.members.push((name, value.serialize(ToValue)?));
        Ok(())
    }

    fn made(self) -> Made {
        if self.is_json {
            let json = self.members.first().and_then(|(_, json)| json.as_str());
            return serde_json::from_str(json.unwrap_or_default()).map_err(ser::Error::custom);
        }
        let object = Value::Object(self.members);
        Ok(match self.variant {
            Some(variant) => within(variant, object),
            None => object,
        })
    }
}

macro_rules! serialize_object {
    ($($interface:ident,)*) => {
        $(impl ser::$interface for Object {
            type Ok = Value;
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), SerializeError> {
                self.push(Text::from_static(name), value)
            }

            fn end(self) -> Made {
                self.made()
            }
        })*
    };
}

serialize_object! { SerializeStruct, SerializeStructVariant, }

impl ser::SerializeMap for Object {
    type Ok = Value;
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), SerializeError> {
        let name = match name.serialize(ToValue)? {
            Value::String(name) => name,
            Value::Number(number) => number.to_string().into(),
            Value::Bool(value) => Text::from_static(if value { "true" } else { "false" }),
            _ => return Err(SerializeError::key()),
        };
        self.name = Some(name);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        let name = self.name.take().ok_or_else(SerializeError::key)?;
        self.push(name, value)
    }

    fn end(self) -> Made {
        self.made()
    }
}

/// The name under which `serde_json` hands over its `RawValue`.
const RAW_TOKEN: &str = "$serde_json::private::RawValue";

fn within(variant: &'static str, value: Value) -> Value {
    Value::Object(vec![(Text::from_static(variant), value)])
}
