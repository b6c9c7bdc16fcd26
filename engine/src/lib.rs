//! The engine of chenapan: addresses, rules, one connection without IO, the pump that moves its
//! bytes, and the control on all proxies of a process.
//!
//! It knows no command line, no YAML and no report. The package `chenapan` is the way in for
//! those who embed a proxy in a test.

pub mod address;
pub mod blocking;
pub mod budget;
mod builder;
pub mod child_processes;
pub mod config;
pub mod control;
mod ending;
pub mod endpoint;
mod error;
mod handle;
mod happened;
pub mod journal;
pub mod memory;
pub mod notation;
pub mod outlet;
mod places;
pub mod proxy;
mod pump;
pub mod rule;
mod runtime;
pub mod session;
#[cfg(target_os = "linux")]
mod splice;
pub mod stats;
#[cfg(feature = "testing")]
pub mod testing;
mod timer;
mod wait;

pub use builder::{Builder, in_memory, proxy};
pub use chenapan_behaviors as behaviors;
pub use chenapan_core;
pub use chenapan_protocols as protocols;
pub use error::{Error, Result};
pub use handle::{OneConnection, Running};
pub use wait::Wait;

use chenapan_core::Registry;

/// Returns the registry of all plug-ins that chenapan brings along.
pub fn registry() -> Registry {
    let protocols = chenapan_protocols::PROTOCOLS.iter().copied();
    let special = chenapan_protocols::BEHAVIORS;
    let behaviors = chenapan_behaviors::BEHAVIORS.iter().chain(special).copied();
    let registry = protocols.fold(Registry::new(), Registry::protocol);
    behaviors.fold(registry, Registry::behavior)
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
