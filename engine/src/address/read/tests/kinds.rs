//! Each kind of the table, through every style: a row and its file are all that a kind needs.

use crate::address::built_in::{KINDS, Kind, Role, canonical};
use crate::address::{Connect, EndpointError, Kinds, Listen};
use serde_json::{Value, json};

/// Text of an address, in two ways.
type Printed = (Value, String);

fn read(role: Role, text: &str) -> Result<Printed, EndpointError> {
    match role {
        Role::Listen => text.parse().map(|read: Listen| (read.json(), read.to_string())),
        Role::Connect => text.parse().map(|read: Connect| (read.json(), read.to_string())),
    }
}

fn of_object(role: Role, object: &Value) -> Result<Printed, EndpointError> {
    let kinds = Kinds::new();
    match role {
        Role::Listen => kinds.listen_object(object).map(|read| (read.json(), read.to_string())),
        Role::Connect => kinds.connect_object(object).map(|read| (read.json(), read.to_string())),
    }
}

fn code(read: Result<Printed, EndpointError>) -> &'static str {
    read.map_or_else(|error| error.code(), |_| "none")
}

/// Every kind in every role.
fn uses() -> impl Iterator<Item = (&'static Kind, Role)> {
    KINDS.iter().flat_map(|kind| [(kind, Role::Listen), (kind, Role::Connect)])
}

#[test]
fn the_example_of_every_kind_is_printed_and_read_back() {
    for (kind, role) in uses() {
        let Some(usage) = kind.usage(role) else { continue };
        let read = read(role, usage.example).unwrap();
        let (form, shown) = &read;
        assert!(canonical().any(|(name, _)| form["kind"] == name), "{form}");
        assert!(!shown.is_empty(), "{form}");
        assert_eq!(of_object(role, form), Ok(read.clone()), "{form}");
        // A place that has fields of its own is known by any of them.
        let fields = canonical().find(|(name, _)| form["kind"] == *name).unwrap().1;
        let mut unnamed = form.clone();
        unnamed.as_object_mut().unwrap().remove("kind");
        match fields.is_empty() {
            true => assert_eq!(code(of_object(role, &unnamed)), "missing-option", "{unnamed}"),
            false => assert_eq!(of_object(role, &unnamed), Ok(read), "{unnamed}"),
        }
    }
}

#[test]
fn every_name_is_known_in_every_style_and_in_the_wrong_role() {
    for (kind, role) in uses() {
        for name in kind.names {
            let lone = code(read(role, &format!("{name}:")));
            let url = code(read(role, &format!("{name}://")));
            let object = code(of_object(role, &json!({ "kind": name })));
            if kind.usage(role).is_some() {
                for code in [lone, url, object] {
                    assert!(!["unknown-kind", "wrong-role"].contains(&code), "{name}: {code}");
                }
            } else if *name != "-" {
                assert_eq!((lone, url), ("wrong-role", "wrong-role"), "{name}");
                assert!(["wrong-role", "conflict"].contains(&object), "{name}: {object}");
            }
        }
    }
}

#[test]
fn every_parameter_takes_its_example_by_each_of_its_names() {
    for (kind, role) in uses() {
        let Some(usage) = kind.usage(role) else { continue };
        for parameter in usage.all() {
            let value = crate::address::quote(parameter.example);
            for name in parameter.aliases.iter().chain([&parameter.name]) {
                let text = match usage.example.contains("://") {
                    true => format!("{}&{name}={value}", usage.example),
                    false => format!("{}:{name}={value}", usage.example),
                };
                // It may be given already, or not go with the example.
                let said = code(read(role, &text));
                assert!(!["unknown-option", "bad-value"].contains(&said), "{text}: {said}");
            }
        }
    }
}
