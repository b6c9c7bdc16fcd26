//! A protocol of somebody else's, with an inspection and a client of its own: `decode`, `echo` and
//! `load` know it as soon as it is registered.
//!
//! The program under test is this file: with a variable set it is chenapan with one protocol more.

use chenapan_core::bytes::{Buf, BytesMut};
use chenapan_core::{
    Answer, Client, ClientEntry, Direction, Found, Handled, Inspect, Inspection, Kind, Malformed,
    Protocol, ProtocolEntry, Registry, Remark, Unit, Want, plugin,
};
use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Output, Stdio};

const GUEST: &str = "CHENAPAN_TEST_GUEST";

plugin! {
    /// A line that greets, then any bytes.
    pub struct Greeting = "greeting" {
        /// Word that greets.
        word: String = "HELLO",
        ;
        over: [bool; 2],
    }
}

impl Protocol for Greeting {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if std::mem::replace(&mut self.over[direction as usize], true) {
            return Ok(Handled::Opaque);
        }
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
            self.over[direction as usize] = false;
            return Ok(Handled::Incomplete(Want::Bytes(1)));
        };
        Ok(Handled::Unit(Unit::new(Kind::Header, input.split_to(end + 1))))
    }
}

plugin! {
    /// A line that greets.
    pub struct InspectGreeting = "greeting" {
        /// Wants a name behind the word.
        named: bool = "no",
        /// Word that greets.
        word: String = "HELLO",
    }
}

impl Inspect for InspectGreeting {
    fn adopt(&mut self, protocol: &str, options: &[(String, String)]) -> Result<(), String> {
        assert_eq!(protocol, "greeting");
        if let Some((_, word)) = options.iter().find(|(name, _)| name == "word") {
            self.word.clone_from(word);
        }
        Ok(())
    }

    fn look(&mut self, input: &[u8], out: &mut dyn fmt::Write) -> Result<Found, fmt::Error> {
        match input.contains(&b'\n') {
            true => self.end(input, out),
            false => Ok(Found::Incomplete(1)),
        }
    }

    fn end(&mut self, input: &[u8], out: &mut dyn fmt::Write) -> Result<Found, fmt::Error> {
        let line = input.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let name = text.trim_end().strip_prefix(&self.word).map(str::trim);
        match name.filter(|name| text.ends_with('\n') && (!self.named || !name.is_empty())) {
            Some(name) => {
                write!(out, "{{\"kind\":\"greeting\",\"name\":{name:?}}}")?;
                Ok(Found::Taken(line.len(), Remark::Sound))
            }
            None => {
                out.write_str("{\"kind\":\"no greeting\"}")?;
                Ok(Found::Taken(0, Remark::Wrong))
            }
        }
    }

    fn boxed_clone(&self) -> Box<dyn Inspect> {
        Box::new(self.clone())
    }
}

plugin! {
    /// A greeting that is returned.
    pub struct Greet = "greeting" {
        /// Name that is greeted.
        name: String = like "world",
    }
}

impl Client for Greet {
    fn request(&mut self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("HELLO {} {number}\n", self.name).as_bytes());
    }

    fn reply(&mut self, number: u64, input: &mut BytesMut) -> Result<Option<Answer>, String> {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
        let right = input[..end] == *format!("WELCOME {} {number}", self.name).as_bytes();
        input.advance(end + 1);
        Ok(Some(if right { Answer::Right } else { Answer::Wrong("another welcome".into()) }))
    }

    fn boxed_clone(&self) -> Box<dyn Client> {
        Box::new(self.clone())
    }
}

fn registry() -> Registry {
    let entry = ProtocolEntry::of::<Greeting>()
        .inspected(Inspection::front::<InspectGreeting>("It greets, or it does not."))
        .spoken(ClientEntry::of::<Greet>());
    chenapan::registry().protocol(entry)
}

fn main() -> ExitCode {
    if std::env::var_os(GUEST).is_some() {
        return chenapan::cli::main(registry());
    }
    let trial = |name, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    let trials = vec![
        trial("decode_has_a_subcommand_for_it", decode_has_a_subcommand_for_it),
        trial("echo_answers_with_what_it_says", echo_answers_with_what_it_says),
        trial("a_load_speaks_it", a_load_speaks_it),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn program(arguments: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(arguments).env(GUEST, "1").env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = program(arguments);
    // It may have gone before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn told(arguments: &[&str], input: &[u8]) -> (Option<i32>, String) {
    let output = run(arguments, input);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

fn decode_has_a_subcommand_for_it() {
    let greeting = "{\"kind\":\"greeting\",\"name\":\"you\"}\n".to_owned();
    let none = "{\"kind\":\"no greeting\"}\n".to_owned();
    let decode = ["decode", "greeting"];
    assert_eq!(told(&decode, b"HELLO you\nrest"), (Some(0), greeting.clone()));
    assert_eq!(told(&decode, b"HELLO you"), (Some(1), none.clone()));
    let hex = [&decode[..], &["--hex"]].concat();
    assert_eq!(told(&hex, b"48454c4c4f20796f750a\n"), (Some(0), greeting.clone()));
    let named = [&decode[..], &["--named"]].concat();
    assert_eq!(told(&named, b"HELLO\n"), (Some(1), none));
    let adopted = [&decode[..], &["--protocol", "greeting:word=HI"]].concat();
    assert_eq!(told(&adopted, b"HI you\n"), (Some(0), greeting));
    let (code, help) = told(&["decode", "greeting", "--help"], b"");
    assert_eq!(code, Some(0));
    assert!(help.contains("--named") && help.contains("It greets, or it does not."), "{help}");
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn echo_answers_with_what_it_says() {
    let arguments = ["echo", "--listen", "127.0.0.1:0", "--protocol", "greeting", "--named"];
    let mut server = Server(program(&arguments));
    let mut line = String::new();
    BufReader::new(server.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.split([' ', ',']).find(|word| word.contains("127.0.0.1:")).unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"HELLO you\nrest").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    let (first, rest) = answer.split_once('\n').unwrap();
    assert!(first.contains("\"kind\":\"greeting\",\"name\":\"you\""), "{answer}");
    assert_eq!(rest, "rest");

    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"HELLO\n").unwrap();
    answer.clear();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
}

fn a_load_speaks_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut writer = stream.try_clone().unwrap();
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let welcome = line.replace("HELLO", "WELCOME").replace("nobody", "somebody");
                let _ = writer.write_all(format!("{welcome}\n").as_bytes());
            }
        }
    });
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("greet.yaml");
    let scenario = |load: &str, expect: &str| {
        let text = format!(
            "proxies: {{web: {{backend: \"{address}\", protocol: greeting}}}}\nphases:\n  \
             - load: {{connections: 2, {load}}}\n    expect: {{{expect}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        let output = run(&["scenario", "run", file.to_str().unwrap()], b"");
        let all = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(all).unwrap())
    };
    let well = scenario("greeting: {name: you, requests: 3}", "load.ok: 2, load.failed: 0");
    assert_eq!(well.0, Some(0), "{}", well.1);
    let short = scenario("greeting: you", "load.ok: 2");
    assert_eq!(short.0, Some(0), "{}", short.1);
    let wrong = scenario("greeting: nobody", "load.wrong: 2");
    assert_eq!(wrong.0, Some(0), "{}", wrong.1);
    let (code, said) = scenario("greeting: {nmae: you}", "load.ok: 2");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean \"name\"?"), "{said}");
    let (code, said) = scenario("greeting: you, json-rpc: add", "load.ok: 2");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("expected one of json-rpc, greeting, http and send"), "{said}");
}
