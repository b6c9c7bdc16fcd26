//! What a scenario says, checked: proxies, services, phases, expectations.
//!
//! It starts nothing, and opens no file but those that are included.

use super::expect::{Bound, Expectation};
use super::rules::{self, Protocol, Ramp, RuleText};
use super::yaml::{self, Key, Kind, Node, Wrong};
use crate::endpoint::{Connect, Host, Listen};
use bytes::Bytes;
use chenapan_core::{Form, Pattern, Registry, Value};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A scenario, checked.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, or its file's.
    pub name: String,
    /// Where it was read from.
    pub file: PathBuf,
    /// What decides every draw, where the file says so.
    pub seed: Option<u64>,
    /// The proxies that all phases share.
    pub proxies: Vec<ProxyPart>,
    /// The processes that all phases need.
    pub services: Vec<Service>,
    /// What happens, in order.
    pub phases: Vec<Phase>,
}

/// A proxy of a scenario.
#[derive(Debug)]
pub struct ProxyPart {
    /// Its name, which stands for its address in texts.
    pub name: String,
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// Where it connects to.
    pub backend: Connect,
    /// What it speaks.
    pub protocol: Protocol,
    /// How many bytes a direction of a connection may hold.
    pub buffer: usize,
}

/// A process that a scenario needs.
#[derive(Debug)]
pub struct Service {
    /// Its name, in messages.
    pub name: String,
    /// The shell command.
    pub run: String,
    /// Its environment, beside that of the scenario.
    pub env: BTreeMap<String, String>,
    /// How to tell that it is ready.
    pub ready: Ready,
    /// How long that may take.
    pub within: Duration,
}

/// How to tell that a service is ready.
#[derive(Debug)]
pub enum Ready {
    /// It has started.
    Started,
    /// Something listens there.
    Tcp(Connect),
    /// Its output matches.
    Output(Pattern),
}

/// One step of a scenario.
#[derive(Debug)]
pub struct Phase {
    /// Its name, with what the matrix put in.
    pub name: String,
    /// How often it is done.
    pub repeat: u64,
    /// The rules of each proxy while it lasts, by the proxy's index.
    pub rules: Vec<Vec<RuleText>>,
    /// Options that move while it lasts.
    pub ramps: Vec<Ramp>,
    /// Rules that hold from a time on, in order of time.
    pub schedule: Vec<(Duration, Vec<Vec<RuleText>>)>,
    /// The shell command to run.
    pub run: Option<String>,
    /// Its environment, beside that of the scenario.
    pub env: BTreeMap<String, String>,
    /// How long the command may take.
    pub timeout: Duration,
    /// The traffic to make.
    pub load: Option<Load>,
    /// How long it lasts beyond command and load.
    pub until: Option<Until>,
    /// What must hold at its end.
    pub expect: Vec<Expectation>,
    /// Whether rules may go without any traffic.
    pub idle: bool,
}

/// The end of a phase.
#[derive(Debug)]
pub enum Until {
    /// So long after its start.
    Time(Duration),
    /// As soon as these hold, but no longer than this.
    Counts(Vec<Expectation>, Duration),
}

/// Traffic from the built-in client.
#[derive(Debug)]
pub struct Load {
    /// The proxy that it goes to, by its index.
    pub to: usize,
    /// How many exchanges there are in all; none where a time ends it.
    pub exchanges: Option<u64>,
    /// How long new exchanges are started.
    pub duration: Duration,
    /// How many exchanges are started a second, whatever became of the ones before.
    pub rate: Option<f64>,
    /// How many exchanges go on at once at the most.
    pub concurrency: usize,
    /// What makes the header that goes first, where there is one.
    pub header: Option<Protocol>,
    /// What is sent on each connection.
    pub send: Bytes,
    /// When the answer is whole.
    pub receive: Receive,
    /// What it must be.
    pub verify: Verify,
    /// How long an exchange may take.
    pub timeout: Duration,
}

/// When an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receive {
    /// When the connection ends.
    Close,
    /// At its first line end.
    Line,
    /// After so many bytes.
    Bytes(usize),
    /// It is not waited for.
    Nothing,
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Anything, even nothing.
    Nothing,
    /// Something.
    Any,
    /// What was sent.
    Echo,
    /// Something that matches.
    Matches(Pattern),
    /// An HTTP answer of this status, whole by its own account.
    Status(u16),
}

/// Everything that reading needs.
pub(super) struct Context<'a> {
    pub(super) registry: &'a Registry,
    pub(super) values: BTreeMap<String, String>,
    proxies: Vec<String>,
    services: Vec<String>,
}

/// Where a proxy listens that does not say so: a port from the system.
const LOOPBACK: Listen =
    Listen::Tcp { host: Some(Host::Address(IpAddr::V4(Ipv4Addr::LOCALHOST))), port: 0 };

/// How many files may be included, and how many phases there may be.
const MOST_FILES: usize = 32;
const MOST_PHASES: usize = 1_000;

/// Reads a scenario; `set` are values from outside for its variables.
pub(super) fn read(
    path: &Path,
    text: String,
    registry: &Registry,
    set: &[(String, String)],
) -> Result<Scenario, String> {
    let mut files = Vec::new();
    gather(path, text, &mut files)?;
    let shown = |wrong: Wrong| wrong.to_string();
    let mut cx =
        Context { registry, values: BTreeMap::new(), proxies: Vec::new(), services: Vec::new() };
    for root in &files {
        variables(root, &mut cx.values).map_err(shown)?;
    }
    for (name, value) in set {
        if !cx.values.contains_key(name) {
            let known: Vec<_> = cx.values.keys().map(String::as_str).collect();
            return Err(match known.as_slice() {
                [] => format!("--set {name}: {} has no variables (vars)", path.display()),
                known => format!("--set {name}: no such variable; known are {}", known.join(", ")),
            });
        }
        cx.values.insert(name.clone(), value.clone());
    }
    let mut scenario = Scenario {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        file: path.to_owned(),
        seed: None,
        proxies: Vec::new(),
        services: Vec::new(),
        phases: Vec::new(),
    };
    for root in &mut files {
        root.fill(&cx.values);
        parts(root, &mut scenario, &mut cx).map_err(shown)?;
    }
    for root in &files {
        phases(root, &mut scenario, &cx).map_err(shown)?;
    }
    let main = files.last().map(|root| &root.place);
    if scenario.phases.is_empty()
        && let Some(place) = main
    {
        let help = "add phases: with at least one {name: ..., run: ...}";
        return Err(place.wrong("a scenario without phases does nothing").help(help).to_string());
    }
    Ok(scenario)
}

/// Reads a file and those that it includes, which come before it.
fn gather(path: &Path, text: String, files: &mut Vec<Node>) -> Result<(), String> {
    if files.len() >= MOST_FILES {
        return Err(format!("{}: more than {MOST_FILES} files are included", path.display()));
    }
    let root = yaml::parse(path, text).map_err(|wrong| wrong.to_string())?;
    let mut fields = root.fields().map_err(|wrong| wrong.to_string())?;
    for node in fields.take("include").map_or(&[][..], Node::items) {
        let name = node.text().map_err(|wrong| wrong.to_string())?;
        let file = path.parent().unwrap_or(Path::new("")).join(name);
        let known = files.iter().any(|root| root.place.file() == file) || file == path;
        if known {
            return Err(node.place.wrong("this file is included already").to_string());
        }
        let text = std::fs::read_to_string(&file).map_err(|error| {
            let error = crate::endpoint::plain(&error);
            node.place.wrong(format!("{}: {error}", file.display())).to_string()
        })?;
        gather(&file, text, files)?;
    }
    files.push(root);
    Ok(())
}

fn variables(root: &Node, values: &mut BTreeMap<String, String>) -> Result<(), Wrong> {
    let mut fields = root.fields()?;
    let Some(vars) = fields.take("vars") else { return Ok(()) };
    for (key, value) in vars.entries()? {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if key.name.is_empty() || !key.name.chars().all(plain) {
            return Err(key.place.wrong("a variable's name has letters, digits, - and _ only"));
        }
        values.insert(key.name.clone(), value.text()?.to_owned());
    }
    Ok(())
}

/// All but the phases.
fn parts(root: &Node, scenario: &mut Scenario, cx: &mut Context<'_>) -> Result<(), Wrong> {
    let mut fields = root.fields()?;
    for name in ["include", "vars", "phases"] {
        let _ = fields.take(name);
    }
    if let Some(name) = fields.take("name") {
        scenario.name = name.text()?.to_owned();
    }
    if let Some(seed) = fields.take("seed") {
        scenario.seed = Some(seed.count()?);
    }
    for (key, node) in fields.take("proxies").map_or(Ok(&[][..]), Node::entries)? {
        own_name(key, cx)?;
        scenario.proxies.push(proxy(key, node, cx)?);
        cx.proxies.push(key.name.clone());
    }
    for (key, node) in fields.take("services").map_or(Ok(&[][..]), Node::entries)? {
        own_name(key, cx)?;
        scenario.services.push(service(key, node)?);
        cx.services.push(key.name.clone());
    }
    fields.end()
}

fn own_name(key: &Key, cx: &Context<'_>) -> Result<(), Wrong> {
    if cx.proxies.contains(&key.name) || cx.services.contains(&key.name) {
        return Err(key.place.wrong(format!("{:?} is a proxy or a service already", key.name)));
    }
    if ["load", "exit", "time", "output", "errors"].contains(&key.name.as_str()) {
        return Err(key.place.wrong(format!("{:?} is a subject of expectations", key.name)));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if key.name.is_empty() || !key.name.chars().all(plain) {
        return Err(key.place.wrong("a name has letters, digits, - and _ only"));
    }
    Ok(())
}

fn proxy(key: &Key, node: &Node, cx: &Context<'_>) -> Result<ProxyPart, Wrong> {
    let mut fields = node.fields()?;
    let listen = fields.take("listen").map_or(&[][..], Node::items);
    let listen = listen.iter().map(address).collect::<Result<Vec<Listen>, _>>()?;
    let part = ProxyPart {
        name: key.name.clone(),
        listen: match listen.is_empty() {
            true => vec![LOOPBACK],
            false => listen,
        },
        backend: address(fields.need("backend")?)?,
        protocol: match fields.take("protocol") {
            Some(node) => rules::protocol(node, cx)?,
            None => Protocol::default(),
        },
        buffer: match fields.take("buffer").map(|node| node.form(Form::Size)).transpose()? {
            Some(Value::Size(size)) => usize::try_from(size.0).unwrap_or(usize::MAX).max(1_024),
            _ => 64 * 1_024,
        },
    };
    fields.end()?;
    Ok(part)
}

fn address<T: std::str::FromStr<Err: std::fmt::Display>>(node: &Node) -> Result<T, Wrong> {
    node.text()?.parse().map_err(|error: T::Err| node.place.wrong(error.to_string()))
}

fn service(key: &Key, node: &Node) -> Result<Service, Wrong> {
    let mut fields = node.fields()?;
    let run = fields.need("run")?.text()?.to_owned();
    let env = env(fields.take("env"))?;
    let (mut ready, mut within) = (Ready::Started, Duration::from_secs(10));
    if let Some(node) = fields.take("ready") {
        let mut fields = node.fields()?;
        if let Some(tcp) = fields.take("tcp") {
            ready = Ready::Tcp(address(tcp)?);
        }
        if let Some(output) = fields.take("output") {
            ready = Ready::Output(pattern(output)?);
        }
        if let Some(node) = fields.take("within") {
            within = node.time()?;
        }
        fields.end()?;
    }
    fields.end()?;
    Ok(Service { name: key.name.clone(), run, env, ready, within })
}

fn env(node: Option<&Node>) -> Result<BTreeMap<String, String>, Wrong> {
    let entries = node.map_or(Ok(&[][..]), Node::entries)?;
    entries.iter().map(|(key, value)| Ok((key.name.clone(), value.text()?.to_owned()))).collect()
}

fn pattern(node: &Node) -> Result<Pattern, Wrong> {
    match node.form(Form::Pattern)? {
        Value::Pattern(pattern) => Ok(pattern),
        _ => Err(node.place.wrong("expected a pattern")),
    }
}

fn phases(root: &Node, scenario: &mut Scenario, cx: &Context<'_>) -> Result<(), Wrong> {
    let mut fields = root.fields()?;
    let Some(list) = fields.take("phases") else { return Ok(()) };
    for node in list.items() {
        for (suffix, node) in unfold(node)? {
            if scenario.phases.len() >= MOST_PHASES {
                return Err(node.place.wrong(format!("there are more than {MOST_PHASES} phases")));
            }
            let number = scenario.phases.len() + 1;
            scenario.phases.push(phase(&node, number, &suffix, cx)?);
        }
    }
    Ok(())
}

/// A phase for every combination of values in its matrix.
fn unfold(node: &Node) -> Result<Vec<(String, Node)>, Wrong> {
    let mut fields = node.fields()?;
    let Some(matrix) = fields.take("matrix") else {
        return Ok(vec![(String::new(), node.clone())]);
    };
    let mut combinations = vec![BTreeMap::new()];
    for (key, values) in matrix.entries()? {
        if values.items().is_empty() {
            return Err(values.place.wrong("expected a list of values"));
        }
        let mut longer = Vec::new();
        for known in &combinations {
            for value in values.items() {
                let mut more = known.clone();
                more.insert(key.name.clone(), value.text()?.to_owned());
                longer.push(more);
            }
        }
        if longer.len() > MOST_PHASES {
            return Err(matrix.place.wrong(format!("there are more than {MOST_PHASES} phases")));
        }
        combinations = longer;
    }
    let unfolded = combinations.into_iter().map(|values| {
        let parts: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut node = node.clone();
        if let Kind::Map(entries) = &mut node.kind {
            entries.retain(|(key, _)| key.name != "matrix");
        }
        node.fill(&values);
        (format!(" ({})", parts.join(", ")), node)
    });
    Ok(unfolded.collect())
}

fn phase(node: &Node, number: usize, suffix: &str, cx: &Context<'_>) -> Result<Phase, Wrong> {
    let mut fields = node.fields()?;
    let name = match fields.take("name") {
        Some(name) => name.text()?.to_owned(),
        None => format!("phase {number}"),
    };
    let proxies = &cx.proxies;
    let repeat = fields.take("repeat").map_or(Ok(1), |node| match node.count()? {
        0 => Err(node.place.wrong("expected at least 1")),
        times => Ok(times),
    })?;
    let rules = rules::of_proxies(fields.take("rules"), proxies, cx)?;
    let ramps = fields.take("ramp").map_or(&[][..], Node::items);
    let ramps = ramps.iter().map(|node| rules::ramp(node, proxies, &rules));
    let ramps: Vec<Ramp> = ramps.collect::<Result<_, _>>()?;
    let mut schedule = Vec::new();
    for node in fields.take("schedule").map_or(&[][..], Node::items) {
        let mut fields = node.fields()?;
        let at = fields.need("at")?.time()?;
        schedule.push((at, rules::of_proxies(fields.take("rules"), proxies, cx)?));
        fields.end()?;
    }
    schedule.sort_by_key(|(at, _)| *at);
    if !ramps.is_empty() && !schedule.is_empty() {
        let wrong = "a phase has either a ramp or a schedule: both change the same rules";
        return Err(node.place.wrong(wrong));
    }
    let run = fields.take("run").map(|node| node.text().map(str::to_owned)).transpose()?;
    let load = fields.take("load").map(|node| load(node, proxies, cx)).transpose()?;
    let subjects =
        Subjects { proxies, services: &cx.services, run: run.is_some(), load: load.is_some() };
    let until = fields.take("until").map(|node| until(node, &subjects)).transpose()?;
    let expect = expectations(fields.take("expect"), &subjects)?;
    let phase = Phase {
        name: name + suffix,
        repeat,
        rules,
        ramps,
        schedule,
        env: env(fields.take("env"))?,
        timeout: fields.take("timeout").map_or(Ok(Duration::from_secs(60)), Node::time)?,
        idle: fields.take("idle").map_or(Ok(false), Node::flag)?,
        run,
        load,
        until,
        expect,
    };
    let nothing = phase.run.is_none() && phase.load.is_none() && phase.until.is_none();
    fields.end()?;
    if nothing {
        let help = "add run, load or until";
        return Err(node.place.wrong("a phase that does nothing ends at once").help(help));
    }
    Ok(phase)
}

fn until(node: &Node, subjects: &Subjects<'_>) -> Result<Until, Wrong> {
    let mut within = None;
    let mut time = None;
    let mut counts = Vec::new();
    for (key, value) in node.entries()? {
        match key.name.as_str() {
            "within" => within = Some(value.time()?),
            "time" => time = Some(value.time()?),
            _ => {
                let mut expectation = subjects.read(key, value)?;
                // A count that is reached stays reached.
                if let Bound::Compare(comparison, _) = &mut expectation.bound
                    && *comparison == super::expect::Comparison::Equal
                {
                    *comparison = super::expect::Comparison::AtLeast;
                }
                counts.push(expectation);
            }
        }
    }
    match (time, within) {
        (Some(time), None) if counts.is_empty() => Ok(Until::Time(time)),
        (None, Some(within)) if !counts.is_empty() => Ok(Until::Counts(counts, within)),
        (None, None) => Err(node.place.wrong("an end needs a bound").help("add within: 30s")),
        _ => Err(node.place.wrong("expected either time, or counts with within")),
    }
}

fn load(node: &Node, proxies: &[String], cx: &Context<'_>) -> Result<Load, Wrong> {
    let mut fields = node.fields()?;
    let to = match (fields.take("to"), proxies) {
        (Some(node), _) => index(node, proxies)?,
        (None, [_]) => 0,
        (None, _) => return Err(fields.place.wrong("\"to\" is missing: which proxy?")),
    };
    let connections = fields.take("connections").map(Node::count).transpose()?;
    let duration = fields.take("duration").map(Node::time).transpose()?;
    if connections.is_none() && duration.is_none() {
        let help = "add connections: 100, or duration: 10s";
        return Err(fields.place.wrong("a load needs an end").help(help));
    }
    let rate = fields.take("rate").map(rate).transpose()?;
    let http = fields.take("http").map(http).transpose()?;
    let mut send = match fields.take("send").map(|node| node.form(Form::Bytes)).transpose()? {
        Some(Value::Bytes(bytes)) => bytes,
        _ => Bytes::new(),
    };
    let header = fields.take("header").map(|node| rules::protocol(node, cx)).transpose()?;
    let receive = match fields.take("receive") {
        None => Receive::Close,
        Some(node) => match node.text()? {
            "close" => Receive::Close,
            "line" => Receive::Line,
            "nothing" => Receive::Nothing,
            _ => match node.form(Form::Size) {
                Ok(Value::Size(size)) => {
                    Receive::Bytes(usize::try_from(size.0).unwrap_or(usize::MAX))
                }
                _ => {
                    let wrong = "expected close, line, nothing or a number of bytes";
                    return Err(node.place.wrong(wrong));
                }
            },
        },
    };
    let verify = match fields.take("verify") {
        None if http.is_some() => Verify::Status(http.as_ref().map_or(200, |(_, status)| *status)),
        None => Verify::Any,
        Some(node) => match node.text()? {
            "none" => Verify::Nothing,
            "any" => Verify::Any,
            "echo" => Verify::Echo,
            text if text.starts_with('~') => {
                let pattern = Form::Pattern.parse(text[1..].trim());
                match pattern.map_err(|wrong| node.place.wrong(wrong))? {
                    Value::Pattern(pattern) => Verify::Matches(pattern),
                    _ => Verify::Any,
                }
            }
            _ => return Err(node.place.wrong("expected none, any, echo or ~ PATTERN")),
        },
    };
    if let Some((request, _)) = http {
        if !send.is_empty() {
            return Err(fields.place.wrong("expected either http or send"));
        }
        send = request;
    }
    let concurrency = fields.take("concurrency").map(Node::count).transpose()?;
    let load = Load {
        to,
        exchanges: connections,
        duration: duration.unwrap_or(Duration::MAX),
        rate,
        concurrency: usize::try_from(concurrency.unwrap_or(match rate {
            Some(_) => 10_000,
            None => 1,
        }))
        .unwrap_or(usize::MAX)
        .clamp(1, 100_000),
        header,
        send,
        receive,
        verify,
        timeout: fields.take("timeout").map_or(Ok(Duration::from_secs(10)), Node::time)?,
    };
    fields.end()?;
    Ok(load)
}

/// A request, and the status that its answer must have.
fn http(node: &Node) -> Result<(Bytes, u16), Wrong> {
    if let Kind::Text(path) = &node.kind {
        return Ok((request("GET", path, "chenapan"), 200));
    }
    let mut fields = node.fields()?;
    let text = |node: Option<&Node>, default: &str| -> Result<String, Wrong> {
        let text = node.map_or(Ok(default), Node::text)?;
        match node {
            Some(node) if text.contains(['\r', '\n', ' ']) || text.is_empty() => {
                Err(node.place.wrong("expected a word without spaces"))
            }
            _ => Ok(text.to_owned()),
        }
    };
    let method = text(fields.take("method"), "GET")?;
    let path = text(fields.take("path"), "/")?;
    let host = text(fields.take("host"), "chenapan")?;
    let status = match fields.take("status") {
        None => 200,
        Some(node) => match u16::try_from(node.count()?) {
            Ok(status @ 100..=599) => status,
            _ => return Err(node.place.wrong("expected a status from 100 to 599")),
        },
    };
    fields.end()?;
    Ok((request(&method, &path, &host), status))
}

fn request(method: &str, path: &str, host: &str) -> Bytes {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into()
}

/// So many a second.
fn rate(node: &Node) -> Result<f64, Wrong> {
    let text = node.text()?;
    let number = text.strip_suffix("/s").map(|number| number.trim().parse::<f64>());
    match number {
        Some(Ok(rate)) if rate > 0.0 && rate <= 1e6 => Ok(rate),
        _ => Err(node.place.wrong("expected a rate such as 10/s, at most 1000000/s")),
    }
}

/// Which proxy is meant.
pub(super) fn index(node: &Node, proxies: &[String]) -> Result<usize, Wrong> {
    let name = node.text()?;
    proxies.iter().position(|known| known == name).ok_or_else(|| {
        let wrong = node.place.wrong(format!("no proxy is called {name:?}"));
        match chenapan_core::nearest(name, proxies.iter().map(String::as_str)) {
            Some(near) => wrong.help(format!("did you mean {near:?}?")),
            None => wrong.help(format!("there are {}", proxies.join(", "))),
        }
    })
}

/// What expectations may be about.
struct Subjects<'a> {
    proxies: &'a [String],
    services: &'a [String],
    run: bool,
    load: bool,
}

/// The counters of a proxy that have a name of their own.
pub(super) const COUNTERS: [&str; 16] = [
    "accepted",
    "connections",
    "open",
    "closed-by-source",
    "closed-by-backend",
    "closed-by-proxy",
    "reset-by-source",
    "reset-by-backend",
    "reset-by-proxy",
    "unreachable",
    "unparsed",
    "bytes-upstream",
    "bytes-downstream",
    "received-upstream",
    "received-downstream",
    "faults",
];

/// What a load tells.
pub(super) const LOAD: [&str; 14] = [
    "started", "ok", "failed", "errors", "timeouts", "wrong", "bytes", "rate", "mean", "p50",
    "p90", "p99", "p99.9", "max",
];

fn expectations(node: Option<&Node>, subjects: &Subjects<'_>) -> Result<Vec<Expectation>, Wrong> {
    let entries = node.map_or(Ok(&[][..]), Node::entries)?;
    entries.iter().map(|(key, value)| subjects.read(key, value)).collect()
}

impl Subjects<'_> {
    fn read(&self, key: &Key, value: &Node) -> Result<Expectation, Wrong> {
        let text = self.check(key)?;
        let bound = Bound::read(value.text()?, text).map_err(|wrong| value.place.wrong(wrong))?;
        Ok(Expectation { subject: key.name.clone(), bound })
    }

    /// Whether the subject exists; whether it is a text.
    fn check(&self, key: &Key) -> Result<bool, Wrong> {
        let name = key.name.as_str();
        match name {
            "exit" | "time" | "output" | "errors" if !self.run => {
                let wrong = format!("{name} is that of a command, and this phase runs none");
                return Err(key.place.wrong(wrong).help("add run: COMMAND"));
            }
            "exit" | "time" => return Ok(false),
            "output" | "errors" => return Ok(true),
            "connections" | "faults" => return Ok(false),
            _ => {}
        }
        let (owner, rest) = name.split_once('.').unwrap_or((name, ""));
        if owner == "load" {
            if !self.load {
                return Err(key.place.wrong("this phase makes no load").help("add load: {...}"));
            }
            return self.one_of(key, rest, &LOAD).map(|()| false);
        }
        if self.services.iter().any(|known| known == owner) {
            return self.one_of(key, rest, &["output", "errors"]).map(|()| true);
        }
        if !self.proxies.iter().any(|known| known == owner) {
            let wrong = key.place.wrong(format!("{name:?} is nothing that can be expected"));
            let subjects =
                ["exit", "time", "output", "errors", "connections", "faults", "load.p99"];
            let proxies = self.proxies.iter().map(|name| format!("{name}.accepted"));
            let known: Vec<_> = subjects.map(str::to_owned).into_iter().chain(proxies).collect();
            return Err(
                match chenapan_core::nearest(owner, self.proxies.iter().map(String::as_str)) {
                    Some(near) => wrong.help(format!("did you mean \"{near}.{rest}\"?")),
                    None => wrong.help(format!("such as {}", known.join(", "))),
                },
            );
        }
        if rest
            .strip_prefix("faults.")
            .or(rest.strip_prefix("met."))
            .is_some_and(|rule| !rule.is_empty())
        {
            return Ok(false);
        }
        self.one_of(key, rest, &COUNTERS).map(|()| false)
    }

    fn one_of(&self, key: &Key, name: &str, known: &[&'static str]) -> Result<(), Wrong> {
        if known.contains(&name) {
            return Ok(());
        }
        let wrong = key.place.wrong(format!("{:?} is not counted", key.name));
        Err(match chenapan_core::nearest(name, known.iter().copied()) {
            Some(near) => wrong.help(format!("did you mean {near:?}?")),
            None => wrong.help(format!("known are {}", known.join(", "))),
        })
    }
}
