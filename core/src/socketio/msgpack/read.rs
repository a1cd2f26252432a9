//! Values out of msgpack, as notepack.io 2 writes it, and others.

use bytes::{Buf, Bytes};
use rmp::Marker;
use serde_json::Number;

use super::{
    super::{ParseError, Value},
    date,
};
use crate::{Text, limits};

/// Reads a message from its start. Nothing is reserved for lengths that are only announced.
pub(super) struct Reader {
    rest: Bytes,
    /// Arrays and objects within each other at which it gives up.
    deepest: usize,
}

impl Reader {
    /// For a message of a client.
    pub(super) fn new(message: Bytes) -> Self {
        Self {
            rest: message,
            deepest: limits::NESTING_DEPTH,
        }
    }

    /// For a message of another server.
    pub(super) fn of_server(message: Bytes) -> Self {
        Self {
            rest: message,
            deepest: limits::WRAPPED_NESTING_DEPTH,
        }
    }

    /// How many members the map has that comes next.
    pub(super) fn map_length(&mut self) -> Result<usize, ParseError> {
        let length = match self.marker()? {
            Marker::FixMap(length) => length.into(),
            Marker::Map16 => self.length::<2>()?,
            Marker::Map32 => self.length::<4>()?,
            _ => return Err(ParseError::Malformed),
        };
        self.check_room(length, 2)
    }

    /// The text that comes next.
    pub(super) fn text(&mut self) -> Result<Text, ParseError> {
        match self.value()? {
            Value::String(text) => Ok(text),
            _ => Err(ParseError::Malformed),
        }
    }

    /// Takes what comes next if it is `undefined`: an extension of type 0 with one byte.
    pub(super) fn take_undefined(&mut self) -> bool {
        let is_undefined = matches!(*self.rest, [0xd4, 0, _, ..]);
        if is_undefined {
            self.rest.advance(3);
        }
        is_undefined
    }

    /// Whatever comes next.
    pub(super) fn value(&mut self) -> Result<Value, ParseError> {
        self.value_at(0)
    }

    /// Nothing may come next.
    pub(super) fn end(self) -> Result<(), ParseError> {
        match self.rest.len() {
            0 => Ok(()),
            _ => Err(ParseError::Malformed),
        }
    }

    /// A value that is inside of as many others as `depth` says.
    fn value_at(&mut self, depth: usize) -> Result<Value, ParseError> {
        Ok(match self.marker()? {
            Marker::Null => Value::Null,
            Marker::False => false.into(),
            Marker::True => true.into(),
            Marker::FixPos(number) => number.into(),
            Marker::FixNeg(number) => number.into(),
            Marker::U8 => u8::from_be_bytes(self.array()?).into(),
            Marker::U16 => u16::from_be_bytes(self.array()?).into(),
            Marker::U32 => u32::from_be_bytes(self.array()?).into(),
            Marker::U64 => u64::from_be_bytes(self.array()?).into(),
            Marker::I8 => i8::from_be_bytes(self.array()?).into(),
            Marker::I16 => i16::from_be_bytes(self.array()?).into(),
            Marker::I32 => i32::from_be_bytes(self.array()?).into(),
            Marker::I64 => i64::from_be_bytes(self.array()?).into(),
            Marker::F32 => f64::from(f32::from_be_bytes(self.array()?)).into(),
            Marker::F64 => f64::from_be_bytes(self.array()?).into(),
            Marker::FixStr(length) => self.string(length.into())?,
            Marker::Str8 => self.sized::<1, _>(Self::string)?,
            Marker::Str16 => self.sized::<2, _>(Self::string)?,
            Marker::Str32 => self.sized::<4, _>(Self::string)?,
            Marker::Bin8 => self.sized::<1, _>(Self::binary)?,
            Marker::Bin16 => self.sized::<2, _>(Self::binary)?,
            Marker::Bin32 => self.sized::<4, _>(Self::binary)?,
            Marker::FixArray(length) => self.elements(length.into(), depth)?,
            Marker::Array16 => {
                self.sized::<2, _>(|reader, length| reader.elements(length, depth))?
            }
            Marker::Array32 => {
                self.sized::<4, _>(|reader, length| reader.elements(length, depth))?
            }
            Marker::FixMap(length) => self.members(length.into(), depth)?,
            Marker::Map16 => self.sized::<2, _>(|reader, length| reader.members(length, depth))?,
            Marker::Map32 => self.sized::<4, _>(|reader, length| reader.members(length, depth))?,
            Marker::FixExt1 => match self.extension(1)? {
                (0, _) => Value::Null,
                (_, bytes) => bytes.into(),
            },
            Marker::FixExt8 => match self.extension(8)? {
                (0, bytes) => date_of(&bytes),
                (TIMESTAMP, bytes) => timestamp_of(&bytes),
                (_, bytes) => bytes.into(),
            },
            Marker::FixExt2 => self.extension(2)?.1.into(),
            Marker::FixExt4 => match self.extension(4)? {
                (TIMESTAMP, bytes) => timestamp_of(&bytes),
                (_, bytes) => bytes.into(),
            },
            Marker::FixExt16 => self.extension(16)?.1.into(),
            Marker::Ext8 => match self.sized::<1, _>(Self::extension)? {
                (TIMESTAMP, bytes) if bytes.len() == 12 => timestamp_of(&bytes),
                (_, bytes) => bytes.into(),
            },
            Marker::Ext16 => self.sized::<2, _>(Self::extension)?.1.into(),
            Marker::Ext32 => self.sized::<4, _>(Self::extension)?.1.into(),
            Marker::Reserved => return Err(ParseError::Malformed),
        })
    }

    fn marker(&mut self) -> Result<Marker, ParseError> {
        let [marker] = self.array()?;
        Ok(Marker::from_u8(marker))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ParseError> {
        let array = *self.rest.first_chunk().ok_or(ParseError::Malformed)?;
        self.rest.advance(N);
        Ok(array)
    }

    /// A length of as many bytes as there are.
    fn length<const N: usize>(&mut self) -> Result<usize, ParseError> {
        let bytes = self.array::<N>()?;
        let length = bytes
            .iter()
            .fold(0_u64, |length, &byte| length << 8 | u64::from(byte));
        usize::try_from(length).map_err(|_| ParseError::Malformed)
    }

    /// What has its length before it.
    fn sized<const N: usize, T>(
        &mut self,
        read: impl FnOnce(&mut Self, usize) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        let length = self.length::<N>()?;
        read(self, length)
    }

    fn bytes(&mut self, length: usize) -> Result<Bytes, ParseError> {
        self.check_room(length, 1)?;
        Ok(self.rest.split_to(length))
    }

    fn string(&mut self, length: usize) -> Result<Value, ParseError> {
        match Text::try_from(self.bytes(length)?) {
            Ok(text) => Ok(text.into()),
            Err(_) => Err(ParseError::Malformed),
        }
    }

    fn binary(&mut self, length: usize) -> Result<Value, ParseError> {
        self.bytes(length).map(Value::from)
    }

    /// An extension's type and bytes.
    fn extension(&mut self, length: usize) -> Result<(u8, Bytes), ParseError> {
        let [kind] = self.array()?;
        Ok((kind, self.bytes(length)?))
    }

    fn elements(&mut self, count: usize, depth: usize) -> Result<Value, ParseError> {
        let depth = self.deeper(depth)?;
        let mut elements = Vec::new();
        for _ in 0..self.check_room(count, 1)? {
            elements.push(self.value_at(depth)?);
        }
        Ok(Value::Array(elements))
    }

    fn members(&mut self, count: usize, depth: usize) -> Result<Value, ParseError> {
        let depth = self.deeper(depth)?;
        let mut members = Vec::new();
        for _ in 0..self.check_room(count, 2)? {
            let name = match self.value_at(depth)? {
                Value::String(name) => name,
                // What JavaScript makes of it.
                Value::Number(number) => name_of(&number),
                _ => return Err(ParseError::Malformed),
            };
            let is_undefined = self.take_undefined();
            if !is_undefined {
                members.push((name, self.value_at(depth)?));
            }
        }
        Ok(Value::Object(members))
    }

    fn deeper(&self, depth: usize) -> Result<usize, ParseError> {
        let (depth, limit) = (depth + 1, self.deepest);
        if depth >= limit {
            return Err(ParseError::TooDeep { limit });
        }
        Ok(depth)
    }

    /// Refuses a length at once that cannot be, as each of `count` takes `least` bytes or more.
    fn check_room(&self, count: usize, least: usize) -> Result<usize, ParseError> {
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.rest.len() => Ok(count),
            _ => Err(ParseError::Malformed),
        }
    }
}

/// An extension type of msgpack itself.
const TIMESTAMP: u8 = 0xff;

/// Seconds in 32 bits, or nanoseconds in 30 and seconds in 34, or nanoseconds in 32 and seconds in 64.
fn timestamp_of(bytes: &[u8]) -> Value {
    let (seconds, nanoseconds) = match *bytes {
        [a, b, c, d] => (u32::from_be_bytes([a, b, c, d]).into(), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            ((both & ((1 << 34) - 1)) as i64, both >> 34)
        }
        [a, b, c, d, ref seconds @ ..] => match seconds.first_chunk() {
            Some(seconds) => (
                i64::from_be_bytes(*seconds),
                u32::from_be_bytes([a, b, c, d]).into(),
            ),
            None => return Value::Null,
        },
        _ => return Value::Null,
    };
    let whole = seconds.checked_mul(1_000);
    let milliseconds = whole.and_then(|it| it.checked_add_unsigned(nanoseconds / 1_000_000));
    milliseconds.and_then(date::text_of).into()
}

/// A member's name that is a number, as JavaScript writes it.
fn name_of(number: &Number) -> Text {
    let whole = whole(number).map(|whole| whole.to_string());
    whole.unwrap_or_else(|| number.to_string()).into()
}

/// The integer that a number is, which JavaScript does not tell from a float without a fraction.
pub(super) fn whole(number: &Number) -> Option<i128> {
    /// All integers up to it are floats, too.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if let Some(number) = number.as_u64() {
        return Some(number.into());
    }
    if let Some(number) = number.as_i64() {
        return Some(number.into());
    }
    let float = number.as_f64()?;
    // In these bounds the conversion takes nothing away.
    (float.trunc() == float && float.abs() <= EXACT).then_some(float as i128)
}

/// A date is milliseconds in 64 bits.
fn date_of(bytes: &[u8]) -> Value {
    match bytes.first_chunk() {
        Some(bytes) => date::text_of(i64::from_be_bytes(*bytes)).into(),
        None => Value::Null,
    }
}
