//! Values to any format, and a value from any type.

use serde::{Serialize, Serializer};

use super::{super::EncodeError, Value};

impl Value {
    /// The value that stands for `value`; bytes become [`Value::Binary`].
    ///
    /// # Errors
    ///
    /// When a map's key is no text, or the type's own implementation fails.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        todo!()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        todo!()
    }
}
