//! A proxy in the place of another, for what cannot change while it runs.

use super::{Control, fits, locked};
use crate::config::Config;
use crate::endpoint::Listen;
use crate::proxy::Proxy;
use crate::runtime;
use std::io;

impl Control {
    /// Puts a proxy with another configuration in the place of one, under its name: for what cannot
    /// change while a proxy runs, such as its protocol and its limits.
    ///
    /// An address that both have keeps its port, also one that the system has chosen; nobody listens
    /// there for a moment. Connections that are open go on as they are, and the control stops them with
    /// the others. The new proxy counts from 0.
    ///
    /// # Errors
    ///
    /// As [`Control::add`], or the proxy is not one of this control's. Then the one that was there
    /// accepts connections as before.
    pub async fn replace(&self, proxy: &Proxy, config: Config) -> io::Result<Proxy> {
        runtime::within(&self.0.runtime, self.replace_here(proxy, config)).await
    }

    async fn replace_here(&self, proxy: &Proxy, config: Config) -> io::Result<Proxy> {
        let config = Config { name: proxy.name().to_owned(), ..config };
        fits(&config)?;
        let (enabled, at) = (proxy.is_enabled(), places(proxy, &config));
        proxy.disable().await;
        let replaced = self.replaced(proxy, config, at);
        if replaced.is_err() && enabled {
            proxy.enable().await?;
        }
        replaced
    }

    fn replaced(&self, proxy: &Proxy, config: Config, at: Vec<Listen>) -> io::Result<Proxy> {
        let control = &*self.0;
        let _adding = locked(&control.adding);
        if !control.siblings.list().iter().any(|known| known.is(proxy)) {
            let gone = format!("there is no proxy {:?} any more; add it", proxy.name());
            return Err(io::Error::new(io::ErrorKind::NotFound, gone));
        }
        let made = self.start(config, at, 0)?;
        control.siblings.replace(proxy, made.clone());
        Ok(made)
    }
}

/// Returns the addresses of a configuration, with the ports that the system has chosen for a proxy.
fn places(proxy: &Proxy, config: &Config) -> Vec<Listen> {
    let mut known: Vec<_> = proxy.config().listen.into_iter().zip(proxy.bound()).collect();
    let place = |address: &Listen| match known.iter().position(|(known, _)| known == address) {
        Some(at) => known.remove(at).1,
        None => address.clone(),
    };
    config.listen.iter().map(place).collect()
}
