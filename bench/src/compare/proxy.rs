//! A peer that runs: started for one measurement, ended when dropped.

use crate::compare::bench::Bench;
use crate::compare::peer::{Peer, Route, toxiproxy};
use crate::compare::{family, port};
use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::File;
use std::io::{Read, Seek};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The way to a backend through a peer.
#[derive(Debug)]
pub(crate) struct Proxy<'a> {
    address: SocketAddr,
    process: Option<Process<'a>>,
}

impl<'a> Proxy<'a> {
    /// Starts the peer in front of a backend and waits until it accepts connections.
    pub(crate) fn start(
        bench: &'a Bench,
        peer: &Peer,
        rules: &[String],
        backend: SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut attempts = 3;
        loop {
            let route = Route { listen: port::free()?, backend };
            let directory = tempfile::tempdir_in(bench.guard.directory())
                .context("could not make a temporary directory")?;
            let Some(mut command) = peer.command(route, rules, directory.path())? else {
                return Ok(Self { address: backend, process: None });
            };
            let errors = tempfile::tempfile_in(directory.path())
                .context("could not make a temporary file")?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors.try_clone()?);
            let child = command.process_group(0).spawn();
            let child = child.with_context(|| format!("could not start {}", peer.name))?;
            bench.guard.hold(child.id());
            let mut process = Process { child, errors, bench, _directory: directory };

            let address = route.listen;
            let alive = || process.ended().is_none();
            if port::connect_within(START, address, alive).is_some() {
                return Ok(Self { address, process: Some(process) });
            }
            attempts -= 1;
            let ended = process.ended();
            // Somebody may have taken the port between our look and its use.
            if attempts == 0 || ended.is_none() {
                let fault = ended.unwrap_or_else(|| {
                    format!("nothing listened on {address} for {} s", START.as_secs())
                });
                bail!("could not start {}: {fault}", peer.name);
            }
        }
    }

    /// Returns the address to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The processor time that the peer has used so far; nothing without a proxy.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        self.process.as_ref().map(|process| family::processor_time(process.child.id()))
    }

    /// The memory of the peer in bytes; nothing without a proxy.
    pub(crate) fn memory(&self) -> Option<u64> {
        self.process.as_ref().map(|process| family::memory(process.child.id()))
    }

    /// The most memory that the peer has had, in bytes; nothing without a proxy.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        self.process.as_ref().map(|process| family::peak_memory(process.child.id()))
    }

    /// Has a peer that is asked as Toxiproxy hold what comes from the backend for a time.
    pub(crate) fn poison(&self, delay: Duration) -> anyhow::Result<()> {
        // Its API may come up after the proxy.
        let api = toxiproxy::api(self.address);
        port::connect_within(START, api, || true);
        toxiproxy::delay(self.address, delay)
    }

    /// Returns the result of a measurement, or the death of the peer, which explains more than the
    /// error that the load met with.
    pub(crate) fn verdict<T>(&mut self, measured: anyhow::Result<T>) -> anyhow::Result<T> {
        if measured.is_err() {
            // Its connections close a moment before it has ended.
            thread::sleep(Duration::from_millis(50));
        }
        match self.process.as_mut().and_then(Process::ended) {
            Some(fault) => bail!("{fault}"),
            None => measured,
        }
    }
}

#[derive(Debug)]
struct Process<'a> {
    child: Child,
    errors: File,
    bench: &'a Bench,
    // nginx writes its process id there a moment after it listens.
    _directory: TempDir,
}

impl Process<'_> {
    /// Returns a description of how it ended by itself, with its last words.
    fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok()??;
        let mut text = String::new();
        let _ = self.errors.rewind().and_then(|()| self.errors.read_to_string(&mut text));
        Some(match text.lines().map(str::trim).rfind(|line| !line.is_empty()) {
            Some(words) => format!("ended by itself ({status}): {words}"),
            None => format!("ended by itself ({status})"),
        })
    }
}

impl Drop for Process<'_> {
    fn drop(&mut self) {
        let leader = self.child.id();
        // One that left the group is found as a descendant, as long as its parents live.
        for member in family::of(leader) {
            if let Some(pid) = pid(member.pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // And one that was born meanwhile is in the group.
        if let Some(group) = pid(leader) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
        // Thousands of forks take a while to go, and would disturb who is measured next.
        let start = Instant::now();
        while family::lives(leader) && start.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(10));
        }
        self.bench.guard.free(leader);
    }
}

/// Longest time until a peer listens.
const START: Duration = Duration::from_secs(10);

fn pid(number: u32) -> Option<Pid> {
    i32::try_from(number).ok().and_then(Pid::from_raw)
}
