//! The proxies of one control, which must not lead to each other in a circle.

use super::Proxy;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The proxies of one control, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Siblings(Mutex<Vec<Proxy>>);

impl Siblings {
    /// Returns a handle on each proxy.
    pub(crate) fn list(&self) -> Vec<Proxy> {
        self.known().clone()
    }

    /// Returns a handle on the proxy of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Proxy> {
        self.known().iter().find(|proxy| proxy.name() == name).cloned()
    }

    pub(crate) fn add(&self, proxy: Proxy) {
        self.known().push(proxy);
    }

    /// Gives up the handle on a proxy, and returns it.
    pub(crate) fn remove(&self, proxy: &Proxy) -> Option<Proxy> {
        let mut known = self.known();
        let at = known.iter().position(|known| known.is(proxy));
        at.map(|at| known.remove(at))
    }

    /// Returns the proxies but for one.
    pub(super) fn others(&self, proxy: &Proxy) -> Vec<Proxy> {
        self.known().iter().filter(|known| !known.is(proxy)).cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, Vec<Proxy>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
