//! What arrays, objects and enums give out piece by piece.

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IntoDeserializer, Unexpected, Visitor},
    forward_to_deserialize_any,
};

use super::{super::DataError, Value, de::unexpected};
use crate::Text;

/// What both kinds of a value are for the machinery below.
pub(super) trait Source<'de>: Deserializer<'de, Error = DataError> {
    fn shape(&self) -> Unexpected<'_>;
}

impl Source<'_> for Value {
    fn shape(&self) -> Unexpected<'_> {
        unexpected(self)
    }
}

impl<'de> Source<'de> for &'de Value {
    fn shape(&self) -> Unexpected<'_> {
        unexpected(self)
    }
}

/// The elements of an array.
pub(super) struct Elements<I> {
    rest: I,
    taken: usize,
}

impl<I: ExactSizeIterator> Elements<I> {
    pub(super) fn new(rest: I) -> Self {
        Self { rest, taken: 0 }
    }

    /// As in `serde_json`, what takes too few elements does not fit.
    pub(super) fn end(self) -> Result<(), DataError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(de::Error::invalid_length(
                self.taken + left,
                &"fewer elements in the array",
            )),
        }
    }
}

impl<'de, I> de::SeqAccess<'de> for Elements<I>
where
    I: ExactSizeIterator,
    I::Item: Source<'de>,
{
    type Error = DataError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DataError> {
        let Some(element) = self.rest.next() else {
            return Ok(None);
        };
        self.taken += 1;
        seed.deserialize(element).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The members of an object, and the value whose name was taken.
pub(super) struct Members<I, V> {
    rest: I,
    value: Option<V>,
}

impl<I: ExactSizeIterator, V> Members<I, V> {
    pub(super) fn new(rest: I) -> Self {
        Self { rest, value: None }
    }

    pub(super) fn end(self) -> Result<(), DataError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(de::Error::invalid_length(
                left,
                &"fewer members in the object",
            )),
        }
    }
}

/// A member by value or by reference.
pub(super) trait Member<'de> {
    type Value: Source<'de>;

    fn split(self) -> (Text, Self::Value);
}

impl Member<'_> for (Text, Value) {
    type Value = Value;

    fn split(self) -> (Text, Value) {
        self
    }
}

impl<'de> Member<'de> for &'de (Text, Value) {
    type Value = &'de Value;

    fn split(self) -> (Text, &'de Value) {
        (self.0.clone(), &self.1)
    }
}

impl<'de, I> de::MapAccess<'de> for Members<I, <I::Item as Member<'de>>::Value>
where
    I: ExactSizeIterator,
    I::Item: Member<'de>,
{
    type Error = DataError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DataError> {
        let Some(member) = self.rest.next() else {
            return Ok(None);
        };
        let (name, value) = member.split();
        self.value = Some(value);
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DataError> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(de::Error::custom("value taken before its name")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// An object member's name, which is a number or a truth value to those that ask for one.
struct Name(Text);

macro_rules! deserialize_parsed_name {
    ($($method:ident => $visit:ident,)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
            match self.0.parse() {
                Ok(parsed) => visitor.$visit(parsed),
                Err(_) => visitor.visit_str(&self.0),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Name {
    type Error = DataError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        visitor.visit_str(&self.0)
    }

    deserialize_parsed_name! {
        deserialize_bool => visit_bool,
        deserialize_i8 => visit_i8,
        deserialize_i16 => visit_i16,
        deserialize_i32 => visit_i32,
        deserialize_i64 => visit_i64,
        deserialize_i128 => visit_i128,
        deserialize_u8 => visit_u8,
        deserialize_u16 => visit_u16,
        deserialize_u32 => visit_u32,
        deserialize_u64 => visit_u64,
        deserialize_u128 => visit_u128,
        deserialize_f32 => visit_f32,
        deserialize_f64 => visit_f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DataError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, DataError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DataError> {
        visitor.visit_enum((&*self.0).into_deserializer())
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

/// An enum's variant that has something with it.
pub(super) struct Variant<V> {
    pub(super) name: Text,
    pub(super) value: V,
}

impl<'de, V: Source<'de>> de::EnumAccess<'de> for Variant<V> {
    type Error = DataError;
    type Variant = Content<V>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Content<V>), DataError> {
        let variant = seed.deserialize(Name(self.name))?;
        Ok((variant, Content(self.value)))
    }
}

pub(super) struct Content<V>(V);

impl<'de, V: Source<'de>> de::VariantAccess<'de> for Content<V> {
    type Error = DataError;

    fn unit_variant(self) -> Result<(), DataError> {
        <()>::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DataError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<W: Visitor<'de>>(self, _: usize, visitor: W) -> Result<W::Value, DataError> {
        match self.0.shape() {
            Unexpected::Seq => self.0.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(other, &"a tuple variant")),
        }
    }

    fn struct_variant<W: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: W,
    ) -> Result<W::Value, DataError> {
        match self.0.shape() {
            Unexpected::Seq | Unexpected::Map => self.0.deserialize_any(visitor),
            other => Err(de::Error::invalid_type(other, &"a struct variant")),
        }
    }
}
