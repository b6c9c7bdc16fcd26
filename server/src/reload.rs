//! A file read again: its proxies become what it declares now, and all others stay as they are.
//!
//! A change over the API stays where the file has not changed the same thing.

mod apply;
mod plan;
mod undo;

use crate::api::Api;
use crate::declared::Declared;
use crate::feed::Event;
use crate::misplaced::Misplaced;
use crate::reloads::Changes;
pub(crate) use apply::Stopped;
use apply::Work;
use chenapan_engine::config::{Config, Spot};
use plan::{Change, Plan};
use std::slice;

impl Api {
    /// Makes the proxies of a file what it declares: those that are new are started, those that are
    /// gone are removed, and those that it declares otherwise than before are changed. Connections are
    /// closed only where a proxy is removed or listens elsewhere.
    ///
    /// Only one call at a time makes sense.
    ///
    /// # Errors
    ///
    /// The first change that cannot be made, such as an address that is taken. All changes before it
    /// are undone.
    pub async fn declare(&self, declared: Declared) -> Result<Changes, Misplaced> {
        let before = self.declared().get();
        let plan = Plan::between(&before, &declared);
        let done = Work::new(self, &before, &declared).carry_out(&plan).await;
        done.map_err(|stopped| misplaced(&stopped, &declared))?;
        let added = plan.names(|change| change == Change::Add);
        let removed = plan.names(|change| change == Change::Remove);
        let mut changed = plan.names(|_| true);
        changed.retain(|name| !added.contains(name) && !removed.contains(name));
        let ruled = plan.names(|change| change.key() == Some("rules"));
        self.declared().set(declared);
        for (what, names) in [("created", &added), ("changed", &changed)] {
            for proxy in names.iter().filter_map(|name| self.control().get(name)) {
                self.feed().say(Event::proxy(what, &proxy));
            }
        }
        for proxy in ruled.iter().filter_map(|name| self.control().get(name)) {
            self.feed().say(Event::rules(&proxy));
        }
        Ok(Changes { added, changed, removed })
    }

    /// Makes a proxy what another configuration says; its connections go on.
    ///
    /// # Errors
    ///
    /// The first change that cannot be made; those before it are undone.
    pub(crate) async fn change(&self, before: &Config, after: &Config) -> Result<(), Stopped> {
        let [old, new] = [before, after].map(|config| Declared::proxies(slice::from_ref(config)));
        let plan = Plan::between(&old, &new).without_cuts();
        Work::new(self, &old, &new).carry_out(&plan).await?;
        let Some(proxy) = self.control().get(&after.name) else { return Ok(()) };
        if !plan.steps().is_empty() {
            self.feed().say(Event::proxy("changed", &proxy));
        }
        if !plan.names(|change| change.key() == Some("rules")).is_empty() {
            self.feed().say(Event::rules(&proxy));
        }
        Ok(())
    }
}

fn misplaced(stopped: &Stopped, declared: &Declared) -> Misplaced {
    let proxy = &*stopped.step.proxy;
    let path = declared.get(proxy).map(|known| known.path.clone()).unwrap_or_default();
    let message = format!("proxy {proxy}: {}", stopped.message());
    Misplaced { path, spot: Spot::Key, message, mistake: stopped.why.mistake }
}
