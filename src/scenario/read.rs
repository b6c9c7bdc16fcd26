//! From files to a scenario: variables, parts, phases; what is wrong is told with its place.
//!
//! It starts nothing, and opens no file but those that are included.

use super::expect::{Bound, Comparison};
use super::model::{Phase, ProxyPart, Ready, Scenario, Service, Until};
use super::rules::{self, Protocol, Ramp};
use super::subjects::{Subjects, expectations};
use super::traffic;
use super::yaml::{self, Key, Kind, Node, Wrong};
use crate::endpoint::{At, EndpointError, Kinds, Listen};
use chenapan_core::{Form, Pattern, Registry, Value, nearest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that reading needs.
pub(super) struct Context<'a> {
    pub(super) registry: &'a Registry,
    kinds: &'a Kinds,
    pub(super) values: BTreeMap<String, String>,
    pub(super) proxies: Vec<String>,
    /// What each proxy speaks, and whether it listens on TCP.
    pub(super) speaks: Vec<(Protocol, bool)>,
    services: Vec<String>,
}

/// Where a proxy listens that does not say so: a port from the system.
const LOOPBACK: Listen = Listen::loopback(0);

/// How many files may be included, and how many phases there may be.
const MOST_FILES: usize = 32;
const MOST_PHASES: usize = 1_000;

/// How many nodes the phases of a matrix may have, and how often a phase may be repeated.
const MOST_NODES: usize = 200_000;
const MOST_REPEATS: u64 = 10_000;

/// Reads a scenario; `set` are values from outside for its variables.
pub(super) fn read(
    path: &Path,
    text: String,
    registry: &Registry,
    kinds: &Kinds,
    set: &[(String, String)],
) -> Result<Scenario, String> {
    let mut files = Vec::new();
    gather(path, text, &mut files, &mut Vec::new())?;
    let shown = |wrong: Wrong| wrong.to_string();
    let mut cx = Context {
        registry,
        kinds,
        values: BTreeMap::new(),
        proxies: Vec::new(),
        speaks: Vec::new(),
        services: Vec::new(),
    };
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
fn gather(
    path: &Path,
    text: String,
    files: &mut Vec<Node>,
    seen: &mut Vec<PathBuf>,
) -> Result<(), String> {
    seen.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    if seen.len() > MOST_FILES {
        return Err(format!("{}: more than {MOST_FILES} files are included", path.display()));
    }
    let root = yaml::parse(path, text).map_err(|wrong| wrong.to_string())?;
    let mut fields = root.fields().map_err(|wrong| wrong.to_string())?;
    for node in fields.take("include").map_or(&[][..], Node::items) {
        let name = node.text().map_err(|wrong| wrong.to_string())?;
        let file = path.parent().unwrap_or(Path::new("")).join(name);
        let same = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.contains(&same) {
            return Err(node.place.wrong("this file is included already").to_string());
        }
        let text = yaml::load(&file).map_err(|error| {
            node.place.wrong(format!("{}: {error}", file.display())).to_string()
        })?;
        gather(&file, text, files, seen)?;
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
        // A value may use those before it.
        let filled = yaml::fill(value.text()?, |name| values.get(name).cloned());
        values.insert(key.name.clone(), filled);
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
        let part = proxy(key, node, cx)?;
        // What a load can talk to without shaking hands first.
        let tcp = matches!(
            part.listen.first(),
            Some(Listen { at: At::Tcp { .. }, tls: false, header: false, .. })
        );
        cx.speaks.push((part.protocol.clone(), tcp));
        scenario.proxies.push(part);
        cx.proxies.push(key.name.clone());
    }
    for (key, node) in fields.take("services").map_or(Ok(&[][..]), Node::entries)? {
        own_name(key, cx)?;
        scenario.services.push(service(key, node, cx)?);
        cx.services.push(key.name.clone());
    }
    fields.end()
}

fn own_name(key: &Key, cx: &Context<'_>) -> Result<(), Wrong> {
    if cx.proxies.contains(&key.name) || cx.services.contains(&key.name) {
        return Err(key.place.wrong(format!("{:?} is a proxy or a service already", key.name)));
    }
    if cx.values.contains_key(&key.name) {
        return Err(key.place.wrong(format!("a variable is called {:?}, too", key.name)));
    }
    let taken = ["load", "exit", "time", "output", "errors", "connections", "faults", "seed"];
    if taken.contains(&key.name.as_str()) {
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
    let listen = listen.iter().map(|node| address(node, |value| cx.kinds.listen_object(value)));
    let listen = listen.collect::<Result<Vec<Listen>, _>>()?;
    if listen.iter().any(|address| address.at == At::Stdio) {
        let wrong = key.place.wrong("a scenario has no client on standard input and output");
        return Err(wrong.help("stdio: is for chenapan without a command"));
    }
    let part = ProxyPart {
        name: key.name.clone(),
        listen: match listen.is_empty() {
            true => vec![LOOPBACK],
            false => listen,
        },
        backend: address(fields.need("backend")?, |value| cx.kinds.connect_object(value))?,
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

/// Reads an address, as text or as an object; what is wrong is told with its place in the file.
fn address<T>(
    node: &Node,
    read: impl FnOnce(&serde_json::Value) -> Result<T, EndpointError>,
) -> Result<T, Wrong> {
    read(&node.value()).map_err(|error| {
        let place = match &node.kind {
            Kind::Text(text) => node.place.inside(text, error.place()),
            _ => {
                let (mut node, mut place) = (node, &node.place);
                for name in error.path() {
                    let Some((key, value)) = node.entry(name) else { break };
                    let strange = error.code() == "unknown-option";
                    (node, place) = (value, if strange { &key.place } else { &value.place });
                }
                place.clone()
            }
        };
        place.wrong(error.message())
    })
}

fn service(key: &Key, node: &Node, cx: &Context<'_>) -> Result<Service, Wrong> {
    let mut fields = node.fields()?;
    let run = fields.need("run")?.text()?.to_owned();
    let env = env(fields.take("env"))?;
    let (mut ready, mut within) = (Ready::Started, Duration::from_secs(10));
    if let Some(node) = fields.take("ready") {
        let mut fields = node.fields()?;
        if let Some(tcp) = fields.take("tcp") {
            ready = Ready::Tcp(address(tcp, |value| cx.kinds.connect_object(value))?);
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
        for (suffix, node) in unfold(node, &cx.values)? {
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
fn unfold(node: &Node, known: &BTreeMap<String, String>) -> Result<Vec<(String, Node)>, Wrong> {
    let mut fields = node.fields()?;
    let Some(matrix) = fields.take("matrix") else {
        return Ok(vec![(String::new(), node.clone())]);
    };
    let mut combinations = vec![BTreeMap::new()];
    let mut count: usize = 1;
    for (key, values) in matrix.entries()? {
        if values.items().is_empty() {
            return Err(values.place.wrong("expected a list of values"));
        }
        if known.contains_key(&key.name) {
            return Err(key.place.wrong(format!("a variable is called {:?}, too", key.name)));
        }
        count = count.saturating_mul(values.items().len());
        if count > MOST_PHASES || count.saturating_mul(node.size()) > MOST_NODES {
            return Err(matrix.place.wrong(format!("{count} phases of this size are too many")));
        }
        let mut longer = Vec::new();
        for known in &combinations {
            for value in values.items() {
                let mut more = known.clone();
                more.insert(key.name.clone(), value.text()?.to_owned());
                longer.push(more);
            }
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
        times if times > MOST_REPEATS => {
            Err(node.place.wrong(format!("expected at most {MOST_REPEATS}")))
        }
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
    let load = fields.take("load").map(|node| traffic::load(node, proxies, cx)).transpose()?;
    let counters = cx.speaks.iter().map(|(protocol, _)| protocol.instances.instance().counters());
    let counters: Vec<_> = counters.collect();
    let subjects = Subjects {
        proxies,
        counters: &counters,
        services: &cx.services,
        run: run.is_some(),
        load: load.is_some(),
    };
    let until = fields.take("until").map(|node| until(node, &subjects)).transpose()?;
    let mut names = vec![Vec::new(); proxies.len()];
    for rules in schedule.iter().map(|(_, rules)| rules).chain([&rules]) {
        for (names, texts) in names.iter_mut().zip(rules) {
            let built = rules::build(texts).map_err(|error| node.place.wrong(error.to_string()))?;
            names.extend(built.iter().map(|rule| rule.name().to_owned()));
        }
    }
    let expect = expectations(fields.take("expect"), &subjects, &names)?;
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
                if matches!(key.name.as_str(), "exit" | "time") {
                    let wrong = "a command's end is waited for anyway; count something else";
                    return Err(key.place.wrong(wrong));
                }
                // A count that is reached stays reached.
                if let Bound::Compare(comparison, _) = &mut expectation.bound
                    && *comparison == Comparison::Equal
                    && !key.name.ends_with(".open")
                {
                    *comparison = Comparison::AtLeast;
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

/// Which proxy is meant.
pub(super) fn index(node: &Node, proxies: &[String]) -> Result<usize, Wrong> {
    let name = node.text()?;
    proxies.iter().position(|known| known == name).ok_or_else(|| {
        let wrong = node.place.wrong(format!("no proxy is called {name:?}"));
        match nearest(name, proxies.iter().map(String::as_str)) {
            Some(near) => wrong.help(format!("did you mean {near:?}?")),
            None => wrong.help(format!("there are {}", proxies.join(", "))),
        }
    })
}
