//! `chenapan serve` as a child.

use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

/// The program, and the address of its API.
pub struct Serving {
    child: Child,
    pub api: SocketAddr,
}

impl Serving {
    /// Starts one with more arguments, and waits until its API listens.
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(&[&["serve", "--seed", "1"], arguments].concat()).0
    }

    /// Starts one proxy with an API beside it, and returns the address of that proxy, too.
    pub fn beside(arguments: &[&str]) -> (Self, SocketAddr) {
        let (serving, before) = Self::spawn(arguments);
        let address = before.strip_prefix("listening on ").expect(&before);
        (serving, address.split(',').next().unwrap().parse().unwrap())
    }

    /// Starts one, and returns what it says before the address of its API.
    fn spawn(arguments: &[&str]) -> (Self, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chenapan"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut before = String::new();
        let api = loop {
            let line = lines.next().expect(&before).unwrap();
            match line.strip_prefix("API at http://") {
                Some(rest) => break rest.split(',').next().unwrap().parse().unwrap(),
                None => before += &format!("{line}\n"),
            }
        };
        // What it says at its end has somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        (Self { child, api }, before)
    }

    /// Runs a line of a shell that asks the API, and returns its output.
    pub fn ask(&self, line: &str) -> String {
        let line = line.replace("127.0.0.1:8474", &self.api.to_string());
        let line = line.replace("localhost:8080", &self.api.to_string());
        let line = line.replace("chenapan ctl", concat!(env!("CARGO_BIN_EXE_chenapan"), " ctl"));
        let mut shell = Command::new("sh");
        shell.args(["-ec", &line]).env("CHENAPAN_API", self.api.to_string());
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the object at a path of the API.
    pub fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.ask(&format!("curl -fsS 127.0.0.1:8474{path}"))).unwrap()
    }

    /// Returns the address at which a proxy listens.
    pub fn address(&self, proxy: &str) -> SocketAddr {
        let shown = self.get(&format!("/v1/proxies/{proxy}"));
        shown["addresses"][0].as_str().unwrap().parse().unwrap()
    }

    /// Returns all events, from the first on.
    pub fn events(&self) -> Events {
        let mut stream = super::connect(self.api);
        let request = format!("GET /v1/events?after=0 HTTP/1.1\r\nHost: {}\r\n\r\n", self.api);
        stream.write_all(request.as_bytes()).unwrap();
        Events(BufReader::new(stream).lines())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for its end, and returns its exit code.
    pub fn wait(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Asks it to stop, and returns its exit code.
    pub fn stop(self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stream of events.
pub struct Events(Lines<BufReader<TcpStream>>);

impl Events {
    /// Waits for the next event of one of these names; its name and its object.
    pub fn next(&mut self, names: &[&str]) -> (String, Value) {
        let mut event = String::new();
        loop {
            let line = self.0.next().expect("the stream goes on").expect("in time");
            if let Some(name) = line.strip_prefix("event: ") {
                event = name.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ")
                && names.contains(&&*event)
            {
                return (event, serde_json::from_str(data).unwrap());
            }
        }
    }
}
