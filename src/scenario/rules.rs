//! Rules and protocols as a scenario writes them: one-line forms, or maps of options.
//!
//! It makes rules anew for each time they are needed, so that their counters start at 0.

use super::read::{Context, index};
use super::yaml::{Kind, Node, Wrong};
use crate::notation;
use crate::rule::{Defaults, Rule, RuleError, Rules};
use chenapan_core::{
    BehaviorEntry, Chance, Fault, Form, Instances, OptionError, OptionSpec, Plugin, Rate, Registry,
    Size, Value,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A protocol with its options.
#[derive(Clone)]
pub struct Protocol {
    /// Its name.
    pub name: &'static str,
    /// What instances are made from.
    pub instances: Arc<dyn Instances<dyn chenapan_core::Protocol>>,
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protocol").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A rule as it was written, which has been checked.
#[derive(Clone, Debug)]
pub enum RuleText {
    /// One line, which may be a mix of several; and the last connection it applies to.
    Line(String, Registry, Option<u64>),
    /// A behavior with options and selectors.
    Options(BehaviorEntry, Vec<(String, String)>),
}

/// An option that moves from one value to another.
#[derive(Clone, Debug)]
pub struct Ramp {
    /// The proxy, by its index.
    pub proxy: usize,
    /// Which of its rules in the phase.
    rule: usize,
    option: String,
    from: f64,
    to: f64,
    form: Form,
    /// How long that takes.
    pub over: Duration,
    /// In how many steps.
    pub steps: u32,
}

impl RuleText {
    /// Makes it apply to connections up to this number only, where it does not select any itself.
    pub(crate) fn limit(&mut self, last: u64) {
        match self {
            // Not in its text: that decides the draws of a mix.
            RuleText::Line(.., most) => *most = Some(last),
            RuleText::Options(_, given) if given.iter().all(|(name, _)| name != "connections") => {
                given.push(("connections".to_owned(), format!("..{last}")));
            }
            RuleText::Options(..) => {}
        }
    }
}

impl fmt::Display for RuleText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RuleText::Line(line, _, None) => f.write_str(line),
            RuleText::Line(line, _, Some(last)) => write!(f, "{line} (connections ..{last})"),
            RuleText::Options(entry, given) => {
                f.write_str(entry.name)?;
                given.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
            }
        }
    }
}

/// Makes rules from what was written.
///
/// # Errors
///
/// A text that was never checked.
pub(super) fn build(texts: &[RuleText]) -> Result<Rules, RuleError> {
    let mut rules = Vec::new();
    for text in texts {
        match text {
            RuleText::Line(line, registry, last) => {
                let mut parts = Rule::parse(line, registry, &Defaults::new())?;
                if let Some(last) = last {
                    parts.iter_mut().for_each(|rule| rule.limit(*last));
                }
                rules.extend(parts);
            }
            RuleText::Options(entry, given) => {
                let given = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                rules.push(Rule::new(entry, given)?);
            }
        }
    }
    Ok(Rules::new(rules))
}

impl Ramp {
    /// What becomes of it when a rule of its proxy is taken away: none where it was that rule's.
    pub(crate) fn without(self, proxy: usize, rule: usize) -> Option<Self> {
        match (self.proxy == proxy, self.rule.cmp(&rule)) {
            (true, std::cmp::Ordering::Equal) => None,
            (true, std::cmp::Ordering::Greater) => Some(Self { rule: self.rule - 1, ..self }),
            _ => Some(self),
        }
    }

    /// Puts the value after a share of the way (from 0 to 1) into the rule.
    pub fn apply(&self, share: f64, texts: &mut [RuleText]) {
        let Some(RuleText::Options(_, given)) = texts.get_mut(self.rule) else { return };
        let value = self.from + (self.to - self.from) * share.clamp(0.0, 1.0);
        let written = match self.form {
            Form::Time => format!("{value:.6}s"),
            Form::Rate => format!("{}B/s", value.round().max(1.0)),
            Form::Chance => format!("{value:.6}"),
            _ => format!("{}", value.round()),
        };
        match given.iter_mut().find(|(name, _)| *name == self.option) {
            Some((_, value)) => *value = written,
            None => given.push((self.option.clone(), written)),
        }
    }
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            name: chenapan_protocols::Tcp::NAME,
            instances: Arc::new(chenapan_protocols::Tcp {}),
        }
    }
}

/// What a proxy speaks: a name, or a map of a name to options.
pub(super) fn protocol(node: &Node, cx: &Context<'_>) -> Result<Protocol, Wrong> {
    let registry = cx.registry;
    let (name, place, given) = match &node.kind {
        Kind::Map(entries) => {
            let [(key, options)] = entries.as_slice() else {
                return Err(node
                    .place
                    .wrong("expected one protocol, as in {proxy-v2: {header: add}}"));
            };
            (key.name.clone(), &key.place, given(options)?)
        }
        _ => {
            let text = node.text()?;
            let wrong = |what: String| node.place.wrong(what);
            let parts = notation::parts(text, ':').map_err(|error| wrong(error.to_string()))?;
            let mut parts = parts.into_iter();
            let name = parts.next().map(|part| part.value).unwrap_or_default();
            let table = registry.find_protocol(&name).map_or(&[][..], |entry| entry.options);
            let given = notation::given(parts, table).map_err(wrong)?;
            let given = given.into_iter().map(|(name, value)| (name, value, None)).collect();
            (name, &node.place, given)
        }
    };
    let entry = registry.find_protocol(&name).map_err(|error| place.wrong(error.to_string()))?;
    let options = given.iter().map(|(name, value, _)| (name.as_str(), value.as_str()));
    let instances = entry.configure(options).map_err(|error| at(&error, &given, node))?;
    Ok(Protocol { name: entry.name, instances })
}

/// The rules of each proxy: a list where there is one proxy, or a map of their names to lists.
pub(super) fn of_proxies(
    node: Option<&Node>,
    proxies: &[String],
    cx: &Context<'_>,
) -> Result<Vec<Vec<RuleText>>, Wrong> {
    let mut all = vec![Vec::new(); proxies.len()];
    let Some(node) = node else { return Ok(all) };
    let named = match &node.kind {
        Kind::Map(entries) => entries.iter().all(|(key, _)| proxies.contains(&key.name)),
        _ => false,
    };
    if named {
        for (key, list) in node.entries()? {
            if let Some(at) = proxies.iter().position(|known| *known == key.name) {
                all[at] = rules(list, at, cx)?;
            }
        }
        return Ok(all);
    }
    match (all.as_mut_slice(), proxies) {
        ([only], _) => {
            *only = rules(node, 0, cx)?;
        }
        ([], _) => return Err(node.place.wrong("there is no proxy for these rules")),
        _ => {
            let help = format!("write them as {{{}: [...]}}", proxies[0]);
            return Err(node.place.wrong("there are several proxies: whose rules?").help(help));
        }
    }
    Ok(all)
}

/// The rules of one proxy, which must be able to act on what it speaks.
fn rules(list: &Node, at: usize, cx: &Context<'_>) -> Result<Vec<RuleText>, Wrong> {
    let (protocol, _) = &cx.speaks[at];
    let read = |node: &Node| {
        let text = rule(node, cx)?;
        let wrong = |error: RuleError| node.place.wrong(error.to_string());
        let built = build(std::slice::from_ref(&text)).map_err(wrong)?;
        built.fit(&*protocol.instances, protocol.name).map_err(wrong)?;
        Ok(text)
    };
    list.items().iter().map(read).collect()
}

fn rule(node: &Node, cx: &Context<'_>) -> Result<RuleText, Wrong> {
    let Kind::Map(entries) = &node.kind else {
        let line = node.text()?.to_owned();
        let read = Rule::parse(&line, cx.registry, &Defaults::new());
        read.map_err(|error| node.place.wrong(error.to_string()))?;
        return Ok(RuleText::Line(line, cx.registry.clone(), None));
    };
    let [(key, options)] = entries.as_slice() else {
        return Err(node.place.wrong("expected one behavior, as in {delay: {sleep: 2s}}"));
    };
    let entry = cx.registry.find_behavior(&key.name);
    let entry = entry.map_err(|error| key.place.wrong(error.to_string()))?;
    let given = given(options)?;
    let pairs = given.iter().map(|(name, value, _)| (name.as_str(), value.as_str()));
    match Rule::new(entry, pairs) {
        Ok(_) => {}
        Err(RuleError::Option { fault, .. }) => return Err(at(&fault, &given, node)),
        Err(error) => return Err(key.place.wrong(error.to_string())),
    }
    let given = given.into_iter().map(|(name, value, _)| (name, value)).collect();
    Ok(RuleText::Options(*entry, given))
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

/// A ramp over an option of one of the phase's rules.
pub(super) fn ramp(
    node: &Node,
    proxies: &[String],
    rules: &[Vec<RuleText>],
) -> Result<Ramp, Wrong> {
    let mut fields = node.fields()?;
    let proxy = match fields.take("proxy") {
        Some(node) => index(node, proxies)?,
        None => 0,
    };
    let named = fields.need("rule")?;
    let name = named.text()?;
    let texts = rules.get(proxy).map_or(&[][..], Vec::as_slice);
    let called = |text: &RuleText| match text {
        RuleText::Options(entry, given) => {
            let own = given.iter().find(|(key, _)| key == "name").map(|(_, name)| name.as_str());
            own.unwrap_or(entry.name) == name
        }
        RuleText::Line(..) => false,
    };
    let rule = texts.iter().position(called).ok_or_else(|| {
        let wrong = named.place.wrong(format!("no rule of this phase is called {name:?}"));
        wrong.help("a rule that ramps is written as a map, such as - throttle: {rate: 1MiB/s}")
    })?;
    let RuleText::Options(entry, _) = &texts[rule] else {
        return Err(named.place.wrong("expected a rule that is written as a map"));
    };
    let option = fields.need("option")?;
    let table = entry.options.iter().chain(crate::rule::SELECTORS);
    let wanted = option.text()?;
    let spec = table.clone().find(|spec| spec.name == wanted);
    let spec: &OptionSpec = spec.ok_or_else(|| {
        let known: Vec<_> = entry.options.iter().map(|spec| spec.name).collect();
        option.place.wrong("no such option").help(format!("known are {}", known.join(", ")))
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
        steps: match fields.take("steps") {
            None => 20,
            Some(node) => match node.count()? {
                steps @ 1..=1_000 => steps as u32,
                _ => return Err(node.place.wrong("expected 1 to 1000 steps")),
            },
        },
    };
    fields.end()?;
    Ok(ramp)
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
