//! State that all routes share: the proxies, and what is known of them here.

use crate::aborts::Last;
use crate::behaviors;
use crate::declared;
use crate::feed::{Event, Feed};
use crate::reloads::{Reload, ReloadRequests, Reloads};
use crate::toxics;
use chenapan_core::Registry;
use chenapan_engine::control::Control;
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::proxy::Proxy;
use std::sync::Arc;

/// Proxies under one control, with the plug-ins and kinds of addresses that requests may name.
///
/// A clone is another handle on the same proxies.
#[derive(Clone, Debug)]
pub struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    control: Control,
    registry: Registry,
    kinds: Kinds,
    toxics: toxics::Store,
    behaviors: behaviors::Store,
    declared: declared::Store,
    reloads: Reloads,
    aborted: Last,
    feed: Arc<Feed>,
}

impl Api {
    /// Returns an API for the proxies of a control.
    pub fn new(control: Control, registry: Registry, kinds: Kinds) -> Self {
        let (toxics, behaviors, declared, reloads, aborted, feed) = Default::default();
        Self(Arc::new(Inner {
            control,
            registry,
            kinds,
            toxics,
            behaviors,
            declared,
            reloads,
            aborted,
            feed,
        }))
    }

    /// Returns the proxies that requests act on.
    pub fn control(&self) -> &Control {
        &self.0.control
    }

    /// Returns the plug-ins that requests may name.
    pub fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// Returns the kinds of addresses that requests may name.
    pub fn kinds(&self) -> &Kinds {
        &self.0.kinds
    }

    /// Returns the events of the proxies.
    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// Returns what Toxiproxy's API knows of proxies.
    pub(crate) fn toxics(&self) -> &toxics::Store {
        &self.0.toxics
    }

    /// Returns the options that Vaurien's API was given for behaviors.
    pub(crate) fn behaviors(&self) -> &behaviors::Store {
        &self.0.behaviors
    }

    /// Returns the proxies that a file has declared.
    pub(crate) fn declared(&self) -> &declared::Store {
        &self.0.declared
    }

    /// Returns how often a file was read again.
    pub(crate) fn reloads(&self) -> &Reloads {
        &self.0.reloads
    }

    /// Returns the last abort.
    pub(crate) fn aborted(&self) -> &Last {
        &self.0.aborted
    }

    /// Returns the requests of clients to read a file again, for one who follows it; without one they
    /// are refused.
    pub fn reload_requests(&self) -> ReloadRequests {
        self.reloads().requests()
    }

    /// Tells clients, the log and the metrics what has become of a reload.
    pub fn tell_reload(&self, reload: &Reload) {
        let Reload { file, digest, outcome } = reload;
        let digest = digest.as_deref().unwrap_or("none");
        match outcome {
            Ok(changes) => {
                let [added, changed, removed] = changes.numbers();
                tracing::info!(file, digest, added, changed, removed, "reloaded");
            }
            Err(why) => {
                let why = in_a_line(why);
                tracing::error!(file, digest, "not reloaded: {why}");
            }
        }
        self.reloads().count(outcome.is_ok());
        self.feed().say(Event::reload(reload));
    }

    /// Ends a proxy: its ports are free and its connections are told when this returns.
    pub(crate) async fn remove(&self, proxy: &Proxy) {
        proxy.disable().await;
        proxy.close_all();
        self.control().remove(proxy);
        self.toxics().forget(proxy.name());
        self.behaviors().forget(proxy.name());
        self.declared().forget(proxy.name());
    }
}

/// Returns an error without the lines of the file that it shows.
fn in_a_line(error: &str) -> String {
    let is_shown = |line: &&str| {
        let line = line.trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ');
        !line.starts_with('|')
    };
    let told = error.lines().filter(is_shown).map(|line| {
        let line = line.trim_start();
        line.strip_prefix("= help: ").unwrap_or(line)
    });
    told.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_with_lines_of_a_file_is_one_line_in_the_log() {
        let error = "x:1:15: unknown key \"bakend\"\n  |\n1 | {bakend: 1}\n  |  ^^^^^^\n  |\n  \
                     = help: did you mean \"backend\"?\nx:2:1: more";
        let told = "x:1:15: unknown key \"bakend\"; did you mean \"backend\"?; x:2:1: more";
        assert_eq!(in_a_line(error), told);
    }
}
