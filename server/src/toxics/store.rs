//! Facts that Toxiproxy's API tells of a proxy, and a proxy itself does not know.

use super::Toxic;
use chenapan_core::Direction;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Facts by the names of proxies.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<BTreeMap<String, Front>>);

/// Facts about one proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Front {
    /// Address to listen at as it was given; it is shown until the proxy has listened.
    pub(crate) listen: Option<String>,
    /// Address to connect to as it was given.
    pub(crate) upstream: Option<String>,
    /// Toxics in the order in which they were made.
    pub(crate) toxics: Vec<Toxic>,
}

impl Front {
    /// Returns the toxics as they are listed: those of the upstream first.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Toxic> {
        let of = |stream| self.toxics.iter().filter(move |toxic| toxic.stream == stream);
        of(Direction::Upstream).chain(of(Direction::Downstream))
    }

    pub(crate) fn toxic(&self, name: &str) -> Option<&Toxic> {
        self.toxics.iter().find(|toxic| toxic.name == name)
    }
}

impl Store {
    /// Returns what is known of a proxy.
    pub(crate) fn get(&self, proxy: &str) -> Front {
        self.fronts().get(proxy).cloned().unwrap_or_default()
    }

    pub(crate) fn set(&self, proxy: &str, front: Front) {
        self.fronts().insert(proxy.to_owned(), front);
    }

    /// Changes what is known of a proxy, in one step.
    pub(crate) fn change<T>(&self, proxy: &str, change: impl FnOnce(&mut Front) -> T) -> T {
        change(self.fronts().entry(proxy.to_owned()).or_default())
    }

    /// Forgets a proxy that is gone.
    pub(crate) fn forget(&self, proxy: &str) {
        self.fronts().remove(proxy);
    }

    fn fronts(&self) -> MutexGuard<'_, BTreeMap<String, Front>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
