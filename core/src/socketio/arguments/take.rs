//! Arguments that came: one type out of them.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

/// What is taken out of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socketio) enum Taking {
    /// What is behind an event's name.
    Event,
    /// Everything.
    Ack,
}

/// Takes as many arguments as the type stands for.
pub(in crate::socketio) struct TakeArguments<T>(Taking, PhantomData<T>);

impl<T> TakeArguments<T> {
    pub(in crate::socketio) fn new(taking: Taking) -> Self {
        Self(taking, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for TakeArguments<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        skip_name(self.0, &mut seq)?;
        let taken = match Shape::of::<T>() {
            Shape::None => T::deserialize(Missing::new(1))?,
            Shape::One => first(&mut seq)?,
            Shape::Several => T::deserialize(Several {
                seq: &mut seq,
                least: 0,
            })?,
        };
        skip_rest(&mut seq)?;
        Ok(taken)
    }
}

/// Takes the first argument, whatever the type.
pub(in crate::socketio) struct TakeFirst<T>(Taking, PhantomData<T>);

impl<T> TakeFirst<T> {
    pub(in crate::socketio) fn new(taking: Taking) -> Self {
        Self(taking, PhantomData)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for TakeFirst<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        skip_name(self.0, &mut seq)?;
        let taken = first(&mut seq)?;
        skip_rest(&mut seq)?;
        Ok(taken)
    }
}

fn skip_name<'de, A: SeqAccess<'de>>(taking: Taking, seq: &mut A) -> Result<(), A::Error> {
    if taking == Taking::Event && seq.next_element::<IgnoredAny>()?.is_none() {
        return Err(de::Error::custom("event without a name"));
    }
    Ok(())
}

fn skip_rest<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn first<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    match seq.next_element()? {
        Some(argument) => Ok(argument),
        None => T::deserialize(Missing::new(1)),
    }
}

/// How many arguments a type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::socketio) enum Shape {
    None,
    One,
    Several,
}

impl Shape {
    /// Asks the type what it would ask for.
    pub(in crate::socketio) fn of<'de, T: Deserialize<'de>>() -> Self {
        let mut shape = Self::One;
        // Fails always, at the first question.
        let _ = T::deserialize(Probe(&mut shape));
        shape
    }
}

struct Probe<'a>(&'a mut Shape);

#[derive(Debug)]
struct Probed;

impl fmt::Display for Probed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("only asked for its shape")
    }
}

impl std::error::Error for Probed {}

impl de::Error for Probed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Probed;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        Err(Probed)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        *self.0 = Shape::None;
        Err(Probed)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Probed> {
        *self.0 = Shape::Several;
        Err(Probed)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Probed> {
        *self.0 = Shape::Several;
        Err(Probed)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Probed> {
        *self.0 = Shape::Several;
        Err(Probed)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Probed> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct map struct enum identifier ignored_any
    }
}

/// The arguments that are left, for a type that stands for several. It gives at least `least`
/// elements, the last of them [`Missing`].
struct Several<'a, A> {
    seq: &'a mut A,
    least: usize,
}

impl<'de, A: SeqAccess<'de>> Deserializer<'de> for Several<'_, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_seq(Padded {
            seq: self.seq,
            least: self.least,
            taken: 0,
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.least = length;
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq map struct enum identifier ignored_any
    }
}

struct Padded<'a, A> {
    seq: &'a mut A,
    least: usize,
    taken: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Padded<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        let mut seed = Some(seed);
        let next = self.seq.next_element_seed(Once(&mut seed))?;
        self.taken += 1;
        match (next, seed) {
            (Some(element), _) => Ok(Some(element)),
            (None, Some(seed)) if self.taken <= self.least => {
                seed.deserialize(Missing::new(self.taken)).map(Some)
            }
            (None, _) => Ok(None),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.seq.size_hint()
    }
}

/// A seed that is kept when nothing was there to use it on.
struct Once<'a, T>(&'a mut Option<T>);

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Once<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        match self.0.take() {
            Some(seed) => seed.deserialize(deserializer),
            None => Err(de::Error::custom("argument taken twice")),
        }
    }
}

/// An argument that did not come, counted from 1: nothing where that is a possibility.
struct Missing<E> {
    place: usize,
    error: PhantomData<E>,
}

impl<E> Missing<E> {
    fn new(place: usize) -> Self {
        Self {
            place,
            error: PhantomData,
        }
    }
}

impl<'de, E: de::Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, E> {
        let place = self.place;
        Err(E::custom(format_args!("argument {place} is missing")))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf seq
        tuple tuple_struct map struct enum identifier
    }
}
