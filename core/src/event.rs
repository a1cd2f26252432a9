//! What a Server-Sent Events stream says with one message.

use std::time::Duration;

use crate::Text;

/// One event of an event stream: data, and optionally a name, an id and a time to reconnect after.
///
/// On transports other than Server-Sent Events its data is the message, and the rest is not sent.
/// Name and id count as part of the message where its size is limited.
///
/// # Protocol
///
/// HTML Living Standard, section 9.2 (server-sent events). Line ends and NULs cannot stand in a name
/// or an id; they are left out. Each line of the data becomes a line of the event, and the browser
/// joins them with a line feed, whatever ended them.
///
/// # Example
///
/// ```
/// use sockeye_core::Event;
///
/// let event = Event::new("17.25").name("price").id("42");
/// assert_eq!(event.data(), "17.25");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    data: Text,
    name: Option<Text>,
    id: Option<Text>,
    retry: Option<Duration>,
}

impl Event {
    /// An event with this data.
    pub fn new(data: impl Into<Text>) -> Self {
        Self {
            data: data.into(),
            name: None,
            id: None,
            retry: None,
        }
    }

    /// The type that listeners ask for: `addEventListener("price", ..)`. Default: `message`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the browser sends as `Last-Event-ID` when it reconnects after this event. An empty one
    /// makes it forget.
    #[must_use]
    pub fn id(mut self, id: impl Into<Text>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// How long the browser waits before it reconnects, from now on; in whole milliseconds.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The data as given.
    pub fn data(&self) -> &Text {
        &self.data
    }

    pub(crate) fn fields(&self) -> (Option<&Text>, Option<&Text>, Option<Duration>) {
        (self.name.as_ref(), self.id.as_ref(), self.retry)
    }
}
