//! State that all routes share: the proxies, and what is known of them here.

use crate::behaviors;
use crate::feed::Feed;
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
    feed: Arc<Feed>,
}

impl Api {
    /// Returns an API for the proxies of a control.
    pub fn new(control: Control, registry: Registry, kinds: Kinds) -> Self {
        let (toxics, behaviors, feed) = Default::default();
        Self(Arc::new(Inner { control, registry, kinds, toxics, behaviors, feed }))
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

    /// Ends a proxy: its ports are free and its connections are told when this returns.
    pub(crate) async fn remove(&self, proxy: &Proxy) {
        proxy.disable().await;
        proxy.close_all();
        self.control().remove(proxy);
        self.toxics().forget(proxy.name());
        self.behaviors().forget(proxy.name());
    }
}
