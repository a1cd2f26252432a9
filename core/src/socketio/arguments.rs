//! Several arguments out of one type, and into one.

use serde::{Serialize, Serializer};

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
        todo!()
    }
}
