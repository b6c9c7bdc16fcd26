//! The canonical form of an address as JSON: what was given, and nothing else.
//!
//! Reading it back is up to [`read`](super::read).

use super::kind::CustomKind;
use super::{
    Auth, Connect, Family, HeaderVersion, Host, Inherited, Listen, ListenPlace, OptionValue,
    Options, Socks,
};
use super::{SocksHop, Target};
use serde::Serialize;
use serde_json::{Map, Value};
use std::path::Path;
use std::time::Duration;

/// The fields of an address, in the order in which people look for them.
#[derive(Debug, Default, Serialize)]
pub struct Canonical {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(flatten)]
    socket: CanonicalSocket,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<u8>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    options: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<CanonicalHop>,
}

/// The fields of an inherited socket.
#[derive(Debug, Default, Serialize)]
struct CanonicalSocket {
    #[serde(skip_serializing_if = "Option::is_none")]
    fd: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct CanonicalHop {
    protocol: &'static str,
    host: String,
    port: u16,
    auth: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

impl Listen {
    /// The canonical form. [`Kinds::listen_object`](super::Kinds::listen_object) reads it back.
    pub fn json(&self) -> Value {
        serde_json::to_value(self.canonical()).unwrap_or_default()
    }

    /// Returns the canonical form, ready to be serialized.
    pub fn canonical(&self) -> Canonical {
        let mut form = Canonical {
            tls: self.tls,
            family: self.family.map(number),
            proxy_protocol: self.header.then_some("require"),
            ..Canonical::default()
        };
        match &self.place {
            ListenPlace::Tcp { host, port } => {
                form.kind("tcp");
                form.host = Some(host.as_ref().map_or("*".to_owned(), plain));
                form.port = Some(*port);
            }
            ListenPlace::Unix(path) => form.unix(path),
            ListenPlace::Stdio => form.kind("stdio"),
            ListenPlace::Inherited(which) => {
                form.kind("fd");
                match which {
                    Inherited::Number(number) => form.socket.fd = Some(*number),
                    Inherited::Index(index) => form.socket.index = Some(*index),
                    Inherited::Name(name) => form.socket.name = Some(name.clone()),
                }
            }
            ListenPlace::Custom(own) => form.own(own),
        }
        form.options(&self.options);
        form
    }
}

impl Connect {
    /// The canonical form. [`Kinds::connect_object`](super::Kinds::connect_object) reads it back.
    ///
    /// It holds what the address holds, the password for a SOCKS proxy too.
    pub fn json(&self) -> Value {
        serde_json::to_value(self.canonical()).unwrap_or_default()
    }

    /// Returns the canonical form, ready to be serialized.
    pub fn canonical(&self) -> Canonical {
        let mut form = Canonical {
            tls: self.tls,
            family: self.family.map(number),
            proxy_protocol: self.header.map(|header| match header {
                HeaderVersion::V1 => "v1",
                HeaderVersion::V2 => "v2",
            }),
            via: self.via.as_ref().map(SocksHop::canonical),
            ..Canonical::default()
        };
        match &self.target {
            Target::Tcp { host, port } => {
                form.kind("tcp");
                form.host = Some(plain(host));
                form.port = Some(*port);
            }
            Target::Unix(path) => form.unix(path),
            Target::Exec(command) => {
                form.kind("exec");
                form.command = Some(command.clone());
            }
            Target::Custom(own) => form.own(own),
        }
        form.options(&self.options);
        form
    }
}

impl SocksHop {
    fn canonical(&self) -> CanonicalHop {
        let (auth, user, password) = match &self.auth {
            Auth::None => ("none", None, None),
            Auth::User(user) => ("user", Some(user.clone()), None),
            Auth::Password { user, password } => {
                ("password", Some(user.clone()), Some(password.clone()))
            }
            Auth::Random => ("random", None, None),
        };
        let protocol = match self.protocol {
            Socks::Auto => "auto",
            Socks::V4 => "socks4",
            Socks::V4a => "socks4a",
            Socks::V5 => "socks5",
        };
        CanonicalHop { protocol, host: plain(&self.host), port: self.port, auth, user, password }
    }
}

impl Canonical {
    fn kind(&mut self, name: &str) {
        name.clone_into(&mut self.kind);
    }

    fn unix(&mut self, path: &Path) {
        self.kind("unix");
        self.path = Some(path.to_string_lossy().into_owned());
    }

    fn own<T: ?Sized>(&mut self, own: &CustomKind<T>) {
        self.kind(own.name());
        for (name, text) in own.given() {
            let text = Value::from(text.as_str());
            match self.options.get_mut(*name) {
                None => drop(self.options.insert((*name).to_owned(), text)),
                // An option that was given more than once is a list.
                Some(Value::Array(list)) => list.push(text),
                Some(one) => *one = Value::Array(vec![one.take(), text]),
            }
        }
    }

    fn options(&mut self, options: &Options) {
        for (name, setting) in options.iter() {
            self.options.insert(name.to_owned(), setting.json());
        }
    }
}

impl OptionValue {
    /// Times are seconds, modes are octal text.
    fn json(&self) -> Value {
        match self {
            OptionValue::Flag(flag) => (*flag).into(),
            OptionValue::Number(number) => (*number).into(),
            OptionValue::Time(time) => seconds(*time),
            OptionValue::Mode(mode) => format!("{mode:o}").into(),
            OptionValue::Text(text) => text.as_str().into(),
        }
    }
}

fn seconds(time: Duration) -> Value {
    match time.subsec_nanos() {
        0 => time.as_secs().into(),
        _ => time.as_secs_f64().into(),
    }
}

fn number(family: Family) -> u8 {
    match family {
        Family::V4 => 4,
        Family::V6 => 6,
    }
}

/// A host without brackets.
fn plain(host: &Host) -> String {
    match host {
        Host::Address(address) => address.to_string(),
        Host::Name(name) => name.clone(),
    }
}
