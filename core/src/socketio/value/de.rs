//! Values from any format, and any type from a value.

use serde::{Deserialize, de::DeserializeOwned};

use super::{super::DataError, Value};

impl Value {
    /// Any type from this value.
    ///
    /// # Errors
    ///
    /// When the value is not of that type.
    pub fn deserialize<T: DeserializeOwned>(self) -> Result<T, DataError> {
        todo!()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        todo!()
    }
}
