//! Arguments that were given to a kind, by the names of its table.
//!
//! It never reads a value; it knows which parameter it is for.

use super::error::{Code, Fault, quoted, repeated};
use super::hop::SocksHop;
use super::model::Connect;
use super::parameters::{TLS_CONNECT, TLS_LISTEN};
use super::tokens::{Part, Piece, plain_key};
use super::usage::{Parameter, Role, Usage};
use super::values::Shape;
use chenapan_core::{OptionSpec, nearest};
use std::ops::Range;

/// A value for a parameter, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Argument {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) place: Range<usize>,
}

/// A text out of an address, with its place; none where there is none.
type Found = Option<(String, Range<usize>)>;

/// Arguments that were given to a kind in a role.
#[derive(Debug)]
pub(super) struct Arguments {
    /// The kind as it was written.
    pub(super) kind: &'static str,
    pub(super) role: Role,
    /// Place at which a missing argument should stand.
    pub(super) end: Range<usize>,
    /// Set when the parameters of TLS are among them.
    pub(super) tls: bool,
    /// Set for a kind that the program has brought along.
    pub(super) is_custom: bool,
    /// The SOCKS proxy on the way, where the notation has read one.
    pub(super) via: Option<SocksHop>,
    /// The endpoint that stands inside, once it was read, and its place.
    pub(super) inner: Option<(Connect, Range<usize>)>,
    slots: Vec<Slot>,
    positionals: Vec<&'static str>,
    surplus: Option<&'static Parameter>,
    given: Vec<Argument>,
}

/// A parameter, of a kind here or of one that was brought along.
#[derive(Clone, Copy, Debug)]
struct Slot {
    name: &'static str,
    aliases: &'static [&'static str],
    repeated: bool,
    parameter: Option<&'static Parameter>,
}

impl Arguments {
    /// None yet, for a kind here.
    pub(super) fn new(name: &'static str, role: Role, usage: &Usage, end: Range<usize>) -> Self {
        let surplus = usage.surplus.and_then(|name| usage.all().find(|known| known.name == name));
        let positionals = usage.positionals.to_vec();
        let slots = usage.all().map(Slot::of).collect();
        Self { positionals, slots, surplus, is_custom: false, ..Self::custom(name, role, &[], end) }
    }

    /// None at all.
    pub(super) fn none() -> Self {
        Self::custom("", Role::Connect, &[], 0..0)
    }

    /// None yet, for a kind that was brought along.
    pub(super) fn custom(
        name: &'static str,
        role: Role,
        table: &'static [OptionSpec],
        end: Range<usize>,
    ) -> Self {
        let slot = |spec: &OptionSpec| Slot {
            name: spec.name,
            aliases: &[],
            repeated: spec.repeated,
            parameter: None,
        };
        Self {
            kind: name,
            role,
            end,
            tls: false,
            is_custom: true,
            via: None,
            inner: None,
            slots: table.iter().map(slot).collect(),
            positionals: table.iter().map(|spec| spec.name).collect(),
            surplus: None,
            given: Vec::new(),
        }
    }

    /// Takes the parameters of TLS, too.
    pub(super) fn and_tls(&mut self) {
        let table = match self.role {
            Role::Listen => TLS_LISTEN,
            Role::Connect => TLS_CONNECT,
        };
        self.tls = true;
        self.slots.extend(table.iter().map(Slot::of));
    }

    /// Adds parts as they were cut: those without a name are for the parameters in their order.
    pub(super) fn fill(&mut self, parts: Vec<Part>) -> Result<(), Fault> {
        // One empty part is what stands behind a lone colon.
        let alone = parts.len() == 1;
        let mut place = usize::from(self.host_is_named(&parts));
        let mut behind = None;
        for part in parts {
            if let Some((key, at)) = part.key {
                behind = Some(self.set(&key, at, part.value, part.place)?);
                continue;
            }
            if part.value.is_empty() {
                if alone {
                    return Ok(());
                }
                let message =
                    r"an argument is empty; an IPv6 address in a typed string needs [ ] or \:";
                return Err(Fault::new(Code::EmptyArgument, part.place, message));
            }
            if place == 0 && self.ports_first() && !number(&part.value) {
                // host:port, as people say it.
                self.positionals.swap(0, 1);
            }
            let Some(name) = self.positionals.get(place).copied() else {
                return Err(self.one_too_many(&part.value, part.place, behind));
            };
            place += 1;
            self.add(name, part.value, part.place)?;
        }
        Ok(())
    }

    /// Adds a value by a name that somebody wrote; returns its real name.
    pub(super) fn set(
        &mut self,
        key: &str,
        key_place: Range<usize>,
        value: String,
        place: Range<usize>,
    ) -> Result<&'static str, Fault> {
        let Some(name) = self.name(key) else {
            return Err(self.unknown(key, key_place));
        };
        self.add(name, value, key_place.start..place.end)?;
        // A value is wrong where it stands, without its key.
        if let Some(last) = self.given.last_mut() {
            last.place = place;
        }
        Ok(name)
    }

    /// Adds a value by its real name.
    pub(super) fn add(
        &mut self,
        name: &'static str,
        value: String,
        place: Range<usize>,
    ) -> Result<(), Fault> {
        let once = self.slots.iter().any(|slot| slot.name == name && !slot.repeated);
        if once && self.given.iter().any(|given| given.name == name) {
            let message = format!("{name} is given twice");
            return Err(Fault::new(Code::DuplicateOption, place, message));
        }
        self.given.push(Argument { name, value, place });
        Ok(())
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, name: &str) -> Option<Argument> {
        let at = self.given.iter().position(|given| given.name == name)?;
        Some(self.given.remove(at))
    }

    /// Takes all values of one name out.
    pub(super) fn take_all(&mut self, name: &str) -> Vec<Argument> {
        self.take_where(|given| given == name)
    }

    /// Takes the endpoint out that stands inside this one.
    pub(super) fn take_endpoint(&mut self) -> Option<Argument> {
        let is_endpoint = |slot: &&Slot| {
            slot.parameter.is_some_and(|parameter| matches!(parameter.shape, Shape::Endpoint))
        };
        let name = self.slots.iter().find(is_endpoint)?.name;
        self.take(name)
    }

    /// Adds a host and a port; both but the port's existence are checked where they are read.
    pub(super) fn host_and_port(
        &mut self,
        piece: Piece<'_>,
        (host, port): (Found, Found),
        name: &'static str,
    ) -> Result<(), Fault> {
        let Some((port, port_place)) = port else {
            let Some((host, _)) = host else {
                // The sentence about what is missing is made where it is missed.
                return Ok(());
            };
            let message = format!("{} has no port; write {}:8080", quoted(&host), repeated(&host));
            return Err(Fault::new(Code::MissingPort, piece.end(), message));
        };
        self.add("port", port, port_place)?;
        match host {
            Some((host, place)) => self.add(name, host, place),
            None => Ok(()),
        }
    }

    /// Adds a value for the first parameter.
    pub(super) fn first(&mut self, value: String, place: Range<usize>) -> Result<(), Fault> {
        match self.positionals.first().copied() {
            Some(name) => self.add(name, value, place),
            None => Err(self.one_too_many(&value, place, None)),
        }
    }

    /// Takes out what is for the kind itself, where it was brought along.
    pub(super) fn take_custom(&mut self) -> Vec<Argument> {
        let of_kind = self.slots.iter().filter(|slot| slot.parameter.is_none());
        let names: Vec<_> = of_kind.map(|slot| slot.name).collect();
        self.take_where(|name| names.contains(&name))
    }

    fn take_where(&mut self, wanted: impl Fn(&str) -> bool) -> Vec<Argument> {
        let given = std::mem::take(&mut self.given);
        let (taken, rest) = given.into_iter().partition(|given| wanted(given.name));
        self.given = rest;
        taken
    }

    /// The values that are left, with their parameters.
    pub(super) fn rest(&mut self) -> Vec<(Argument, Option<&'static Parameter>)> {
        let given = std::mem::take(&mut self.given);
        let parameter = |name| self.slots.iter().find(|slot| slot.name == name)?.parameter;
        given.into_iter().map(|given| (parameter(given.name), given)).map(|(p, g)| (g, p)).collect()
    }

    /// The real name of a parameter.
    pub(super) fn name(&self, key: &str) -> Option<&'static str> {
        if key.len() > 64 {
            return None;
        }
        let key = plain_key(key);
        let means = |slot: &&Slot| slot.names().any(|name| plain_key(name) == key);
        self.slots.iter().find(means).map(|slot| slot.name)
    }

    /// That there is no such parameter; the one that looks most like it comes first.
    pub(super) fn unknown(&self, key: &str, place: Range<usize>) -> Fault {
        let near = nearest(key, self.slots.iter().flat_map(Slot::names));
        let near = near.and_then(|near| self.name(near));
        // Who writes a name knows of the place and the port.
        let place_itself = |name: &str| matches!(name, "host" | "interface" | "port" | "path");
        let listen = self.role == Role::Listen;
        let others = self.slots.iter().map(|slot| slot.name).filter(|name| {
            Some(*name) != near && !(place_itself(name) && !(listen && *name == "interface"))
        });
        let known: Vec<_> =
            near.into_iter().chain(others.filter(|name| *name != "lockfile")).collect();
        let (kind, role, key) = (self.kind, self.role.name(), quoted(key));
        let known = match known.as_slice() {
            [] => "it has none".to_owned(),
            known => format!("it has {}", known.join(", ")),
        };
        let message = format!("{kind} ({role}) has no option {key}; {known}");
        Fault::new(Code::UnknownOption, place, message)
    }

    fn one_too_many(&self, value: &str, place: Range<usize>, behind: Option<&str>) -> Fault {
        let takes = match self.positionals.as_slice() {
            [] => "no arguments".to_owned(),
            [one] => (*one).to_owned(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        };
        let bound = self.given.iter().find(|given| given.name == "bind");
        let meant = match (bound, self.surplus) {
            (Some(bound), _) if behind == Some("bind") && number(value) => {
                format!(". Did you mean bind=[{}:{}]?", repeated(&bound.value), repeated(value))
            }
            (_, Some(other)) if other.shape.setting(value).is_ok() => {
                format!(". Did you mean {}={}?", other.name, repeated(value))
            }
            _ if self.positionals == ["path"] => r"; a colon in a path is written \:".to_owned(),
            _ => String::new(),
        };
        let message =
            format!("{} takes {takes}; {} is one too many{meant}", self.kind, quoted(value));
        Fault::new(Code::TooMany, place, message)
    }

    /// Returns `true` if the host has its key, so that the only number without one is the port.
    fn host_is_named(&self, parts: &[Part]) -> bool {
        let named =
            |part: &Part| part.key.as_ref().is_some_and(|(key, _)| plain_key(key) == "host");
        let mut bare = parts.iter().filter(|part| part.key.is_none());
        self.positionals == ["host", "port"]
            && parts.iter().any(named)
            && bare.next().is_some_and(|part| number(&part.value))
            && bare.next().is_none()
    }

    fn ports_first(&self) -> bool {
        self.positionals.starts_with(&["port", "interface"])
    }
}

impl Slot {
    fn of(parameter: &'static Parameter) -> Self {
        let Parameter { name, aliases, .. } = *parameter;
        Self { name, aliases, repeated: false, parameter: Some(parameter) }
    }

    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.aliases.iter().copied().chain([self.name])
    }
}

/// Returns `true` if a text is, or was meant as, a number.
fn number(text: &str) -> bool {
    super::values::numeric(text)
}
