//! Options of behaviors, which stay with a behavior until they are given again.

use super::Options;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Options by the names of proxies, and of their behaviors.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<BTreeMap<String, BTreeMap<String, Options>>>);

impl Store {
    /// Changes the options of a proxy's behavior, in one step.
    pub(crate) fn change<T>(
        &self,
        proxy: &str,
        behavior: &str,
        change: impl FnOnce(&mut Options) -> T,
    ) -> T {
        let mut proxies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let behaviors = proxies.entry(proxy.to_owned()).or_default();
        change(behaviors.entry(behavior.to_owned()).or_default())
    }

    /// Forgets a proxy that is gone.
    pub(crate) fn forget(&self, proxy: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(proxy);
    }
}
