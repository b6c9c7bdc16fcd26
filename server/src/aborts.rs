//! The last abort, for those who ask later.

use serde_json::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The last abort, if there was one, as it is shown.
#[derive(Debug, Default)]
pub(crate) struct Last(Mutex<Option<Value>>);

impl Last {
    pub(crate) fn shown(&self) -> Option<Value> {
        self.last().clone()
    }

    pub(crate) fn set(&self, told: Value) {
        *self.last() = Some(told);
    }

    fn last(&self) -> MutexGuard<'_, Option<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
