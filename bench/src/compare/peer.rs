//! The proxies that are compared: how each is started. Nothing is started here.

use crate::compare::peer::template::Template;
use anyhow::Context;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) mod config;
pub(crate) mod find;
pub(crate) mod template;
pub(crate) mod toxiproxy;

/// Something to send load through.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// Its name in the tables.
    pub(crate) name: String,
    /// Version that it reports, or its command.
    pub(crate) version: String,
    /// Kind, which tells how it is started.
    pub(crate) kind: Kind,
}

/// The kinds of peers.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// No proxy: the load goes straight to the backend.
    Direct,
    /// chenapan, with arguments for every run of it.
    Chenapan {
        /// The program.
        program: PathBuf,
        /// Arguments after those that every run has.
        extra: Vec<String>,
    },
    /// haproxy.
    Haproxy {
        /// The program.
        program: PathBuf,
        /// Use of splicing, which moves bytes inside the kernel.
        splicing: Splicing,
    },
    /// nginx with its stream module.
    Nginx {
        /// The program.
        program: PathBuf,
        /// The module, unless it is compiled in.
        module: Option<PathBuf>,
    },
    /// socat, one process for each connection.
    Socat {
        /// The program.
        program: PathBuf,
    },
    /// Toxiproxy, or noxious, which is started and asked in much the same way.
    Toxiproxy {
        /// The program.
        program: PathBuf,
        /// Prefix of the flags of its API: `-` or `--`.
        dashes: &'static str,
    },
    /// A command from the command line.
    Template(Template),
}

/// Setting of haproxy for splicing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Splicing {
    /// Nothing: it copies.
    Default,
    /// Always, in both directions.
    Forced,
}

/// Addresses at which a proxy listens and to which it connects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// Address at which it listens.
    pub(crate) listen: SocketAddr,
    /// Address to which it connects.
    pub(crate) backend: SocketAddr,
}

impl Peer {
    /// No proxy at all, the base of all ratios.
    pub(crate) fn direct() -> Self {
        let version = "no proxy".to_owned();
        Self { name: DIRECT.to_owned(), version, kind: Kind::Direct }
    }

    /// The command that starts it; `None` for no proxy. Configurations go to the directory.
    pub(crate) fn command(
        &self,
        route: Route,
        rules: &[String],
        directory: &Path,
    ) -> anyhow::Result<Option<Command>> {
        Ok(Some(match &self.kind {
            Kind::Direct => return Ok(None),
            Kind::Chenapan { program, extra } => chenapan(program, extra, route, rules),
            Kind::Haproxy { program, splicing } => {
                let path = write(directory, "haproxy.cfg", &config::haproxy(route, *splicing))?;
                command(program, [OsStr::new("-db"), OsStr::new("-f"), path.as_os_str()])
            }
            Kind::Nginx { program, module } => {
                let text = config::nginx(route, module.as_deref(), directory);
                let path = write(directory, "nginx.conf", &text)?;
                let mut command = command(program, ["-e", "stderr", "-p"]);
                command.arg(directory).arg("-c").arg(path);
                command
            }
            Kind::Socat { program } => {
                let Route { listen, backend } = route;
                let address = format!("bind={},reuseaddr,fork,backlog=1024,nodelay", listen.ip());
                let from = format!("TCP-LISTEN:{},{address}", listen.port());
                command(program, [from, format!("TCP:{backend},nodelay")])
            }
            Kind::Toxiproxy { program, dashes } => {
                let path = write(directory, "toxiproxy.json", &toxiproxy::config(route))?;
                let api = toxiproxy::api(route.listen);
                let mut command = command(program, [format!("{dashes}host"), api.ip().to_string()]);
                command.args([format!("{dashes}port"), api.port().to_string()]);
                command.arg(format!("{dashes}config")).arg(path);
                command
            }
            Kind::Template(template) => command("sh".as_ref(), ["-c", &template.command(route)]),
        }))
    }
}

fn chenapan(program: &Path, extra: &[String], route: Route, rules: &[String]) -> Command {
    let mut command = command(program, ["--log-level", "warn"]);
    command.args(["--listen", &route.listen.to_string()]);
    command.args(["--backend", &route.backend.to_string()]);
    command.args(extra);
    command.args(rules.iter().flat_map(|rule| ["--behavior", rule]));
    command
}

fn command(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn write(directory: &Path, name: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = directory.join(name);
    fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// The name of no proxy.
pub(crate) const DIRECT: &str = "direct";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chenapan_is_given_its_rules_last() {
        let kind =
            Kind::Chenapan { program: "./chenapan".into(), extra: vec!["--precise".to_owned()] };
        let peer = Peer { name: "chenapan".to_owned(), version: String::new(), kind };
        let route = Route {
            listen: "127.0.0.1:1111".parse().unwrap(),
            backend: "127.0.0.1:2222".parse().unwrap(),
        };
        let rules = ["delay:sleep=5ms".to_owned()];
        let command = peer.command(route, &rules, Path::new("/tmp")).unwrap().unwrap();
        let line: Vec<_> = command.get_args().map(|part| part.to_str().unwrap()).collect();
        assert_eq!(
            line.join(" "),
            "--log-level warn --listen 127.0.0.1:1111 --backend 127.0.0.1:2222 --precise \
             --behavior delay:sleep=5ms"
        );
    }
}
