//! Context of a reading: plug-ins, variables, and what the parts of the file are called.
//!
//! It reads nothing itself.

use super::node::Node;
use super::place::{Place, Wrong};
use chenapan_core::{Registry, nearest};
use chenapan_engine::config::ConfiguredProtocol;
use chenapan_engine::endpoint::Kinds;
use std::collections::BTreeMap;

/// Everything that reading needs.
pub(super) struct Context<'a> {
    pub(super) registry: &'a Registry,
    pub(super) kinds: &'a Kinds,
    pub(super) values: BTreeMap<String, String>,
    pub(super) proxies: Vec<String>,
    /// Protocol of each proxy, and whether it listens on TCP; `None` where that is wrong.
    pub(super) speaks: Vec<Option<(ConfiguredProtocol, bool)>>,
    pub(super) services: Vec<String>,
}

/// Returns the number of the proxy that is meant.
pub(super) fn index(node: &Node, proxies: &[String]) -> Result<usize, Wrong> {
    let name = node.text()?;
    let found = proxies.iter().position(|known| known == name);
    found.ok_or_else(|| no_proxy(&node.place, name, proxies))
}

/// Says that no proxy has this name.
pub(super) fn no_proxy(place: &Place, name: &str, proxies: &[String]) -> Wrong {
    let wrong = place.wrong(format!("no proxy is called {name:?}"));
    match nearest(name, proxies.iter().map(String::as_str)) {
        Some(near) => wrong.help(format!("did you mean {near:?}?")),
        None => wrong.help(format!("there are {}", proxies.join(", "))),
    }
}
