//! Every command that README.md and docs/ show works as printed.
//!
//! A fence `sh` is run line by line. `sh,no-run` is for what changes the machine or takes long, and each of those has
//! its reason here. Ports are replaced, so that tests do not meet; programs of others are stubs.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Backend, Proxy};

/// Fences that are not run: the page, how the fence begins, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "cargo run --release", "builds the program anew"),
    ("docs/performance.md", "apt-get install", "installs other proxies and measures for minutes"),
];

/// Programs of others that commands name; each copies its input to its output.
const STUBS: &[&str] = &["npx", "my-server", "pylsp"];

struct Fence {
    info: String,
    text: String,
}

fn fences(page: &str) -> Vec<Fence> {
    let mut fences = Vec::new();
    let mut open: Option<Fence> = None;
    for line in page.lines() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(info), None) => {
                open = Some(Fence { info: info.to_owned(), text: String::new() });
            }
            (Some(_), Some(_)) => fences.extend(open.take()),
            (None, Some(fence)) => fence.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    fences
}

/// A folder with everything that commands of the pages expect to be there.
fn folder(backend: SocketAddr, scenario: Option<&Fence>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_chenapan"), at("bin/chenapan")).unwrap();
    let script = |path: &Path, text: &str| {
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    STUBS.iter().for_each(|name| script(&at("bin").join(name), "exec cat"));
    script(&at("my-tests"), "exec curl -fsS http://$2/");
    let identity = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = identity.signing_key.serialize_pem() + &identity.cert.pem();
    fs::write(at("server.pem"), pem).unwrap();
    let message = r#"{"jsonrpc":"2.0","id":1,"result":1}"#;
    fs::write(at("capture"), format!("Content-Length: {}\r\n\r\n{message}", message.len()))
        .unwrap();
    fs::write(at("replies"), format!("{message}\n")).unwrap();
    if let Some(scenario) = scenario {
        let text = scenario.text.replace("127.0.0.1:8080", &backend.to_string());
        fs::write(at("chaos.yaml"), text).unwrap();
    }
    folder
}

/// A server that answers a request of HTTP, whatever came before it.
fn server() -> Backend {
    Backend::start(|mut stream| {
        let (mut got, mut piece) = (Vec::new(), [0; 4096]);
        let asked = |got: &[u8]| {
            got.windows(4).any(|four| four == b"GET ")
                && got.windows(4).any(|four| four == b"\r\n\r\n")
        };
        while !asked(&got) {
            match stream.read(&mut piece) {
                Ok(count @ 1..) => got.extend_from_slice(&piece[..count]),
                _ => return,
            }
        }
        let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
    })
}

/// A command with ports from the system in place of those that it shows.
fn on_free_ports(line: &str, backend: SocketAddr) -> String {
    let mut words: Vec<_> = line.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let local = words[at].starts_with("127.0.0.1:");
        match words[at - 1].as_str() {
            "--listen" | "--proxy" if words[at].starts_with("tls:") => {
                words[at] = words[at].replace("tls:8443", "tls:0");
            }
            "--listen" | "--proxy" if words[at] != "stdio:" => words[at] = "127.0.0.1:0".to_owned(),
            "--backend" if local => words[at] = backend.to_string(),
            _ => {}
        }
    }
    words.join(" ")
}

/// Runs the lines of a fence in a folder.
fn work(page: &str, fence: &Fence, folder: &Path, backend: SocketAddr) {
    let mut before = String::new();
    for line in fence.text.replace("\\\n", " ").lines() {
        let name = line.split(['(', '=']).next().unwrap_or_default();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        let defines = is_name && line[name.len()..].starts_with(['(', '=']);
        // Shells would look for files of such names.
        let bare: String = line.split('\'').step_by(2).collect();
        assert!(bare.starts_with('#') || !bare.contains(['*', '?']), "{page}: quote {line}");
        // A part of a command: what the page says goes with it.
        let about =
            if page == "docs/json-rpc.md" { "--protocol json-rpc:framing=http" } else { "" };
        let line = match line.starts_with("--") {
            true => format!("chenapan --listen 8000 --backend 127.0.0.1:80 {about} {line}"),
            false => line.to_owned(),
        };
        let line = on_free_ports(&line, backend);
        if defines {
            before += &format!("{line}\n");
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let serves = ["chenapan --", "chenapan echo"].iter().any(|start| line.starts_with(start))
            && !line.contains("--listen stdio:");
        let start = if serves { "exec " } else { "" };
        // It says where it listens on standard error.
        let line = if line.starts_with("chenapan echo") { line + " 2>&1" } else { line };
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-ec", &format!("{before}{start}{line}")])
            .current_dir(folder)
            .env("PATH", format!("{}:{path}", folder.join("bin").display()))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        if serves {
            let ended = Proxy::spawn(command).stop();
            assert_eq!(ended.code, Some(0), "{page}: {line}\n{}", ended.err);
        } else {
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // Reads of plain TCP fall as they may, so the same run again may differ, which it says.
            let differs = line.contains("scenario replay") && output.status.code() == Some(1);
            assert!(output.status.success() || differs, "{page}: {line}\n{said}");
        }
    }
}

#[test]
fn every_command_works_as_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    let pages: Vec<_> =
        docs.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]).collect();
    let backend = server().address;
    let mut ran = 0;
    std::thread::scope(|scope| {
        for page in &pages {
            let fences = fences(&fs::read_to_string(root.join(page)).unwrap());
            let is_shell = |fence: &&Fence| fence.info == "sh" || fence.info.starts_with("sh,");
            ran += fences.iter().filter(is_shell).count();
            scope.spawn(move || {
                let scenario = fences
                    .iter()
                    .find(|fence| fence.info == "yaml" && fence.text.starts_with("proxies:"));
                let folder = folder(backend, scenario);
                for fence in fences.iter().filter(is_shell) {
                    let reason = NOT_RUN
                        .iter()
                        .find(|(known, start, _)| known == page && fence.text.starts_with(start));
                    assert_eq!(
                        fence.info == "sh,no-run",
                        reason.is_some(),
                        "{page}: {}",
                        fence.text
                    );
                    if reason.is_none() {
                        work(page, fence, folder.path(), backend);
                    }
                }
            });
        }
    });
    assert!(ran > 60, "{ran} fences");
}

#[test]
fn every_transcript_of_addresses_is_what_the_program_says() {
    let page = include_str!("../docs/endpoints.md");
    let transcript = fences(page).into_iter().find(|fence| fence.info == "console").unwrap();
    let commands = transcript.text.lines().filter_map(|line| line.strip_prefix("$ chenapan "));
    for command in commands {
        let output = support::run(&command.split(' ').collect::<Vec<_>>());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(transcript.text.contains(&said), "{command}: {said}");
    }
}
