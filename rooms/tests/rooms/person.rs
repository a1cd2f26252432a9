// A member with a letter box, for tests and examples; these include this file.

use std::{
    mem,
    sync::{Arc, Mutex},
};

/// Someone whose letter box holds so many messages, and who is closed when it overflows.
#[derive(Clone)]
pub(crate) struct Person(Arc<Home>);

struct Home {
    name: sockeye_core::Text,
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    letters: Vec<sockeye_core::Prepared>,
    farewells: Vec<Box<dyn FnOnce() + Send>>,
    end: Option<(u16, sockeye_core::Text)>,
}

#[allow(dead_code, reason = "each user of this file needs another part")]
impl Person {
    pub(crate) fn new(name: impl Into<sockeye_core::Text>) -> Self {
        Self::with_capacity(name, 100)
    }

    pub(crate) fn with_capacity(name: impl Into<sockeye_core::Text>, capacity: usize) -> Self {
        Self(Arc::new(Home {
            name: name.into(),
            capacity,
            state: Mutex::default(),
        }))
    }

    /// The messages that came since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        let letters = self.take_packets();
        let texts = letters.iter().map(|letter| letter.message().as_text());
        texts.map(|text| text.unwrap().to_owned()).collect()
    }

    pub(crate) fn take_packets(&self) -> Vec<sockeye_core::Prepared> {
        mem::take(&mut self.0.state.lock().unwrap().letters)
    }

    pub(crate) fn end(&self) {
        sockeye_core::Member::close(self, 1000, "Normal closure".into());
    }

    /// The code and reason it was closed with.
    pub(crate) fn closed(&self) -> Option<(u16, String)> {
        let state = self.0.state.lock().unwrap();
        let (code, reason) = state.end.as_ref()?;
        Some((*code, reason.as_str().to_owned()))
    }

    /// How many wait for its end.
    pub(crate) fn farewells(&self) -> usize {
        self.0.state.lock().unwrap().farewells.len()
    }
}

impl AsRef<Person> for Person {
    fn as_ref(&self) -> &Person {
        self
    }
}

impl sockeye_core::Member for Person {
    type Id = sockeye_core::Text;
    type Packet = sockeye_core::Prepared;

    fn id(&self) -> sockeye_core::Text {
        self.0.name.clone()
    }

    fn deliver(
        &self,
        packet: &Self::Packet,
        delivery: sockeye_core::Delivery,
    ) -> sockeye_core::Delivered {
        use sockeye_core::{Delivered, Delivery};
        {
            let mut state = self.0.state.lock().unwrap();
            if state.end.is_some() {
                return Delivered::Closed;
            }
            if packet.message().as_text().is_none() {
                return Delivered::Skipped;
            }
            if state.letters.len() < self.0.capacity {
                state.letters.push(packet.clone());
                return Delivered::Queued;
            }
        }
        if delivery == Delivery::Volatile {
            return Delivered::Skipped;
        }
        self.close(1013, "Too slow".into());
        Delivered::Closed
    }

    fn close(&self, code: u16, reason: sockeye_core::Text) {
        let farewells = {
            let mut state = self.0.state.lock().unwrap();
            if state.end.is_none() {
                state.end = Some((code, reason));
            }
            mem::take(&mut state.farewells)
        };
        for farewell in farewells {
            farewell();
        }
    }

    fn on_end(&self, farewell: Box<dyn FnOnce() + Send>) {
        {
            let mut state = self.0.state.lock().unwrap();
            if state.end.is_none() {
                state.farewells.push(farewell);
                return;
            }
        }
        farewell();
    }
}
