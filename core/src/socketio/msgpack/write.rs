//! Packets as msgpack, which notepack.io 2 reads.

use rmp::encode::{self, ValueWriteError};

use super::super::{EncodeError, Packet, Value};

/// One map: what the packet has not is not in it.
pub(super) fn packet(packet: &Packet) -> Result<Vec<u8>, EncodeError> {
    let data = packet.data.as_ref().map(|data| match data.as_value() {
        Some(value) => Ok(std::borrow::Cow::Borrowed(value)),
        None => data.to_value().map(std::borrow::Cow::Owned),
    });
    let data = data
        .transpose()
        .map_err(|error| EncodeError::Serialize(error.into()))?;
    let fields = 2 + u32::from(packet.id.is_some()) + u32::from(data.is_some());
    let mut out = Vec::with_capacity(64);
    encode::write_map_len(&mut out, fields)?;
    text("type", &mut out)?;
    encode::write_uint(&mut out, packet.kind.number().into())?;
    text("nsp", &mut out)?;
    text(&packet.namespace, &mut out)?;
    if let Some(id) = packet.id {
        text("id", &mut out)?;
        encode::write_uint(&mut out, id)?;
    }
    if let Some(data) = data {
        text("data", &mut out)?;
        value(&data, &mut out)?;
    }
    Ok(out)
}

/// Any value.
pub(super) fn value(of: &Value, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match of {
        Value::Null => encode::write_nil(out).map_err(ValueWriteError::InvalidMarkerWrite)?,
        Value::Bool(of) => {
            encode::write_bool(out, *of).map_err(ValueWriteError::InvalidMarkerWrite)?;
        }
        Value::Number(number) => {
            if let Some(number) = number.as_u64() {
                encode::write_uint(out, number)?;
            } else if let Some(number) = number.as_i64() {
                encode::write_sint(out, number)?;
            } else {
                encode::write_f64(out, number.as_f64().unwrap_or(f64::NAN))?;
            }
        }
        Value::String(of) => text(of, out)?,
        Value::Binary(bytes) => {
            encode::write_bin_len(out, length(bytes.len())?)?;
            out.extend_from_slice(bytes);
        }
        Value::Array(elements) => {
            encode::write_array_len(out, length(elements.len())?)?;
            for element in elements {
                value(element, out)?;
            }
        }
        Value::Object(members) => {
            encode::write_map_len(out, length(members.len())?)?;
            for (name, member) in members {
                text(name, out)?;
                value(member, out)?;
            }
        }
    }
    Ok(())
}

fn text(of: &str, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    encode::write_str_len(out, length(of.len())?)?;
    out.extend_from_slice(of.as_bytes());
    Ok(())
}

/// Lengths have at most 32 bits.
fn length(of: usize) -> Result<u32, EncodeError> {
    u32::try_from(of).map_err(|error| EncodeError::Serialize(error.into()))
}

impl From<ValueWriteError> for EncodeError {
    fn from(error: ValueWriteError) -> Self {
        Self::Serialize(error.into())
    }
}
