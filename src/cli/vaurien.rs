//! Vaurien's way to start a proxy: its flags and its ini.

use super::Failure;
use chenapan_core::{Form, Registry, Value};
use chenapan_engine::config::Limits;
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::proxy::Config;
use chenapan_scenario::{ProxyFile, Said};
use chenapan_server::Vaurien;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use std::path::PathBuf;
use std::time::Duration;

/// Vaurien's flags that have another name here, or nothing to do.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Vaurien's ini; see `help from-vaurien`
    #[arg(long, value_name = "FILE", help_heading = "Addresses")]
    pub(super) config: Option<PathBuf>,
    /// Vaurien's flag for --connect-timeout and --idle
    #[arg(long, hide = true, value_parser = time)]
    timeout: Option<Duration>,
    /// Vaurien's flag for a proxy that does not end idle connections
    #[arg(long, hide = true)]
    stay_connected: bool,
    /// Vaurien's flag for its connections to the backend, of which each client has one of its own here
    #[arg(long, hide = true)]
    pool_max_size: Option<u64>,
    /// Vaurien's flag for the time to wait for one of these
    #[arg(long, hide = true, value_parser = time)]
    pool_timeout: Option<Duration>,
    /// Vaurien's flag for a buffer that it does not use
    #[arg(long, hide = true)]
    bufsize: Option<u64>,
    /// Vaurien's flag for a queue of the system
    #[arg(long, hide = true)]
    backlog: Option<u64>,
    /// Vaurien's flag for sockets that block
    #[arg(long, hide = true)]
    sync: bool,
}

impl Flags {
    /// Reads the ini.
    pub(super) fn file(
        &self,
        registry: &Registry,
        kinds: &Kinds,
    ) -> Result<Option<Vaurien>, Failure> {
        let Some(path) = &self.config else { return Ok(None) };
        let text = ProxyFile::load(path).map_err(Failure::usage)?;
        if !ProxyFile::is_vauriens(&text) {
            let path = path.display();
            return Err(Failure::usage(format!(
                "--config {path}: expected Vaurien's ini, with [vaurien]; write chenapan serve \
                 --config {path} for other files of proxies, or chenapan scenario run {path}"
            )));
        }
        let file = ProxyFile::read(path, text, registry, kinds).map_err(Failure::usage)?;
        read(&file, registry, kinds).map(Some)
    }

    /// Sets the limits that these flags are about, where no flag of ours is given.
    pub(super) fn limit(&self, limits: &mut Limits, matches: &ArgMatches) {
        let Some(time) = self.timeout else { return };
        if !is_given(matches, "connect_timeout") {
            limits.connect_timeout = time;
        }
        if !is_given(matches, "idle") && !self.stay_connected {
            limits.idle = Some(time);
        }
    }
}

/// Reads the sections of a file that is Vaurien's; any other has none.
pub(super) fn read(
    file: &ProxyFile,
    registry: &Registry,
    kinds: &Kinds,
) -> Result<Vaurien, Failure> {
    let sections = match file.said() {
        Said::Vaurien(sections) => sections,
        _ => &serde_json::Value::Null,
    };
    Vaurien::read(sections, registry, kinds)
        .map_err(|wrong| Failure::usage(file.blame(&wrong.path, &wrong.spot, &wrong.message)))
}

/// Puts what the ini says in the place of what no flag has said.
pub(super) fn complete(config: &mut Config, file: &Config, matches: &ArgMatches) {
    let is_open = |name: &str| !is_given(matches, name);
    if is_open("listen") {
        config.listen.clone_from(&file.listen);
    }
    if is_open("protocol") {
        config.protocol = file.protocol.clone();
    }
    if is_open("behavior") {
        config.rules = file.rules.clone();
    }
    if is_open("connect_timeout") {
        config.limits.connect_timeout = file.limits.connect_timeout;
    }
    if is_open("idle") {
        config.limits.idle = file.limits.idle;
    }
    if is_open("buffer") {
        config.limits.buffer = file.limits.buffer;
    }
}

/// Returns `true` for an argument that was given, also by a variable.
fn is_given(matches: &ArgMatches, name: &str) -> bool {
    let source = matches.value_source(name);
    matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable))
}

fn time(text: &str) -> Result<Duration, String> {
    match Form::Time.parse(text)? {
        Value::Time(time) => Ok(time),
        _ => Ok(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests;
