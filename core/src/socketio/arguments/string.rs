//! A string without escapes, read without a look for them.

use serde::{
    Deserializer,
    de::{DeserializeOwned, Visitor},
};
use serde_json::Error;

use crate::scan;

/// Reads the first of elements that are JSON for certain, and its strings without an escape.
///
/// What asks for a string gets it as it stands, found by its closing quote many bytes at a time; all
/// else, and what is short, is for `serde_json`.
pub(in crate::socketio) fn read_first_plain<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    if json.len() < LONG {
        return T::deserialize(&mut serde_json::Deserializer::from_str(json));
    }
    T::deserialize(FirstPlain(json))
}

const LONG: usize = 64;

struct FirstPlain<'de>(&'de str);

impl<'de> FirstPlain<'de> {
    fn string(&self) -> Option<&'de str> {
        let rest = self.0.strip_prefix('"')?;
        let end = scan::find_near(rest.as_bytes(), |byte| byte == b'"');
        rest.get(..end)
    }
}

macro_rules! delegate {
    ($($method:ident($($name:ident: $kind:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(
            self,
            $($name: $kind,)*
            visitor: V,
        ) -> Result<V::Value, Error> {
            let mut json = serde_json::Deserializer::from_str(self.0);
            json.$method($($name,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for FirstPlain<'de> {
    type Error = Error;

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.string() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => serde_json::Deserializer::from_str(self.0).deserialize_str(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    delegate! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_map();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }
}
