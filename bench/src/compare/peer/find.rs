//! Search for the peers that this machine has.

use crate::compare::arguments::{self, Arguments};
use crate::compare::peer::{Kind, Peer, Splicing};
use anyhow::Context;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The peers of a run.
#[derive(Debug)]
pub(crate) struct Peers {
    /// Those to measure, in the order of the tables.
    pub(crate) present: Vec<Peer>,
    /// Those that are not installed, with the reason.
    pub(crate) left_out: Vec<(String, String)>,
}

impl Peers {
    /// Keeps only the named ones, all of them when none is named.
    ///
    /// # Errors
    ///
    /// The name that no peer has.
    pub(crate) fn keep(&mut self, names: &[String]) -> Result<(), String> {
        let known = |name: &String| {
            self.present.iter().any(|peer| peer.name == *name)
                || self.left_out.iter().any(|(left_out, _)| left_out == name)
        };
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            let all: Vec<_> = self.present.iter().map(|peer| peer.name.as_str()).collect();
            return Err(format!("no peer {unknown:?}; there are {}", all.join(", ")));
        }
        if !names.is_empty() {
            self.present.retain(|peer| names.contains(&peer.name));
            self.left_out.retain(|(name, _)| names.contains(name));
        }
        Ok(())
    }

    fn add(&mut self, name: &str, version: String, kind: Kind) {
        self.present.push(Peer { name: name.to_owned(), version, kind });
    }

    fn leave_out(&mut self, name: &str, reason: String) {
        self.left_out.push((name.to_owned(), reason));
    }
}

/// Looks for every peer that is known or was named.
pub(crate) fn all(arguments: &Arguments) -> anyhow::Result<Peers> {
    let mut peers = Peers { present: vec![Peer::direct()], left_out: Vec::new() };
    chenapan(&mut peers, arguments)?;
    haproxy(&mut peers);
    nginx(&mut peers);
    socat(&mut peers);
    let toxiproxy = ("toxiproxy", "toxiproxy-server", "-", "-version");
    toxiproxies(&mut peers, toxiproxy, arguments.toxiproxy.as_ref());
    let noxious = ("noxious", "noxious-server", "--", "--version");
    toxiproxies(&mut peers, noxious, arguments.noxious.as_ref());
    for template in &arguments.templates {
        if peers.present.iter().any(|peer| peer.name == template.name) {
            arguments::exit_with_usage(&format!("two peers are named {:?}", template.name));
        }
        peers.add(&template.name, template.text.clone(), Kind::Template(template.clone()));
    }
    Ok(peers)
}

fn chenapan(peers: &mut Peers, arguments: &Arguments) -> anyhow::Result<()> {
    let program = match &arguments.chenapan {
        Some(path) if path.is_file() => path.clone(),
        Some(path) => arguments::exit_with_usage(&format!("no program {}", path.display())),
        None => {
            let own = env::current_exe().context("could not find this program's own path")?;
            own.with_file_name("chenapan")
        }
    };
    if !program.is_file() {
        peers.leave_out("chenapan", format!("no program {}", program.display()));
        return Ok(());
    }
    // A bare name would be looked up in PATH.
    let program = program.canonicalize().context("could not find chenapan")?;
    let version = said(&program, "--version", "chenapan");
    let extra = arguments.chenapan_arg.clone();
    peers.add("chenapan", version, Kind::Chenapan { program, extra });
    Ok(())
}

fn haproxy(peers: &mut Peers) {
    let Some(program) = in_path("haproxy") else {
        return peers.leave_out("haproxy", NOT_INSTALLED.to_owned());
    };
    let version = said(&program, "-v", "version");
    let forced = Kind::Haproxy { program: program.clone(), splicing: Splicing::Forced };
    let kind = Kind::Haproxy { program, splicing: Splicing::Default };
    peers.add("haproxy", version.clone(), kind);
    peers.add("haproxy-splice", format!("{version}, splicing forced"), forced);
}

fn nginx(peers: &mut Peers) {
    let Some(program) = in_path("nginx") else {
        return peers.leave_out("nginx", NOT_INSTALLED.to_owned());
    };
    let version = said(&program, "-v", "version");
    let compiled_in = output(&program, "-V").is_some_and(|text| compiles_stream_in(&text));
    let module = MODULES.iter().map(PathBuf::from).find(|path| path.is_file());
    if compiled_in {
        peers.add("nginx", version, Kind::Nginx { program, module: None });
    } else if module.is_some() {
        peers.add("nginx", version, Kind::Nginx { program, module });
    } else {
        peers.leave_out("nginx", "its stream module is not installed".to_owned());
    }
}

fn socat(peers: &mut Peers) {
    match in_path("socat") {
        Some(program) => {
            peers.add("socat", said(&program, "-V", "version"), Kind::Socat { program });
        }
        None => peers.leave_out("socat", NOT_INSTALLED.to_owned()),
    }
}

/// Toxiproxy, or what is asked as it is: its name, its program, its dashes, how to ask its version.
fn toxiproxies(
    peers: &mut Peers,
    (name, program, dashes, version): (&str, &str, &'static str, &str),
    given: Option<&PathBuf>,
) {
    let found = match given {
        Some(path) if path.is_file() => path.canonicalize().ok(),
        Some(path) => arguments::exit_with_usage(&format!("no program {}", path.display())),
        None => in_path(program),
    };
    match found {
        Some(program) => {
            let version = said(&program, version, "");
            peers.add(name, version, Kind::Toxiproxy { program, dashes });
        }
        None => peers.leave_out(name, format!("{NOT_INSTALLED}: no {program} in PATH")),
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    // Daemons stand where a user's PATH may not lead.
    let more = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut files = env::split_paths(&path).chain(more).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

/// The line with the word in what the program prints for an argument.
fn said(program: &Path, argument: &str, word: &str) -> String {
    let text = output(program, argument).unwrap_or_default();
    let line = text.lines().find(|line| line.contains(word)).unwrap_or("unknown version");
    // haproxy adds its web address.
    line.split(" - ").next().unwrap_or(line).trim().to_owned()
}

fn output(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    // nginx prints its version as an error.
    let both = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&both).into_owned())
}

fn compiles_stream_in(configuration: &str) -> bool {
    configuration.split_ascii_whitespace().any(|flag| flag == "--with-stream")
}

const NOT_INSTALLED: &str = "not installed";

const MODULES: &[&str] = &[
    "/usr/lib/nginx/modules/ngx_stream_module.so",
    "/usr/lib64/nginx/modules/ngx_stream_module.so",
    "/usr/share/nginx/modules/ngx_stream_module.so",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_stream_module_is_not_compiled_in() {
        assert!(compiles_stream_in("configure arguments: --with-threads --with-stream"));
        assert!(!compiles_stream_in("--with-stream=dynamic --with-stream_ssl_module"));
    }

    #[test]
    fn keeping_an_unknown_peer_names_the_known_ones() {
        let left_out = vec![("socat".to_owned(), NOT_INSTALLED.to_owned())];
        let mut peers = Peers { present: vec![Peer::direct()], left_out };
        let fault = peers.keep(&["socat".to_owned(), "cat".to_owned()]).unwrap_err();
        assert_eq!(fault, "no peer \"cat\"; there are direct");
        peers.keep(&["socat".to_owned()]).unwrap();
        assert!(peers.present.is_empty());
        assert_eq!(peers.left_out.len(), 1);
    }
}
