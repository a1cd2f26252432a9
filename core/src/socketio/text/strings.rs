//! Strings written in one piece.

use std::{cell::Cell, fmt};

use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};

use crate::scan;

/// Says to the formatter that what comes as bytes is a string without anything to escape.
#[derive(Debug, Default)]
pub(super) struct IsPlain(Cell<bool>);

impl IsPlain {
    pub(super) fn take(&self) -> bool {
        self.0.take()
    }
}

/// The serializer of `serde_json` behind one that looks for what has to be escaped in a string many
/// bytes at a time; `serde_json` looks at each byte, which is most of the work on a long text.
///
/// A string with nothing to escape goes to the formatter's `write_byte_array`, announced by
/// [`IsPlain`]: it is the formatter's only way to write as many bytes as it likes.
pub(super) struct Strings<'a, S> {
    inner: S,
    is_plain: &'a IsPlain,
}

/// Bytes of a string for which the look is worth it.
const LONG: usize = 64;

impl<'a, S> Strings<'a, S> {
    pub(super) fn new(inner: S, is_plain: &'a IsPlain) -> Self {
        Self { inner, is_plain }
    }
}

/// A value inside of another.
struct Inner<'a, T: ?Sized> {
    value: &'a T,
    is_plain: &'a IsPlain,
}

impl<T: Serialize + ?Sized> Serialize for Inner<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value
            .serialize(Strings::new(serializer, self.is_plain))
    }
}

/// `serde_json` tells its own types (numbers and JSON of any length) by structs of such names, and
/// has other serializers for what is in them.
const PRIVATE: &str = "$serde_json::private::";

macro_rules! forward {
    ($($method:ident($kind:ty),)*) => {
        $(fn $method(self, value: $kind) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'a, S: Serializer> Serializer for Strings<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Compound<'a, S::SerializeSeq>;
    type SerializeTuple = Compound<'a, S::SerializeTuple>;
    type SerializeTupleStruct = Compound<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Compound<'a, S::SerializeTupleVariant>;
    type SerializeMap = Compound<'a, S::SerializeMap>;
    type SerializeStruct = Compound<'a, S::SerializeStruct>;
    type SerializeStructVariant = Compound<'a, S::SerializeStructVariant>;

    forward! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str),
    }

    fn serialize_str(self, value: &str) -> Result<S::Ok, S::Error> {
        let bytes = value.as_bytes();
        let is_plain =
            bytes.len() >= LONG && scan::find(bytes, scan::is_escaped_in_json) == bytes.len();
        if !is_plain {
            return self.inner.serialize_str(value);
        }
        self.is_plain.0.set(true);
        self.inner.serialize_bytes(bytes)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }

    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let is_plain = self.is_plain;
        self.inner.serialize_some(&Inner { value, is_plain })
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let is_plain = self.is_plain;
        self.inner
            .serialize_newtype_struct(name, &Inner { value, is_plain })
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let is_plain = self.is_plain;
        self.inner
            .serialize_newtype_variant(name, index, variant, &Inner { value, is_plain })
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        let inner = self.inner.serialize_seq(length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        let inner = self.inner.serialize_tuple(length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleStruct, S::Error> {
        let inner = self.inner.serialize_tuple_struct(name, length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        let inner = self
            .inner
            .serialize_tuple_variant(name, index, variant, length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        let inner = self.inner.serialize_map(length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn serialize_struct(
        self,
        name: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStruct, S::Error> {
        let inner = self.inner.serialize_struct(name, length)?;
        Ok(Compound {
            is_private: name.starts_with(PRIVATE),
            ..Compound::new(inner, self.is_plain)
        })
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        let inner = self
            .inner
            .serialize_struct_variant(name, index, variant, length)?;
        Ok(Compound::new(inner, self.is_plain))
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// What has elements or members.
pub(super) struct Compound<'a, C> {
    inner: C,
    is_plain: &'a IsPlain,
    is_private: bool,
}

impl<'a, C> Compound<'a, C> {
    fn new(inner: C, is_plain: &'a IsPlain) -> Self {
        Self {
            inner,
            is_plain,
            is_private: false,
        }
    }
}

macro_rules! elements {
    ($($interface:ident :: $method:ident,)*) => {
        $(impl<C: $interface> $interface for Compound<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
                let is_plain = self.is_plain;
                self.inner.$method(&Inner { value, is_plain })
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

macro_rules! members {
    ($($interface:ident,)*) => {
        $(impl<C: $interface> $interface for Compound<'_, C> {
            type Ok = C::Ok;
            type Error = C::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), C::Error> {
                if self.is_private {
                    return self.inner.serialize_field(name, value);
                }
                let is_plain = self.is_plain;
                self.inner.serialize_field(name, &Inner { value, is_plain })
            }

            fn skip_field(&mut self, name: &'static str) -> Result<(), C::Error> {
                self.inner.skip_field(name)
            }

            fn end(self) -> Result<C::Ok, C::Error> {
                self.inner.end()
            }
        })*
    };
}

members! {
    SerializeStruct,
    SerializeStructVariant,
}

impl<C: SerializeMap> SerializeMap for Compound<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;

    /// As it is: names are short, and are written by a serializer of their own.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let is_plain = self.is_plain;
        self.inner.serialize_value(&Inner { value, is_plain })
    }

    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}
