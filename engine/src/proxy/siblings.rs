//! The proxies of one control, which must not lead to each other in a circle.

use super::Proxy;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The proxies of one control, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Siblings {
    known: Mutex<Vec<Proxy>>,
    /// Proxies that others have replaced, until their last connection has ended.
    leaving: Mutex<Vec<Proxy>>,
}

impl Siblings {
    /// Returns a handle on each proxy.
    pub(crate) fn list(&self) -> Vec<Proxy> {
        self.known().clone()
    }

    /// Returns a handle on each proxy that was replaced and still has connections.
    pub(crate) fn leaving(&self) -> Vec<Proxy> {
        self.gone().clone()
    }

    /// Puts a proxy in the place of another, which leaves when its last connection has ended.
    pub(crate) fn replace(self: &Arc<Self>, proxy: &Proxy, other: Proxy) {
        {
            let mut known = self.known();
            match known.iter_mut().find(|known| known.is(proxy)) {
                Some(place) => *place = other,
                None => known.push(other),
            }
        }
        self.gone().push(proxy.clone());
        // No handle on it: the proxy ends when this control does.
        let (siblings, left) = (Arc::downgrade(self), Arc::clone(&proxy.shared));
        proxy.shared.runtime.spawn(async move {
            left.table.until(|| left.table.is_empty()).await;
            if let Some(siblings) = siblings.upgrade() {
                siblings.gone().retain(|proxy| !Arc::ptr_eq(&proxy.shared, &left));
            }
        });
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
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> MutexGuard<'_, Vec<Proxy>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
