//! Arguments to be sent: what one type stands for.

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible, SerializeSeq},
};

/// The array of an event, or of an ack: a name, arguments and an offset.
///
/// A tuple, an array, a `Vec` or any other sequence is several arguments, `()` is none, and
/// anything else is one. A `Vec` that is to be one argument goes into a tuple: `(vec,)`.
#[derive(Debug)]
pub struct EventBody<'a, T: ?Sized> {
    /// The event's name; none in an ack.
    pub name: Option<&'a str>,
    /// The arguments.
    pub args: &'a T,
    /// What goes behind the arguments, for clients that recover.
    pub offset: Option<&'a str>,
}

impl<T: Serialize + ?Sized> Serialize for EventBody<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        if let Some(name) = self.name {
            seq.serialize_element(name)?;
        }
        let mut is_one = false;
        let spread = Spread {
            seq: &mut seq,
            is_one: &mut is_one,
        };
        match self.args.serialize(spread) {
            Ok(()) => {}
            Err(_) if is_one => seq.serialize_element(self.args)?,
            Err(SpreadError::One) => return Err(ser::Error::custom("arguments that change")),
            Err(SpreadError::Inner(error)) => return Err(error),
        }
        if let Some(offset) = self.offset {
            seq.serialize_element(offset)?;
        }
        seq.end()
    }
}

/// Puts the elements of a sequence into another. What is no sequence is given back at its first
/// word, before anything was written.
struct Spread<'a, Q> {
    seq: &'a mut Q,
    is_one: &'a mut bool,
}

/// A type of its own, since one of the inner serializer may cost an allocation.
#[derive(Debug)]
enum SpreadError<E> {
    One,
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for SpreadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("one argument"),
            Self::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: ser::Error> std::error::Error for SpreadError<E> {}

impl<E: ser::Error> ser::Error for SpreadError<E> {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Inner(E::custom(message))
    }
}

impl<Q> Spread<'_, Q> {
    fn one<T, E>(self) -> Result<T, SpreadError<E>> {
        *self.is_one = true;
        Err(SpreadError::One)
    }
}

macro_rules! one_argument {
    ($($method:ident($($kind:ty),*);)*) => {
        $(fn $method(self, $(_: $kind),*) -> Result<(), Self::Error> {
            self.one()
        })*
    };
}

impl<'a, Q: SerializeSeq> Serializer for Spread<'a, Q> {
    type Ok = ();
    type Error = SpreadError<Q::Error>;
    type SerializeSeq = SpreadSeq<'a, Q>;
    type SerializeTuple = SpreadSeq<'a, Q>;
    type SerializeTupleStruct = SpreadSeq<'a, Q>;
    type SerializeTupleVariant = Impossible<(), Self::Error>;
    type SerializeMap = Impossible<(), Self::Error>;
    type SerializeStruct = Impossible<(), Self::Error>;
    type SerializeStructVariant = Impossible<(), Self::Error>;

    one_argument! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Self::Error> {
        self.one()
    }

    fn serialize_unit(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Self::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Self::Error> {
        self.one()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<SpreadSeq<'a, Q>, Self::Error> {
        Ok(SpreadSeq(self.seq))
    }

    fn serialize_tuple(self, _: usize) -> Result<SpreadSeq<'a, Q>, Self::Error> {
        Ok(SpreadSeq(self.seq))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<SpreadSeq<'a, Q>, Self::Error> {
        Ok(SpreadSeq(self.seq))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Self::Error> {
        self.one()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Self::Error> {
        self.one()
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStruct, Self::Error> {
        self.one()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Self::Error> {
        self.one()
    }
}

struct SpreadSeq<'a, Q>(&'a mut Q);

macro_rules! spread {
    ($($interface:ident :: $method:ident,)*) => {
        $(impl<Q: SerializeSeq> ser::$interface for SpreadSeq<'_, Q> {
            type Ok = ();
            type Error = SpreadError<Q::Error>;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Self::Error> {
                self.0.serialize_element(value).map_err(SpreadError::Inner)
            }

            fn end(self) -> Result<(), Self::Error> {
                Ok(())
            }
        })*
    };
}

spread! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
}
