//! Reading of rules, ramps and protocols: one-line forms, or maps of options.
//!
//! It makes no rule but to check one.

use super::{Ramp, RuleText, Written, build, parts};
use crate::context::{Context, index, no_proxy};
use crate::node::{Kind, Node};
use crate::place::{Mistakes, Place, Wrong};
use chenapan_core::{Chance, Fault, OptionError, OptionSpec, Rate, Size, Value, nearest};
use chenapan_engine::config::{ConfiguredProtocol, ProtocolError};
use chenapan_engine::rule::{Defaults, Rule, RuleError};

/// Reads the protocol of a proxy: a name, or a map of a name to options.
pub(crate) fn protocol(node: &Node, cx: &Context<'_>) -> Result<ConfiguredProtocol, Wrong> {
    let registry = cx.registry;
    let Kind::Map(entries) = &node.kind else {
        let read = ConfiguredProtocol::parse(node.text()?, registry);
        return read.map_err(|error| node.place.wrong(error.cause()));
    };
    let [(key, options)] = entries.as_slice() else {
        return Err(node.place.wrong("expected one protocol, as in {proxy-v2: {header: add}}"));
    };
    let entry = registry.find_protocol(&key.name);
    let entry = entry.map_err(|error| key.place.wrong(error.to_string()))?;
    let given = given(options)?;
    let options = given.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect();
    ConfiguredProtocol::with(entry, options).map_err(|error| match &error {
        ProtocolError::Option { fault, .. } => at(fault, &given, node),
        _ => key.place.wrong(error.to_string()),
    })
}

/// The rules of each proxy: a list where there is one proxy, or a map of their names to lists. None where a rule is
/// wrong, which was told.
pub(crate) fn of_proxies(
    node: Option<&Node>,
    cx: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<Vec<RuleText>>> {
    let proxies = &cx.proxies;
    let mut all = vec![Vec::new(); proxies.len()];
    let Some(node) = node else { return Some(all) };
    let known = |name: &str| proxies.iter().position(|known| known == name);
    let behavior = |name: &str| cx.registry.find_behavior(name).is_ok();
    let (named, mistaken) = match &node.kind {
        Kind::Map(entries) => (
            entries.iter().any(|(key, _)| known(&key.name).is_some()),
            proxies.len() != 1 && !entries.iter().any(|(key, _)| behavior(&key.name)),
        ),
        _ => (false, false),
    };
    if named || (mistaken && !proxies.is_empty()) {
        let mut right = true;
        for (key, list) in node.entries().unwrap_or_default() {
            match known(&key.name) {
                Some(at) => match rules(list, at, cx, mistakes) {
                    Some(rules) => all[at] = rules,
                    None => right = false,
                },
                None => {
                    right = false;
                    mistakes.add(no_proxy(&key.place, &key.name, proxies));
                }
            }
        }
        return right.then_some(all);
    }
    match all.as_mut_slice() {
        [only] => *only = rules(node, 0, cx, mistakes)?,
        [] => {
            mistakes.add(node.place.wrong("there is no proxy for these rules"));
            return None;
        }
        _ => {
            let help = format!("write them as {{{}: [...]}}", proxies[0]);
            let wrong = node.place.wrong("there are several proxies: whose rules?");
            mistakes.add(wrong.help(help));
            return None;
        }
    }
    Some(all)
}

/// The rules of one proxy, which must be able to act on what it speaks.
fn rules(
    list: &Node,
    at: usize,
    cx: &Context<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<RuleText>> {
    let read = |node: &Node| {
        let text = rule(node, cx)?;
        let wrong = |error: RuleError| blamed(&error, node).wrong(error.to_string());
        let built = build(std::slice::from_ref(&text)).map_err(wrong)?;
        // What a proxy speaks is not known where that is wrong.
        if let Some((protocol, _)) = &cx.speaks[at] {
            built.fit(&**protocol, protocol.name()).map_err(wrong)?;
        }
        built.doubts().iter().for_each(|doubt| tracing::warn!("{doubt}"));
        Ok(text)
    };
    let all: Vec<_> = list.items().iter().map(|node| mistakes.keep(read(node))).collect();
    all.into_iter().collect()
}

/// The place of what is wrong with a rule: an option's value, where it is about one, or the whole rule.
fn blamed<'a>(error: &RuleError, node: &'a Node) -> &'a Place {
    let options = match &node.kind {
        Kind::Map(entries) => entries.first().map(|(_, options)| options),
        _ => None,
    };
    match (error, options) {
        (RuleError::Option { fault, .. }, Some(options)) => {
            options.entry(&fault.option).map_or(&node.place, |(_, value)| &value.place)
        }
        _ => &node.place,
    }
}

fn rule(node: &Node, cx: &Context<'_>) -> Result<RuleText, Wrong> {
    let Kind::Map(entries) = &node.kind else {
        let line = node.text()?.to_owned();
        let read = Rule::parse(&line, cx.registry, &Defaults::new());
        read.map_err(|error| node.place.wrong(error.to_string()))?;
        return Ok(RuleText::of(Written::Line(line, cx.registry.clone())));
    };
    let [(key, options)] = entries.as_slice() else {
        let wrong = node.place.wrong("expected one behavior, as in {delay: {sleep: 2s}}");
        return Err(wrong.help("each rule is an item of its own, after a dash"));
    };
    let entry = cx.registry.find_behavior(&key.name);
    let entry = entry.map_err(|error| key.place.wrong(error.to_string()))?;
    if let Kind::Text(text) = &options.kind {
        let name = entry.name;
        let wrong = options.place.wrong("expected a map, found text");
        let (option, value) = text.split_once('=').unwrap_or(("OPTION", "VALUE"));
        let help = format!("write - {name}:{text} or - {name}: {{{option}: {value}}}");
        return Err(wrong.help(if text.contains('=') && !text.contains(':') {
            help
        } else {
            format!("write - {name}: {{OPTION: VALUE}}, or - {name}:OPTION=VALUE without a space")
        }));
    }
    let given = given(options)?;
    let pairs = given.iter().map(|(name, value, _)| (name.as_str(), value.as_str()));
    match Rule::new(entry, pairs) {
        Ok(_) => {}
        Err(RuleError::Option { fault, .. }) => return Err(at(&fault, &given, node)),
        Err(error) => return Err(key.place.wrong(error.to_string())),
    }
    let given = given.into_iter().map(|(name, value, _)| (name, value)).collect();
    Ok(RuleText::of(Written::Options(*entry, given)))
}

type Given<'a> = Vec<(String, String, Option<&'a Node>)>;

/// Options as a map; a list gives an option several times.
fn given(node: &Node) -> Result<Given<'_>, Wrong> {
    let mut given = Vec::new();
    for (key, value) in node.entries()? {
        match &value.kind {
            Kind::Null => given.push((key.name.clone(), "yes".to_owned(), Some(value))),
            _ => {
                for item in value.items() {
                    given.push((key.name.clone(), item.text()?.to_owned(), Some(item)));
                }
            }
        }
    }
    Ok(given)
}

/// An option's fault at the option's place.
fn at(error: &OptionError, given: &Given<'_>, node: &Node) -> Wrong {
    let found = given.iter().find(|(name, ..)| *name == error.option);
    let place = found.and_then(|(.., node)| *node).unwrap_or(node).place.clone();
    // An unknown name is wrong itself, and stands before its value.
    let key = match (&error.fault, &node.kind) {
        (Fault::Unknown { .. }, Kind::Map(entries)) => entries.iter().find_map(|(_, options)| {
            let options = options.entries().ok()?;
            options.iter().find(|(key, _)| key.name == error.option).map(|(key, _)| &key.place)
        }),
        _ => None,
    };
    key.unwrap_or(&place).wrong(error.to_string())
}

/// A ramp over an option of one of the phase's rules, whichever way that is written.
pub(crate) fn ramp(
    node: &Node,
    proxies: &[String],
    rules: &mut [Vec<RuleText>],
) -> Result<Ramp, Wrong> {
    let mut fields = node.fields()?;
    let proxy = match fields.take("proxy") {
        Some(node) => index(node, proxies)?,
        None => 0,
    };
    let named = fields.need("rule")?;
    let texts = rules.get_mut(proxy).map_or(&mut [][..], Vec::as_mut_slice);
    let rule = called(named, texts)?;
    // From now on its options are known one by one.
    let (entry, given) = match &texts[rule].written {
        Written::Options(entry, given) => (*entry, given.clone()),
        Written::Line(line, registry) => {
            let parts =
                parts(&texts[rule]).map_err(|error| named.place.wrong(error.to_string()))?;
            let [only] = parts.as_slice() else {
                let wrong = format!("{} is a part of the mix {line:?}", named.text()?);
                let help = "a rule that ramps is no part of a mix; write it as a rule of its own";
                return Err(named.place.wrong(wrong).help(help));
            };
            let entry = registry.find_behavior(only.behavior());
            let entry = entry.map_err(|error| named.place.wrong(error.to_string()))?;
            (*entry, only.given().to_vec())
        }
    };
    texts[rule].written = Written::Options(entry, given);
    let option = fields.need("option")?;
    let table = entry.options.iter().chain(chenapan_engine::rule::SELECTORS);
    let wanted = option.text()?;
    let spec = table.clone().find(|spec| spec.name == wanted);
    let spec: &OptionSpec = spec.ok_or_else(|| {
        let known = || entry.options.iter().map(|spec| spec.name);
        let wrong = option.place.wrong(format!("{} has no option {wanted:?}", entry.name));
        wrong.help(match nearest(wanted, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
        })
    })?;
    let value = |node: &Node| {
        number(&node.form(spec.form)?)
            .ok_or_else(|| node.place.wrong(format!("{} is no number that could ramp", spec.name)))
    };
    let ramp = Ramp {
        proxy,
        rule,
        option: spec.name.to_owned(),
        from: value(fields.need("from")?)?,
        to: value(fields.need("to")?)?,
        form: spec.form,
        over: fields.need("over")?.time()?,
        steps: fields.take("steps").map_or(Ok(20), Node::count)? as u32,
    };
    Ok(ramp)
}

/// The text with a rule of this name among a proxy's.
fn called(named: &Node, texts: &[RuleText]) -> Result<usize, Wrong> {
    let wrong = |error: RuleError| named.place.wrong(error.to_string());
    let counts: Vec<_> =
        texts.iter().map(|text| Ok(parts(text)?.len())).collect::<Result<_, _>>().map_err(wrong)?;
    let built = build(texts).map_err(wrong)?;
    // Rules of one name are told apart in the whole list only.
    let mut names = built.iter().map(|rule| rule.name().to_owned());
    let mut all = Vec::new();
    let wanted = named.text()?;
    for (at, count) in counts.into_iter().enumerate() {
        for name in names.by_ref().take(count) {
            if name == wanted {
                return Ok(at);
            }
            all.push(name);
        }
    }
    let wrong = named.place.wrong(format!("no rule of this phase is called {wanted:?}"));
    Err(match nearest(wanted, all.iter().map(String::as_str)) {
        Some(near) => wrong.help(format!("did you mean {near:?}?")),
        None if all.is_empty() => wrong.help("add it to rules:"),
        None => wrong.help(format!("its rules are {}", all.join(", "))),
    })
}

fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Count(count) => *count as f64,
        Value::Number(number) => *number as f64,
        Value::Chance(Chance(share)) => *share,
        Value::Time(time) => time.as_secs_f64(),
        Value::Size(Size(bytes)) => *bytes as f64,
        Value::Rate(Rate(rate)) => *rate as f64,
        _ => return None,
    })
}
