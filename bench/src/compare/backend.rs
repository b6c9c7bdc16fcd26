//! Backend of the proxies: a process of its own, so that its work is not counted as theirs.

use anyhow::{Context, bail};
use clap::ValueEnum;
use std::env;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};

mod serve;

pub(crate) use serve::serve;

/// Service of a backend for its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Sends as much as it can.
    Source,
    /// Sends back what it receives.
    Echo,
    /// Answers each line, a request of JSON-RPC whose last member is its id.
    Calls,
}

/// A running backend; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Backend {
    // Its standard input tells it that we are still there.
    child: Child,
    address: SocketAddr,
}

impl Backend {
    /// Starts a backend on a port of its own.
    pub(crate) fn start(service: Service) -> anyhow::Result<Self> {
        let program = env::current_exe().context("could not find this program's own path")?;
        let name = service.to_possible_value().context("a service without a name")?;
        let mut child = Command::new(program)
            .args(["backend", name.get_name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start the backend process")?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).context("could not hear the backend")?;
        }
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, line.trim().parse().unwrap_or(0)));
        let backend = Self { child, address };
        if address.port() == 0 {
            bail!("the backend process did not name its port");
        }
        Ok(backend)
    }

    /// Returns the address at which it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
