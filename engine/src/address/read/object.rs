//! The canonical form in: an object in place of a string, as programs and YAML files write it.
//!
//! It only finds the parts; what they mean is up to [`make`](super::make).

use super::arguments::{Arguments, arguments};
use super::table::{Kind, Role, Sort};
use super::tokens::Piece;
use super::{command, make, own, plain, socks, typed, values};
use crate::address::error::{Code, Fault, quoted};
use crate::address::{
    Auth, Connect, EndpointError, HeaderVersion, Kinds, Listen, ListenPlace, Socks, SocksHop,
    Target,
};
use chenapan_core::nearest;
use serde_json::{Map, Value};
use std::ops::Range;

impl Kinds {
    /// Reads an address to listen at from its canonical form, or from a string in any style.
    ///
    /// # Errors
    ///
    /// What is wrong, where, and what would do.
    pub fn listen_object(&self, value: &Value) -> Result<Listen, EndpointError> {
        match value {
            Value::String(text) => self.listen(text),
            value => read(value, |object| object.listen(self)),
        }
    }

    /// Reads an address to connect to from its canonical form, or from a string in any style.
    ///
    /// # Errors
    ///
    /// What is wrong, where, and what would do.
    pub fn connect_object(&self, value: &Value) -> Result<Connect, EndpointError> {
        match value {
            Value::String(text) => self.connect(text),
            value => read(value, |object| object.connect(self)),
        }
    }
}

/// The object as one line, in which every part has its place.
struct Written {
    text: String,
    places: Vec<(Range<usize>, Vec<String>)>,
}

/// The fields that are still to be read.
struct Object {
    fields: Vec<Field>,
    known: Vec<&'static str>,
    place: Range<usize>,
}

#[derive(Clone)]
struct Field {
    key: String,
    key_place: Range<usize>,
    value: Value,
    place: Range<usize>,
    /// The fields of its value, where that is an object.
    inner: Vec<Field>,
}

fn read<T>(
    value: &Value,
    make: impl FnOnce(Object) -> Result<T, Fault>,
) -> Result<T, EndpointError> {
    let mut written = Written { text: String::new(), places: Vec::new() };
    let fields = match value {
        Value::Object(map) => written.object(map, &[], 0),
        other => {
            written.text = other.to_string();
            let message = "expected an address, as text or as an object with a kind";
            let fault = Fault::new(Code::BadValue, 0..written.text.len(), message);
            return Err(fault.of(&written.text));
        }
    };
    let place = 0..written.text.len();
    make(Object { fields, known: Vec::new(), place }).map_err(|fault| {
        let inside =
            |place: &Range<usize>| place.start <= fault.place.start && fault.place.end <= place.end;
        // The innermost one comes first.
        let found = written.places.iter().find(|(place, _)| inside(place));
        let path = found.map_or(Vec::new(), |(_, path)| path.clone());
        fault.of_object(written.text, path)
    })
}

impl Written {
    fn object(&mut self, map: &Map<String, Value>, path: &[String], depth: u8) -> Vec<Field> {
        self.text.push('{');
        let mut fields = Vec::new();
        for (key, value) in map {
            if !fields.is_empty() {
                self.text.push_str(", ");
            }
            let path: Vec<_> = path.iter().chain([key]).cloned().collect();
            let from = self.text.len();
            self.text.push_str(&Value::from(key.as_str()).to_string());
            let key_place = from..self.text.len();
            self.text.push_str(": ");
            let start = self.text.len();
            let inner = match value {
                // An address has no objects further in; what is there is refused as a whole.
                Value::Object(map) if depth == 0 => self.object(map, &path, depth + 1),
                other => {
                    self.text.push_str(&other.to_string());
                    Vec::new()
                }
            };
            let place = start..self.text.len();
            self.places.push((from..place.end, path));
            let (key, value) = (key.clone(), value.clone());
            fields.push(Field { key, key_place, value, place, inner });
        }
        self.text.push('}');
        fields
    }
}

impl Object {
    fn listen(mut self, kinds: &Kinds) -> Result<Listen, Fault> {
        let (name, place) = self.kind()?;
        let header = match self.text("proxy_protocol")? {
            None => false,
            Some((text, _)) if text == "require" => true,
            Some((text, place)) => {
                let wrong = format!("{} is not require", quoted(&text));
                return Err(Fault::value("proxy_protocol", &wrong, place));
            }
        };
        let mut listen = match self.built_in(&name, Role::Listen, &place)? {
            Some((kind, given)) => make::listen(kind, self.filled(kind, given, &name)?)?,
            None => {
                let word = Piece { text: &name, start: 0 };
                let unknown = || plain::unknown_kind(word, Role::Listen, kinds);
                let entry = match typed::knows(kinds, &name) {
                    true => typed::own_kind(kinds.listeners(), word, Role::Listen),
                    false => Err(unknown()),
                };
                let entry = entry.map_err(|fault| Fault { place: place.clone(), ..fault })?;
                let end = self.place.end..self.place.end;
                let given = Arguments::own(entry.name, Role::Listen, entry.options, end);
                let mut given = self.optioned(given, &name)?;
                let own = own::configure(entry, &mut given)?;
                make::finished_listen(Listen::new(ListenPlace::Custom(own)), given)?
            }
        };
        listen.header = header;
        Ok(listen)
    }

    fn connect(mut self, kinds: &Kinds) -> Result<Connect, Fault> {
        let (name, place) = self.kind()?;
        let header = match self.text("proxy_protocol")? {
            None => None,
            Some((text, place)) => Some(match text.as_str() {
                "v1" => HeaderVersion::V1,
                "v2" => HeaderVersion::V2,
                _ => {
                    let wrong = format!("{} is not v1 or v2", quoted(&text));
                    return Err(Fault::value("proxy_protocol", &wrong, place));
                }
            }),
        };
        let mut connect = match self.built_in(&name, Role::Connect, &place)? {
            Some((Kind { sort: Sort::Exec, .. }, given)) => {
                let command = self.command()?;
                let given = self.optioned(given, &name)?;
                make::finished_connect(Connect::new(Target::Exec(command)), given)?
            }
            Some((kind, given)) => {
                let via = self.via()?;
                let given = self.filled(kind, given, &name)?;
                if let (Some((_, place)), false) =
                    (&via, matches!(kind.sort, Sort::Tcp | Sort::Tls))
                {
                    let message = format!("a SOCKS proxy leads to TCP ports only, not to {name}");
                    return Err(Fault::new(Code::Conflict, place.clone(), message));
                }
                make::connect(kind, given, via.map(|(via, _)| via), kinds)?
            }
            None => {
                let word = Piece { text: &name, start: 0 };
                let unknown = || plain::unknown_kind(word, Role::Connect, kinds);
                let entry = match typed::knows(kinds, &name) {
                    true => typed::own_kind(kinds.backends(), word, Role::Connect),
                    false => Err(unknown()),
                };
                let entry = entry.map_err(|fault| Fault { place: place.clone(), ..fault })?;
                let end = self.place.end..self.place.end;
                let given = Arguments::own(entry.name, Role::Connect, entry.options, end);
                let mut given = self.optioned(given, &name)?;
                let own = own::configure(entry, &mut given)?;
                make::finished_connect(Connect::new(Target::Custom(own)), given)?
            }
        };
        connect.header = header;
        Ok(connect)
    }

    /// The kind's name; where there is none, what the other fields say.
    fn kind(&mut self) -> Result<(String, Range<usize>), Fault> {
        if let Some((kind, place)) = self.text("kind")? {
            return Ok((kind.to_ascii_lowercase(), place));
        }
        let kind = match () {
            () if self.has("host") || self.has("port") => "tcp",
            () if self.has("path") => "unix",
            () if self.has("command") => "exec",
            () if self.has("fd") || self.has("index") || self.has("name") => "fd",
            () => {
                let message = "the address has no kind; write kind: tcp, unix, stdio, fd or exec";
                return Err(Fault::new(Code::MissingOption, self.place.clone(), message));
            }
        };
        Ok((kind.to_owned(), self.place.clone()))
    }

    /// A kind of the table, for this role.
    fn built_in(
        &mut self,
        name: &str,
        role: Role,
        place: &Range<usize>,
    ) -> Result<Option<(&'static Kind, Arguments)>, Fault> {
        // The canonical form knows one kind for descriptors, whoever passes them.
        let name = match name {
            "fd" if !self.has("fd") => "systemd",
            other => other,
        };
        let Some((kind, name)) = Kind::find(name) else { return Ok(None) };
        let field = match kind.sort {
            Sort::Wrapper => "write the kind that it stands before, and proxy_protocol",
            Sort::Socks => "write kind: tcp, and via: {protocol: ..., host: ..., port: ...}",
            _ => {
                let mut given = arguments((kind, name), role, place)?;
                given.end = self.place.end..self.place.end;
                return Ok(Some((kind, given)));
            }
        };
        Err(Fault::new(
            Code::Conflict,
            place.clone(),
            format!("{name} is no kind of an object; {field}"),
        ))
    }

    /// Adds the fields that say where, and the options.
    fn filled(
        &mut self,
        kind: &Kind,
        mut given: Arguments,
        name: &str,
    ) -> Result<Arguments, Fault> {
        let host = match given.role {
            Role::Listen => "interface",
            Role::Connect => "host",
        };
        let places: &[(&'static str, &'static str)] = match kind.sort {
            Sort::Tcp | Sort::Tls => &[("host", host), ("port", "port"), ("family", "family")],
            Sort::Unix => &[("path", "path")],
            Sort::Fd => &[("fd", "number"), ("name", "name"), ("index", "number")],
            Sort::Systemd => &[("index", "index"), ("name", "name")],
            _ => &[],
        };
        for (field, parameter) in places {
            let Some((text, place)) = self.text(field)? else { continue };
            if kind.sort == Sort::Fd && *field != "fd" {
                let message =
                    format!("an inherited socket has fd, index or name; {field} is one too many");
                return Err(Fault::new(Code::Conflict, place, message));
            }
            given.add(parameter, text, place)?;
        }
        if kind.sort == Sort::Tls {
            // To say so twice is no harm.
            self.flag("tls")?;
        }
        self.optioned(given, name)
    }

    /// Adds the options; nothing else may be left then.
    fn optioned(&mut self, mut given: Arguments, name: &str) -> Result<Arguments, Fault> {
        if !given.tls && self.flag("tls")? {
            given.and_tls();
        }
        let options = self.take("options");
        self.end(&given, name)?;
        let Some(options) = options else { return Ok(given) };
        if !options.value.is_object() {
            let message = "options: expected an object, such as {timeout: 5}";
            return Err(Fault::new(Code::BadValue, options.place, message));
        }
        // Fields of their own say where.
        let fields =
            ["host", "interface", "port", "path", "family", "via", "endpoint", "number", "index"];
        let own = given.is_own();
        for option in options.inner {
            if option.value.is_null() {
                continue;
            }
            let known = given.name(&option.key);
            if !own && known.is_some_and(|known| known == "name" || fields.contains(&known)) {
                let message =
                    format!("{} is no option but a field of its own", quoted(&option.key));
                return Err(Fault::new(Code::UnknownOption, option.key_place, message));
            }
            let key_place = option.key_place.clone();
            let values = match &option.value {
                Value::Array(values) if own => values.clone(),
                _ => vec![option.value.clone()],
            };
            for value in values {
                let one = Field { value, ..option.clone() };
                let (text, place) = one.text()?;
                given.set(&option.key, key_place.clone(), text, place)?;
            }
        }
        Ok(given)
    }

    fn command(&mut self) -> Result<Vec<String>, Fault> {
        let place = self.place.clone();
        let whole = |at: &Range<usize>| Piece { text: "", start: at.end };
        let Some(field) = self.take("command") else {
            return typed::checked(Vec::new(), whole(&place));
        };
        let at = field.place.clone();
        let words = match &field.value {
            Value::Array(words) => {
                let word = |value: &Value| {
                    Field { value: value.clone(), ..field.clone() }.text().map(|(text, _)| text)
                };
                words.iter().map(word).collect::<Result<_, _>>()?
            }
            _ => {
                let (text, place) = field.text()?;
                let words = command::words(Piece { text: &text, start: 0 });
                words.map_err(|fault| Fault { place, ..fault })?
            }
        };
        typed::checked(words, whole(&at)).map_err(|fault| Fault { place: at, ..fault })
    }

    /// The SOCKS proxy, as an object or a URL, and where it stands.
    fn via(&mut self) -> Result<Option<(SocksHop, Range<usize>)>, Fault> {
        let Some(field) = self.take("via") else { return Ok(None) };
        let at = field.place.clone();
        if !field.value.is_object() {
            let (text, place) = field.text()?;
            let via = socks::via(Piece { text: &text, start: 0 });
            return Ok(Some((via.map_err(|fault| Fault { place, ..fault })?, at)));
        }
        let mut inner = Object { fields: field.inner, known: Vec::new(), place: at.clone() };
        let protocol = match inner.text("protocol")? {
            None => Socks::Auto,
            Some((text, _)) if text == "auto" => Socks::Auto,
            Some((text, place)) => socks::protocol(&text).ok_or_else(|| {
                let wrong = format!("{} is none of auto, socks4, socks4a, socks5", quoted(&text));
                Fault::value("protocol", &wrong, place)
            })?,
        };
        let end = at.end..at.end;
        let missing = |code, what: &str| {
            Fault::new(code, end.clone(), format!("via has no {what}: the SOCKS proxy's"))
        };
        let (host, place) =
            inner.text("host")?.ok_or_else(|| missing(Code::MissingHost, "host"))?;
        let host = values::host(&host).map_err(|wrong| Fault::new(Code::BadHost, place, wrong))?;
        let (port, place) =
            inner.text("port")?.ok_or_else(|| missing(Code::MissingPort, "port"))?;
        let port = values::port(&port, true, place)?;
        let auth = inner.text("auth")?;
        let (user, password) = (inner.text("user")?, inner.text("password")?);
        inner.end(&Arguments::none(), "via")?;
        let auth = match (auth, user) {
            (Some((text, place)), _)
                if !matches!(text.as_str(), "none" | "user" | "password" | "random") =>
            {
                let wrong = format!("{} is none of none, user, password, random", quoted(&text));
                return Err(Fault::value("auth", &wrong, place));
            }
            (Some((text, place)), Some(_)) if matches!(text.as_str(), "none" | "random") => {
                let message = format!("auth: {text} leaves no room for a user");
                return Err(Fault::new(Code::Conflict, place, message));
            }
            (Some((text, _)), None) if text == "random" => Auth::Random,
            (Some((text, _)), None) if text == "none" => Auth::None,
            (None, None) if password.is_none() => Auth::None,
            (_, None) => return Err(missing(Code::MissingOption, "user")),
            (_, Some((user, place))) => {
                socks::auth(protocol, user, password.map(|(password, _)| password), place)?
            }
        };
        Ok(Some((SocksHop { protocol, host, port, auth }, at)))
    }

    /// Takes a field out, where it is there and not null.
    fn take(&mut self, name: &'static str) -> Option<Field> {
        self.known.push(name);
        let at = self.fields.iter().position(|field| field.key == name)?;
        Some(self.fields.remove(at)).filter(|field| !field.value.is_null())
    }

    fn text(&mut self, name: &'static str) -> Result<Option<(String, Range<usize>)>, Fault> {
        self.take(name).map(Field::text).transpose()
    }

    fn flag(&mut self, name: &'static str) -> Result<bool, Fault> {
        let Some((text, place)) = self.text(name)? else { return Ok(false) };
        values::flag(&text).map_err(|wrong| Fault::value(name, &wrong, place))
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.key == name && !field.value.is_null())
    }

    /// Checks that nothing is left.
    fn end(&self, given: &Arguments, kind: &str) -> Result<(), Fault> {
        let Some(field) = self.fields.first() else { return Ok(()) };
        let near = nearest(&field.key, self.known.iter().copied());
        let hint = match (near, given.name(&field.key)) {
            (_, Some(name)) if !self.known.contains(&name) => {
                format!("; write options: {{{name}: ...}}")
            }
            (Some(near), _) => format!("; did you mean {near}?"),
            _ => format!("; known here are {}", self.known.join(", ")),
        };
        let message = format!("{kind} has no field {}{hint}", quoted(&field.key));
        Err(Fault::new(Code::UnknownOption, field.key_place.clone(), message))
    }
}

impl Field {
    /// A text, a number or a flag, as it would stand in a string.
    fn text(self) -> Result<(String, Range<usize>), Fault> {
        let text = match &self.value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                // Without an exponent, which is no way to write a time.
                Some(float) => format!("{float:.9}").trim_end_matches('0').to_owned(),
                None => number.to_string(),
            },
            _ => {
                let message = format!("{}: expected text", quoted(&self.key));
                return Err(Fault::new(Code::BadValue, self.place, message));
            }
        };
        Ok((text, self.place))
    }
}
