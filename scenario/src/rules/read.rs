//! Reading of rules, ramps and protocols: one-line forms, or maps of options.
//!
//! It makes no rule but to check one.

use super::{Ramp, RuleText, build, parts};
use crate::context::{Context, index, no_proxy};
use crate::node::{Kind, Node};
use crate::place::{Mistakes, Place, Wrong};
use chenapan_core::{Chance, OptionSpec, Rate, Size, Value, nearest};
use chenapan_engine::config::{ConfiguredProtocol, ModelError, PluginModel};
use chenapan_engine::rule::RuleError;

/// Reads a protocol: a name, or a map of a name to options.
pub(crate) fn protocol(node: &Node, cx: &Context<'_>) -> Result<ConfiguredProtocol, Wrong> {
    let read = PluginModel::read(&node.value()).and_then(|model| model.protocol(cx.registry));
    read.map_err(|error| node.blame(&error))
}

/// Reads the rules of each proxy: a list if there is one proxy, or a map of names to lists. None if
/// a rule is wrong, which was reported.
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
        let built = build(std::slice::from_ref(&text)).map_err(|error| node.blame(&error))?;
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

/// Returns the place of a mistake in a rule: the value of an option, or the whole rule.
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
    let model = match &node.kind {
        Kind::Map(entries) => {
            let [(key, options)] = entries.as_slice() else {
                let wrong = node.place.wrong("expected one behavior, as in {delay: {sleep: 2s}}");
                return Err(wrong.help("each rule is an item of its own, after a dash"));
            };
            if let Kind::Text(text) = &options.kind {
                return Err(unindented(&key.name, options, text));
            }
            PluginModel::Options { name: key.name.clone(), options: given(options)? }
        }
        _ => PluginModel::Line(node.text()?.to_owned()),
    };
    model.rules(cx.registry).map_err(|error| node.blame(&error))?;
    Ok(RuleText::of(model, cx.registry))
}

/// Returns what is wrong with a behavior that has a text in place of options, and what would do.
fn unindented(name: &str, options: &Node, text: &str) -> Wrong {
    let wrong = options.place.wrong("expected a map, found text");
    let (option, value) = text.split_once('=').unwrap_or(("OPTION", "VALUE"));
    wrong.help(if text.contains('=') && !text.contains(':') {
        format!("write - {name}:{text} or - {name}: {{{option}: {value}}}")
    } else {
        format!("write - {name}: {{OPTION: VALUE}}, or - {name}:OPTION=VALUE without a space")
    })
}

/// Options as a map, in their order; a list gives an option several times.
fn given(node: &Node) -> Result<Vec<(String, String)>, Wrong> {
    let mut given = Vec::new();
    for (key, value) in node.entries()? {
        match &value.kind {
            Kind::Null => given.push((key.name.clone(), "yes".to_owned())),
            _ => {
                for item in value.items() {
                    given.push((key.name.clone(), item.text()?.to_owned()));
                }
            }
        }
    }
    Ok(given)
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
    let (name, given) = match &texts[rule].written {
        PluginModel::Options { name, options } => (name.clone(), options.clone()),
        PluginModel::Line(line) => {
            let parts =
                parts(&texts[rule]).map_err(|error| named.place.wrong(error.to_string()))?;
            let [only] = parts.as_slice() else {
                let wrong = format!("{} is a part of the mix {line:?}", named.text()?);
                let help = "a rule that ramps is no part of a mix; write it as a rule of its own";
                return Err(named.place.wrong(wrong).help(help));
            };
            (only.behavior().to_owned(), only.given().to_vec())
        }
    };
    let entry = texts[rule].registry.find_behavior(&name);
    let entry = *entry.map_err(|error| named.place.wrong(error.to_string()))?;
    texts[rule].written = PluginModel::Options { name, options: given };
    let option = fields.need("option")?;
    without_end(named, &texts[rule], option)?;
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

/// Checks that a rule that ramps does not end by itself: each step is a new rule, with a time of its own.
fn without_end(named: &Node, text: &RuleText, option: &Node) -> Result<(), Wrong> {
    let parts = parts(text).map_err(|error| named.place.wrong(error.to_string()))?;
    if parts.iter().all(|rule| rule.lasts().is_none()) && option.text()? != "duration" {
        return Ok(());
    }
    let wrong =
        named.place.wrong("a rule that ramps has no duration: each step would begin it anew");
    Err(wrong.help("leave the duration out, and end the phase with until"))
}

/// The text with a rule of this name among a proxy's.
fn called(named: &Node, texts: &[RuleText]) -> Result<usize, Wrong> {
    let wrong = |error: ModelError| named.place.wrong(error.to_string());
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
