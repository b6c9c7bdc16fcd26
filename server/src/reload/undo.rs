//! Steps back: what a plan has done so far is undone where a later step of it cannot be done.

use crate::api::Api;
use crate::toxics::{Front, Toxic};
use chenapan_engine::endpoint::{Connect, Listen, plain};
use chenapan_engine::proxy::{Config, Proxy};
use chenapan_engine::rule::Rules;
use std::io;
use std::sync::Arc;

/// A step that was done, with what was there before it.
pub(super) enum Undo {
    /// It was closed.
    Close(Proxy),
    /// It was opened.
    Open(Proxy),
    /// It was made.
    Add(Proxy),
    /// It has listened elsewhere.
    Listen { proxy: Proxy, addresses: Vec<Listen>, listen: Option<String> },
    /// It has connected elsewhere.
    Backend { proxy: Proxy, backend: Connect, upstream: Option<String> },
    /// It had other rules.
    Rules { proxy: Proxy, rules: Arc<Rules>, toxics: Vec<Toxic> },
    /// It has taken the place of one with this configuration.
    Remake { proxy: Proxy, config: Box<Config>, front: Front },
}

impl Undo {
    /// Undoes the step.
    ///
    /// # Errors
    ///
    /// Things that are not as they were, and why.
    pub(super) async fn carry_out(self, api: &Api) -> Result<(), String> {
        let left = |name: &str, error: &io::Error| {
            format!("proxy {name} is not as it was: {}", plain(error))
        };
        match self {
            Self::Close(proxy) => {
                proxy.enable().await.map_err(|error| left(proxy.name(), &error))?;
            }
            Self::Open(proxy) => proxy.disable().await,
            Self::Add(proxy) => api.remove(&proxy).await,
            Self::Listen { proxy, addresses, listen } => {
                let moved = proxy.listen(&addresses).await;
                moved.map_err(|error| left(proxy.name(), &error))?;
                api.toxics().change(proxy.name(), |front| front.listen = listen);
            }
            Self::Backend { proxy, backend, upstream } => {
                proxy.set_backend(&backend).map_err(|error| left(proxy.name(), &error))?;
                api.toxics().change(proxy.name(), |front| front.upstream = upstream);
            }
            Self::Rules { proxy, rules, toxics } => {
                // They were in force before, and fit.
                proxy.set_rules_unchecked(Rules::clone(&rules));
                toxics.iter().for_each(Toxic::renew);
                api.toxics().change(proxy.name(), |front| front.toxics = toxics);
            }
            Self::Remake { proxy, config, front } => {
                let before = api.control().replace(&proxy, *config).await;
                before.map_err(|error| left(proxy.name(), &error))?;
                api.toxics().set(proxy.name(), front);
            }
        }
        Ok(())
    }
}
