//! Events between servers: to the application on other nodes, not to clients.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;
use sockeye_core::socketio::Data;

use crate::{EmitError, answers::Answers};

/// Another node's event, and its answer if one is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) data: Data,
    answers: Option<Answers>,
    is_taken: Arc<AtomicBool>,
}

impl Question {
    pub(crate) fn new(data: Data, answers: Option<Answers>) -> Self {
        Self {
            data,
            answers,
            is_taken: Arc::default(),
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.answers.is_some() && !self.is_taken.load(Ordering::Relaxed)
    }

    pub(crate) fn answer<T: Serialize + ?Sized>(&self, arguments: &T) -> Result<(), EmitError> {
        let Some(answers) = &self.answers else {
            return Ok(());
        };
        let data = Data::from_arguments(arguments)?;
        if !self.is_taken.swap(true, Ordering::Relaxed) {
            answers.answer(data);
        }
        Ok(())
    }
}
