//! Support for the tests from outside: the program as a child, backends, clients.

// Each test binary uses a part of this.
#![allow(dead_code, unused_imports, unused_macros, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest time that anything may take before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The commands of the program.
pub const COMMANDS: [&str; 14] = [
    "demo", "serve", "ctl", "scenario", "run", "send", "apply", "encode", "decode", "echo",
    "endpoint", "list", "help", "doc",
];

/// Waits until something that tells nobody of itself has happened: asks for it again and again.
pub fn until(what: &str, done: impl FnMut() -> bool) {
    until_or(|| what.to_owned(), done);
}

/// As [`until`], with words that are asked for when it has not happened.
pub fn until_or(what: impl Fn() -> String, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "{}", what());
        thread::sleep(Duration::from_millis(5));
    }
}

/// The built program with these arguments, not started yet.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chenapan"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    program(arguments).output().expect("the program starts")
}

/// Runs the program to its end with bytes on its standard input.
pub fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = program(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let input = input.to_vec();
    // The program may end before it has read everything.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    output
}

/// A running proxy: the program itself, on a port from the system.
pub struct Proxy {
    child: Option<Child>,
    /// Address at which it listens.
    pub address: SocketAddr,
    out: JoinHandle<String>,
    err: JoinHandle<String>,
    events: Receiver<String>,
}

/// Output and exit code of a proxy that has ended.
pub struct Ended {
    pub out: String,
    pub err: String,
    pub code: Option<i32>,
}

impl Proxy {
    /// Starts one in front of `backend`, with more arguments.
    pub fn start(backend: impl ToString, arguments: &[&str]) -> Self {
        let backend = backend.to_string();
        let mut all = vec!["--listen", "127.0.0.1:0", "--backend", &backend];
        all.extend(arguments);
        Self::spawn(program(&all))
    }

    /// Starts a command that is the program, in the end, and waits until it listens.
    pub fn spawn(mut command: Command) -> Self {
        // What a connection came to is an event to wait for, unless the test is about the log.
        let asked = |arg: &std::ffi::OsStr| arg == "--log-level" || arg == "-v" || arg == "-vv";
        if !command.get_args().any(asked) {
            command.args(["--log-level", "info"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (says, said) = channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        let out = thread::spawn(move || {
            let mut all = String::new();
            let mut says = Some(says);
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(says) = says.take_if(|_| line.starts_with("listening on ")) {
                    let _ = says.send(line.clone());
                }
                all += &(line + "\n");
            }
            all
        });
        let (tells, events) = channel();
        let stderr = child.stderr.take().expect("stderr is piped");
        let err = thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = tells.send(line.clone());
                all += &(line + "\n");
            }
            all
        });
        let Ok(line) = said.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("it does not listen: {}", err.join().unwrap_or_default());
        };
        let address = line["listening on ".len()..].split(',').next().unwrap_or_default();
        let address = address.parse().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        Self { child: Some(child), address, out, err, events }
    }

    /// The process number.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Connects to it.
    pub fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// Waits for a line on stderr that contains this text.
    pub fn wait_for_event(&self, text: &str) -> String {
        loop {
            let line = self.events.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no event with {text:?}"));
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Returns `true` if a line on stderr that is there already contains this text. Lines before it
    /// are taken.
    pub fn has_event(&self, text: &str) -> bool {
        self.events.try_iter().any(|line| line.contains(text))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().expect("it runs"));
        rustix::process::kill_process(pid, signal).expect("it runs");
    }

    /// Asks it to stop, and waits for its end.
    pub fn stop(self) -> Ended {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let mut child = self.child.take().expect("it runs");
        let code = child.wait().expect("it ends").code();
        // The fields are taken one by one, since there is a Drop.
        let out = std::mem::replace(&mut self.out, thread::spawn(String::new));
        let err = std::mem::replace(&mut self.err, thread::spawn(String::new));
        Ended { out: out.join().expect("read"), err: err.join().expect("read"), code }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Connects, with every wait bounded.
pub fn connect(address: SocketAddr) -> TcpStream {
    // With a time limit of its own it would take a reset that comes at once for a refusal.
    let stream = TcpStream::connect(address).expect("it listens");
    bounded(&stream);
    stream
}

/// Bounds every wait of a stream.
pub fn bounded(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a stream");
    stream.set_write_timeout(Some(PATIENCE)).expect("a stream");
    stream.set_nodelay(true).expect("a stream");
}

/// A backend of our own: each connection is handed to a function on a thread.
pub struct Backend {
    /// Address at which it listens.
    pub address: SocketAddr,
}

impl Backend {
    /// Starts one. It ends with the test's process.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                bounded(&stream);
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        Self { address }
    }

    /// One that sends back what it gets, to the end.
    pub fn echo() -> Self {
        Self::start(|mut stream| {
            let mut copy = stream.try_clone().expect("a stream");
            let _ = std::io::copy(&mut copy, &mut stream);
            let _ = stream.shutdown(Shutdown::Write);
        })
    }

    /// One that hands each accepted connection to the test.
    pub fn handing_over() -> (Self, Receiver<TcpStream>) {
        let (hand, taken) = channel();
        let hand = std::sync::Arc::new(std::sync::Mutex::new(hand));
        let backend = Self::start(move |stream| {
            let _ = hand.lock().expect("a lock").send(stream);
        });
        (backend, taken)
    }
}

/// Ends a connection with RST.
pub fn abort(stream: TcpStream) {
    let socket = socket2::Socket::from(stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a stream");
}

/// An address on which nobody listens.
pub fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

/// Reads exactly so many bytes.
pub fn read_exactly(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

/// Reads to the end of stream, or to a reset: `Err` then holds what came before it.
pub fn read_to_end(stream: &mut TcpStream) -> Result<Vec<u8>, Vec<u8>> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Err(bytes),
        Err(error) => panic!("{error} after {} bytes", bytes.len()),
    }
}

/// A child that is killed when the test is over, however it ends.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub mod needs;
pub mod servers;
pub mod serving;
pub mod wire;
