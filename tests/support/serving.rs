//! `chenapan serve` as a child.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// The program, and the address of its API.
pub struct Serving {
    child: Child,
    pub api: SocketAddr,
}

impl Serving {
    /// Starts one with more arguments, and waits until its API listens.
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chenapan"))
            .args(["serve", "--seed", "1"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.strip_prefix("API at http://").expect(&first);
        let api = address.strip_suffix(", seed 1\n").expect(&first).parse().unwrap();
        Self { child, api }
    }

    /// Runs a line of a shell that asks the API, and returns its output.
    pub fn ask(&self, line: &str) -> String {
        let line = line.replace("127.0.0.1:8474", &self.api.to_string());
        let line = line.replace("chenapan ctl", concat!(env!("CARGO_BIN_EXE_chenapan"), " ctl"));
        let mut shell = Command::new("sh");
        shell.args(["-ec", &line]).env("CHENAPAN_API", self.api.to_string());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Asks it to stop, and returns its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
