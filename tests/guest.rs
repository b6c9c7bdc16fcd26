//! A protocol of somebody else's, with an inspection and a client of its own: `decode`, `echo` and
//! `load` know it as soon as it is registered. And a behavior that panics, which is no verdict.
//!
//! The program under test is this file: with a variable set it is chenapan with one protocol more.

use chenapan_core::bytes::{Buf, BytesMut};
use chenapan_core::{
    Answer, Behavior, BehaviorEntry, Client, ClientEntry, Context, Direction, Found, Handled,
    Inspect, Inspection, Kind, Malformed, Protocol, ProtocolEntry, Registry, Remark, Unit, Verdict,
    Want, plugin,
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

plugin! {
    /// Panics when a connection is there.
    pub struct Bomb = "bomb" {}
}

impl Behavior for Bomb {
    fn on_connect(&mut self, _: &mut Context<'_>) -> Verdict {
        panic!("boom")
    }
}

fn registry() -> Registry {
    let entry = ProtocolEntry::of::<Greeting>()
        .inspected(Inspection::front::<InspectGreeting>("It greets, or it does not."))
        .spoken(ClientEntry::of::<Greet>());
    chenapan::registry().protocol(entry).behavior(BehaviorEntry::of::<Bomb>())
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
        trial("a_panic_is_no_verdict_and_every_report_says_whose", a_panic_is_no_verdict),
        trial("a_panic_around_a_command_is_no_verdict_either", a_panic_around_a_command),
        trial("a_panic_is_logged_with_plug_in_and_hook", a_panic_of_a_proxy),
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

const BOOM: &str = "bomb panicked in on_connect: boom";

fn a_panic_is_no_verdict() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let text = format!(
        "proxies: {{web: {{backend: \"{address}\"}}}}\nphases:\n  - rules: [bomb]\n    idle: yes\n    \
         load: {{connections: 2, verify: none}}\n"
    );
    std::fs::write(path("bomb.yaml"), text).unwrap();
    let (junit, json) = (format!("junit={}", path("j.xml")), format!("json={}", path("j.json")));
    let (file, journal) = (path("bomb.yaml"), path("journal"));
    let arguments = ["scenario", "run", &file, "--report", &junit, "--report", &json];
    let output = run(&[&arguments[..], &["--journal", &journal]].concat(), b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    let found = format!("web.panicked: expected 0, found 2 x {BOOM}");
    assert!(said.contains(&format!("web.panicked  expected 0  found 2 x {BOOM}")), "{said}");
    let last = said.lines().last().unwrap();
    assert_eq!(last, "error: no verdict: a plug-in has panicked");
    let junit = read("j.xml");
    assert!(junit.contains("errors=\"1\"") && junit.contains("failures=\"0\""), "{junit}");
    assert!(junit.contains(&format!("<error message=\"{found}\" type=\"panic\">")), "{junit}");
    let json: serde_json::Value = serde_json::from_str(&read("j.json")).unwrap();
    let expected = serde_json::json!([{"proxy": "web", "cause": BOOM, "count": 2}]);
    assert_eq!(json["phases"][0]["panics"], expected);
    assert_eq!(json["held"], false);
    let journal = read("journal");
    let line = journal.lines().next().unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["proxy"], &line["rule"]), (&"web".into(), &"bomb".into()));
    assert_eq!(line["what"], "panicked in on_connect: boom");
}

fn a_panic_around_a_command() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let knock = "exec 3<>/dev/tcp/$CHENAPAN_PROXY_HOST/$CHENAPAN_PROXY_PORT; cat <&3; true";
    let around = ["run", "--backend", &backend, "--behavior", "bomb", "--"];
    let output = run(&[&around[..], &["bash", "-c", knock]].concat(), b"");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("{BOOM}: it has ended 1 connection\n")), "{said}");
    assert!(!said.contains("no fault happened"), "{said}");
    let last = said.lines().last().unwrap();
    assert_eq!(last, format!("error: no verdict: {BOOM} (it has ended 1 connection)"));
}

fn a_panic_of_a_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend = listener.local_addr().unwrap().to_string();
    let rule = ["--behavior", "bomb", "--output", "json", "--backend", &backend];
    let mut server = Server(program(&[&rule[..], &["--listen", "127.0.0.1:0"]].concat()));
    let mut out = BufReader::new(server.0.stdout.take().unwrap());
    let mut object = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()
    };
    let mut client = TcpStream::connect(object()["listen"][0].as_str().unwrap()).unwrap();
    // The end, or a reset.
    let _ = client.read_to_end(&mut Vec::new());
    let pid = rustix::process::Pid::from_child(&server.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let end = object();
    assert_eq!(end["panics"], serde_json::json!({BOOM: 1}));
    assert!(end["no-fault"].is_null(), "{end}");
    let mut said = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(server.0.wait().unwrap().code(), Some(3), "{said}");
    let names = ["plug_in=\"bomb\"", "hook=\"on_connect\"", "said=\"boom\""];
    assert!(names.iter().all(|name| said.contains(name)), "{said}");
}
