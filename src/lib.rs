//! A chaos proxy that understands what it breaks.
//!
//! This package holds the engine, the command line and everything that touches the outside world;
//! what plug-ins need is in [`chenapan_core`].

pub mod budget;
pub mod cli;
pub mod control;
mod doc;
pub mod endpoint;
pub mod journal;
mod layout;
mod notation;
mod offspring;
mod outlet;
mod places;
pub mod proxy;
mod pump;
mod report;
pub mod rule;
pub mod scenario;
pub mod session;
#[cfg(target_os = "linux")]
mod splice;
pub mod stats;
mod timer;

use chenapan_core::Registry;

/// Everything that chenapan brings along.
pub fn registry() -> Registry {
    let protocols = chenapan_protocols::PROTOCOLS.iter().copied();
    let special = chenapan_protocols::BEHAVIORS;
    let behaviors = chenapan_behaviors::BEHAVIORS.iter().chain(special).copied();
    let registry = protocols.fold(Registry::new(), Registry::protocol);
    behaviors.fold(registry, Registry::behavior)
}
