//! From files to a scenario: variables, parts, phases; all that is wrong is told, each with its place.
//!
//! It starts nothing, and opens no file but those that are included.

use super::abort::AbortWhen;
use super::check::check;
use super::context::Context;
use super::expect::{Bound, Comparison};
use super::keys::{FILE, MATRIX, OWN_NAME, PHASE, PROXY};
use super::model::{Command, Phase, ProxyPart, Ready, Scenario, Service, Until};
use super::node::{Fields, Key, Kind, Node, fill};
use super::place::{Mistakes, Wrong};
use super::rules::{self, RuleText};
use super::shape::Shape;
use super::subjects::{Plain, Subjects, expectations, falls, taken};
use super::{names, traffic, yaml};
use chenapan_core::{Form, Pattern, Registry, Value};
use chenapan_engine::config::{ModelError, ProxyModel};
use chenapan_engine::endpoint::{Connect, Kinds, Listen};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Largest number of files that may be included, and of phases.
const MOST_FILES: usize = 32;
const MOST_PHASES: usize = 1_000;

/// Largest number of nodes in the phases of a matrix.
const MOST_NODES: usize = 200_000;

/// Reads a scenario; `set` are values from outside for its variables. The error is all that is wrong.
pub(crate) fn read(
    path: &Path,
    text: String,
    registry: &Registry,
    kinds: &Kinds,
    set: &[(String, String)],
) -> Result<Scenario, Vec<String>> {
    let mut mistakes = Mistakes::default();
    let mut files = Vec::new();
    gather(path, text, &mut files, &mut Vec::new(), &mut mistakes);
    let told = |mistakes: Mistakes| mistakes.sorted().iter().map(ToString::to_string).collect();
    if !mistakes.is_empty() {
        // What the rest means may depend on what cannot be read.
        return Err(told(mistakes));
    }
    let mut cx = Context {
        registry,
        kinds,
        values: BTreeMap::new(),
        proxies: Vec::new(),
        speaks: Vec::new(),
        services: Vec::new(),
    };
    for root in &files {
        variables(root, &mut cx.values, &mut mistakes);
    }
    for (name, value) in set {
        if !cx.values.contains_key(name) {
            let known: Vec<_> = cx.values.keys().map(String::as_str).collect();
            return Err(vec![match known.as_slice() {
                [] => format!("--set {name}: {} has no variables (vars)", path.display()),
                known => format!("--set {name}: no such variable; known are {}", known.join(", ")),
            }]);
        }
        cx.values.insert(name.clone(), value.clone());
    }
    let mut scenario = Scenario {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        file: path.to_owned(),
        seed: None,
        proxies: Vec::new(),
        services: Vec::new(),
        abort: None,
        phases: Vec::new(),
    };
    for root in &mut files {
        root.fill(&cx.values);
        check(root, &Shape::Object(&FILE), registry, &mut mistakes);
        parts(root, &mut scenario, &mut cx, &mut mistakes);
    }
    let mut any = false;
    for root in &files {
        any |= phases(root, &mut scenario, &cx, &mut mistakes);
    }
    if let Some(root) = files.last().filter(|_| !any) {
        let help = "add phases: with at least one {name: ..., run: ...}";
        mistakes.add(root.place.wrong("a scenario without phases does nothing").help(help));
    }
    if mistakes.is_empty() { Ok(scenario) } else { Err(told(mistakes)) }
}

/// Reads a file and those that it includes, which come before it.
fn gather(
    path: &Path,
    text: String,
    files: &mut Vec<Node>,
    seen: &mut Vec<PathBuf>,
    mistakes: &mut Mistakes,
) {
    seen.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let Some(root) = mistakes.keep(yaml::parse(path, text)) else { return };
    let included = root.entry("include").map_or(&[][..], |(_, node)| node.items());
    for node in included {
        // Anything but a text is told with the rest of the file.
        let Ok(name) = node.text() else { continue };
        let file = path.parent().unwrap_or(Path::new("")).join(name);
        let same = file.canonicalize().unwrap_or_else(|_| file.clone());
        if seen.contains(&same) {
            mistakes.add(node.place.wrong("this file is included already"));
        } else if seen.len() >= MOST_FILES {
            let wrong = format!("more than {MOST_FILES} files are included");
            return mistakes.add(node.place.wrong(wrong));
        } else {
            let wrong = |error| node.place.wrong(format!("{}: {error}", file.display()));
            match mistakes.keep(yaml::load(&file).map_err(wrong)) {
                Some(text) => gather(&file, text, files, seen, mistakes),
                None => seen.push(same),
            }
        }
    }
    files.push(root);
}

/// Takes the variables of a file. What is no map or no text is told with the rest of the file.
fn variables(root: &Node, values: &mut BTreeMap<String, String>, mistakes: &mut Mistakes) {
    let Some((_, vars)) = root.entry("vars") else { return };
    for (key, value) in vars.entries().unwrap_or_default() {
        let Ok(text) = value.text() else { continue };
        if !is_name(&key.name) {
            let wrong = "a variable's name has letters, digits, - and _ only";
            mistakes.add(key.place.wrong(wrong));
        }
        // A value may use those before it.
        let filled = fill(text, |name| values.get(name).cloned());
        values.insert(key.name.clone(), filled);
    }
}

fn is_name(name: &str) -> bool {
    Pattern::new(OWN_NAME).is_ok_and(|pattern| pattern.is_match(name.as_bytes()))
}

/// All but the phases.
fn parts(root: &Node, scenario: &mut Scenario, cx: &mut Context<'_>, mistakes: &mut Mistakes) {
    let Ok(mut fields) = root.fields() else { return };
    if let Some(Ok(name)) = fields.take("name").map(Node::text) {
        scenario.name = name.to_owned();
    }
    if let Some(Ok(seed)) = fields.take("seed").map(Node::count) {
        scenario.seed = Some(seed);
    }
    let all = |name| root.entry(name).and_then(|(_, node)| node.entries().ok()).unwrap_or_default();
    for (key, node) in all("proxies") {
        mistakes.keep(own_name(key, cx));
        let part = node.sound.then(|| mistakes.keep(proxy(key, node, cx))).flatten();
        // What a load can talk to without shaking hands first.
        let tcp = |part: &ProxyPart| {
            let plain = |first: &Listen| !first.tls && !first.header;
            let first = part.config.listen.first();
            first.is_some_and(|first| first.place.tcp().is_some() && plain(first))
        };
        cx.speaks.push(part.as_ref().map(|part| (part.config.protocol.clone(), tcp(part))));
        cx.proxies.push(key.name.clone());
        scenario.proxies.extend(part);
    }
    for (key, node) in all("services") {
        mistakes.keep(own_name(key, cx));
        cx.services.push(key.name.clone());
        let service = node.sound.then(|| mistakes.keep(service(key, node, cx))).flatten();
        scenario.services.extend(service);
    }
    if let Some(node) = fields.take("abort-when").filter(|node| node.sound) {
        let filled = |text: &str| fill(text, |name| sample(name, cx));
        scenario.abort = mistakes.keep(AbortWhen::read(node, filled));
    }
}

/// Returns a value that a name in braces may have in a run, where it is known only then.
fn sample(name: &str, cx: &Context<'_>) -> Option<String> {
    let (proxy, part) = name.split_once('.').unwrap_or((name, ""));
    let value = match part {
        "" => "127.0.0.1:1",
        "host" => "127.0.0.1",
        "port" => "1",
        _ => return None,
    };
    cx.proxies.iter().any(|known| known == proxy).then(|| value.to_owned())
}

fn own_name(key: &Key, cx: &Context<'_>) -> Result<(), Wrong> {
    if cx.proxies.contains(&key.name) || cx.services.contains(&key.name) {
        return Err(key.place.wrong(format!("{:?} is a proxy or a service already", key.name)));
    }
    if cx.values.contains_key(&key.name) {
        return Err(key.place.wrong(format!("a variable is called {:?}, too", key.name)));
    }
    if taken().any(|name| name == key.name) {
        return Err(key.place.wrong(format!("{:?} is a subject of expectations", key.name)));
    }
    if !is_name(&key.name) {
        return Err(key.place.wrong("a name has letters, digits, - and _ only"));
    }
    Ok(())
}

/// Reads a proxy, which has the keys of the engine's model.
fn proxy(key: &Key, node: &Node, cx: &Context<'_>) -> Result<ProxyPart, Wrong> {
    let model = ProxyModel::read(&node.known_to(&PROXY)).map_err(|error| node.blame(&error))?;
    let mut config = model.config(cx.registry, cx.kinds).map_err(|error| node.blame(&error))?;
    if config.listen.iter().any(|address| address.place.is_stdio()) {
        let wrong = key.place.wrong("a scenario has no client on standard input and output");
        return Err(wrong.help("stdio: is for chenapan without a command"));
    }
    config.name.clone_from(&key.name);
    Ok(ProxyPart { place: key.place.line(), config })
}

/// Reads an address to connect to, as text or as an object.
fn address(node: &Node, cx: &Context<'_>) -> Result<Connect, Wrong> {
    let value = node.value();
    let read = cx.kinds.connect_object(&value);
    read.map_err(|error| node.blame(&ModelError::address(&error, &value)))
}

fn service(key: &Key, node: &Node, cx: &Context<'_>) -> Result<Service, Wrong> {
    let mut fields = node.fields()?;
    let run = fields.need("run")?.text()?.to_owned();
    let env = env(fields.take("env"))?;
    let (mut ready, mut within) = (Ready::Started, Duration::from_secs(10));
    if let Some(node) = fields.take("ready") {
        let mut fields = node.fields()?;
        if let Some(tcp) = fields.take("tcp") {
            ready = Ready::Tcp(address(tcp, cx)?);
        }
        if let Some(output) = fields.take("output") {
            ready = Ready::Output(pattern(output)?);
        }
        if let Some(node) = fields.take("within") {
            within = node.time()?;
        }
    }
    Ok(Service { name: key.name.clone(), place: key.place.line(), run, env, ready, within })
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

/// Reads the phases of a file; false where it has none.
fn phases(root: &Node, scenario: &mut Scenario, cx: &Context<'_>, mistakes: &mut Mistakes) -> bool {
    let list = root.entry("phases").map_or(&[][..], |(_, node)| node.items());
    let mut number = scenario.phases.len();
    for node in list {
        for (suffix, mut node) in unfold(node, cx, mistakes) {
            number += 1;
            if number > MOST_PHASES {
                let wrong = format!("there are more than {MOST_PHASES} phases");
                mistakes.add(node.place.wrong(wrong));
                return true;
            }
            check(&mut node, &Shape::Object(&PHASE), cx.registry, mistakes);
            let phase = phase(&node, number, &suffix, cx, mistakes);
            scenario.phases.extend(phase);
        }
    }
    names::check(root, cx, mistakes);
    !list.is_empty()
}

/// A phase for every combination of values in its matrix.
fn unfold(node: &Node, cx: &Context<'_>, mistakes: &mut Mistakes) -> Vec<(String, Node)> {
    let Some((_, matrix)) = node.entry("matrix") else {
        return vec![(String::new(), node.clone())];
    };
    let mut matrix = matrix.clone();
    check(&mut matrix, &MATRIX, cx.registry, mistakes);
    let mut combinations = vec![BTreeMap::new()];
    let mut count: usize = 1;
    let entries = if matrix.sound { matrix.entries().unwrap_or_default() } else { &[] };
    for (key, values) in entries {
        if cx.values.contains_key(&key.name) {
            mistakes.add(key.place.wrong(format!("a variable is called {:?}, too", key.name)));
        }
        count = count.saturating_mul(values.items().len());
        if count > MOST_PHASES || count.saturating_mul(node.size()) > MOST_NODES {
            let wrong = format!("{count} phases of this size are too many");
            mistakes.add(matrix.place.wrong(wrong));
            return Vec::new();
        }
        let mut longer = Vec::new();
        for known in &combinations {
            for value in values.items() {
                let mut more = known.clone();
                more.insert(key.name.clone(), value.text().unwrap_or_default().to_owned());
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
    unfolded.collect()
}

/// Reads the steps of a schedule, in order of time; none where one is wrong, which was told.
fn schedule(
    node: Option<&Node>,
    cx: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<(Duration, Vec<Vec<RuleText>>)>> {
    let mut schedule = Some(Vec::new());
    for node in node.map_or(&[][..], Node::items) {
        let mut fields = node.fields().ok();
        let at = fields.as_mut().and_then(|fields| fields.take("at"));
        let at = at.and_then(|node| node.time().ok());
        let rules =
            fields.map(|mut fields| rules::read::of_proxies(fields.take("rules"), cx, mistakes));
        schedule = schedule.zip(at.zip(rules.flatten())).map(|(mut all, step)| {
            all.push(step);
            all
        });
    }
    schedule.iter_mut().for_each(|steps| steps.sort_by_key(|(at, _)| *at));
    schedule
}

/// Reads a phase; none where something is wrong with it, which was told.
fn phase(
    node: &Node,
    number: usize,
    suffix: &str,
    cx: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Phase> {
    let mut fields = node.fields().ok()?;
    let (run, load) = (fields.has("run"), fields.has("load"));
    let name = match fields.take("name") {
        Some(name) => name.text().ok()?.to_owned(),
        None => format!("phase {number}"),
    };
    let proxies = &cx.proxies;
    let mut rules = rules::read::of_proxies(fields.take("rules"), cx, mistakes);
    let mut ramps = Vec::new();
    for node in fields.take("ramp").map_or(&[][..], Node::items) {
        if let Some(rules) = &mut rules {
            ramps.extend(mistakes.keep(rules::read::ramp(node, proxies, rules)));
        }
    }
    let schedule = schedule(fields.take("schedule"), cx, mistakes);
    let counters = cx.speaks.iter().map(|speaks| {
        speaks.as_ref().map(|(protocol, _)| protocol.instance().describe().all_counters())
    });
    let counters: Vec<_> = counters.collect();
    let subjects = Subjects { proxies, counters: &counters, services: &cx.services, run, load };
    let until = fields.take("until").map(|node| until(node, &subjects, mistakes));
    // Where a rule is wrong, nobody knows what it would be called.
    let names = rules.as_ref().zip(schedule.as_ref()).and_then(|(rules, schedule)| {
        let sets = schedule.iter().map(|(_, rules)| rules).chain([rules]);
        mistakes.keep(rule_names(node, proxies.len(), sets))
    });
    let expect = expectations(fields.take("expect"), &subjects, names.as_deref(), mistakes);
    let read = |fields: &mut Fields<'_>| {
        Ok::<_, Wrong>(Phase {
            name: name + suffix,
            place: node.place.line(),
            repeat: fields.take("repeat").map_or(Ok(1), Node::count)?,
            rules: rules.unwrap_or_default(),
            ramps,
            schedule: schedule.unwrap_or_default(),
            run: command(fields)?,
            idle: fields.take("idle").map_or(Ok(false), Node::flag)?,
            load: fields.take("load").map(|node| traffic::load(node, cx)).transpose()?.flatten(),
            until: until.flatten(),
            expect,
        })
    };
    let phase = read(&mut fields);
    mistakes.keep(phase)
}

/// Returns the names of the rules of each proxy, in all of the sets of a phase.
fn rule_names<'a>(
    node: &Node,
    proxies: usize,
    sets: impl Iterator<Item = &'a Vec<Vec<RuleText>>>,
) -> Result<Vec<Vec<String>>, Wrong> {
    let mut names = vec![Vec::new(); proxies];
    for rules in sets {
        for (names, texts) in names.iter_mut().zip(rules) {
            let built = rules::build(texts).map_err(|error| node.place.wrong(error.to_string()))?;
            names.extend(built.iter().map(|rule| rule.name().to_owned()));
        }
    }
    Ok(names)
}

/// Reads the command of a phase; what else there is about it is read, too, where it has none.
fn command(fields: &mut Fields<'_>) -> Result<Option<Command>, Wrong> {
    let env = env(fields.take("env"))?;
    let timeout = fields.take("timeout").map_or(Ok(Duration::from_secs(60)), Node::time)?;
    let text = fields.take("run").map(Node::text).transpose()?;
    Ok(text.map(|text| Command { text: text.to_owned(), env, timeout }))
}

/// Reads the end of a phase; none where something is wrong with it, which was told.
fn until(node: &Node, subjects: &Subjects<'_>, mistakes: &mut Mistakes) -> Option<Until> {
    let (mut within, mut time) = (None, None);
    let mut counts = Vec::new();
    let mut right = true;
    for (key, value) in node.entries().ok()? {
        match key.name.as_str() {
            name @ ("within" | "time") => {
                let read = mistakes.keep(value.time());
                right &= read.is_some();
                *if name == "time" { &mut time } else { &mut within } = read;
            }
            _ => {
                let read = mistakes.keep(subjects.read(key, value));
                let read = read.flatten().filter(|_| {
                    let ends = Plain::find(&key.name) == Some(Plain::Exit);
                    if ends {
                        let wrong = "a command's end is waited for anyway; count something else";
                        mistakes.add(key.place.wrong(wrong));
                    }
                    !ends
                });
                right &= read.is_some();
                counts.extend(read.map(|mut expectation| {
                    // A count that is reached stays reached.
                    if let Bound::Compare(comparison, _) = &mut expectation.bound
                        && *comparison == Comparison::Equal
                        && !falls(&key.name)
                    {
                        *comparison = Comparison::AtLeast;
                    }
                    expectation
                }));
            }
        }
    }
    if !right {
        return None;
    }
    match (time, within) {
        (Some(time), None) if counts.is_empty() => Some(Until::Time(time)),
        (None, Some(within)) if !counts.is_empty() => Some(Until::Counts(counts, within)),
        (None, None) => {
            mistakes.add(node.place.wrong("an end needs a bound").help("add within: 30s"));
            None
        }
        _ => {
            mistakes.add(node.place.wrong("expected either time, or counts with within"));
            None
        }
    }
}
