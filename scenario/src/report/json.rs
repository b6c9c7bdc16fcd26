//! A scenario's outcome as JSON, and the schema of it.
//!
//! Names, their types and their meaning are a promise to other programs; more names may come.

use crate::{Figure, Group, Outcome, Unit};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Grows when a name goes away or means something else.
const SCHEMA: u32 = 1;

/// The report.
pub(super) fn json(outcome: &Outcome) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        schema: u32,
        #[serde(flatten)]
        outcome: &'a Outcome,
    }
    let report = serde_json::to_string_pretty(&Report { schema: SCHEMA, outcome });
    // It fails only for maps whose keys are no texts.
    report.expect("an outcome has names for keys") + "\n"
}

/// The JSON Schema of the report.
pub fn schema() -> Value {
    let mut report = object(
        "a scenario that was run",
        [
            ("schema", json!({"const": SCHEMA, "description": "the version of this schema"})),
            ("name", is("string", "its name")),
            ("file", is("string", "its file, as it was given")),
            ("seed", is("integer", "what decided every draw, up to 64 bits")),
            ("held", is("boolean", "whether everything held")),
            ("took", is("number", "seconds")),
            ("phases", list("in order; a repeated one is there more than once", phase())),
            ("stopped", or_null(is("string", "why it ended before its last phase"))),
        ],
    );
    report["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    report["title"] = "report of chenapan scenario run".into();
    report
}

fn phase() -> Value {
    object(
        "a phase that was run",
        [
            ("name", is("string", "its name, with the round where it is repeated")),
            ("began", is("number", "seconds after the start of the scenario")),
            ("took", is("number", "seconds")),
            ("held", is("boolean", "whether all its expectations held")),
            ("connections", is("integer", "connections accepted in it")),
            ("causes", list("why connections did not come about", cause())),
            ("panics", list("those of them that are panics of plug-ins: no verdict", cause())),
            ("rules", list("its rules", rule())),
            ("checks", list("its expectations", check())),
            ("command", or_null(command())),
            ("load", or_null(load())),
            ("samples", list("for a timeline, in order of time", sample())),
        ],
    )
}

fn rule() -> Value {
    let rate = object(
        "the rate that a rule was asked for, where it has one and bytes waited for it",
        [
            ("asked", is("integer", "bytes a second that it was asked for")),
            ("reached", is("number", "bytes a second that it let through while any waited")),
            ("lost", is("number", "seconds without any because this machine was busy")),
        ],
    );
    object(
        "a rule of a phase",
        [
            ("proxy", is("string", "the proxy that it was set on")),
            ("rule", is("string", "the rule as it was written")),
            ("met", is("integer", "units that it met")),
            ("faults", is("integer", "faults that it made")),
            ("rate", or_null(rate)),
        ],
    )
}

fn check() -> Value {
    object(
        "an expectation, and what was found",
        [
            ("subject", is("string", "what was looked at")),
            ("expected", is("string", "what should have been")),
            ("found", is("string", "what was")),
            ("held", is("boolean", "whether it held")),
            ("place", or_null(is("string", "its file and line; null where it is not written"))),
        ],
    )
}

fn cause() -> Value {
    object(
        "a reason for which connections did not come about",
        [
            ("proxy", is("string", "the proxy")),
            ("cause", is("string", "the reason in words")),
            ("count", is("integer", "the number of connections")),
        ],
    )
}

fn command() -> Value {
    object(
        "the command of a phase",
        [
            ("command", is("string", "with its placeholders filled in")),
            (
                "exit",
                or_null(is(
                    "integer",
                    "its exit code, or 128 and the signal that ended it; null where it was stopped",
                )),
            ),
            ("took", is("number", "seconds")),
            ("output", is("string", "the end of what it wrote to standard output")),
            ("errors", is("string", "the end of what it wrote to standard error")),
        ],
    )
}

fn sample() -> Value {
    object(
        "what was counted up to a moment of the phase, over all proxies",
        [
            ("at", is("number", "seconds after the start of the scenario")),
            ("up", is("integer", "bytes handed on upstream in the phase")),
            ("down", is("integer", "bytes handed on downstream in the phase")),
            ("faults", is("integer", "faults in the phase")),
            ("open", is("integer", "connections open at that moment")),
            ("p50", is("number", "median latency in seconds since the last sample; 0: none")),
            ("p99", is("number", "the 99th percentile of it")),
        ],
    )
}

fn load() -> Value {
    let causes = json!({
        "type": "object",
        "description": "why exchanges did not go well, with the number of them",
        "required": [],
        "additionalProperties": is("integer", "exchanges")
    });
    let latency = object("seconds, of the exchanges that went well", figures(Group::Latency));
    let exchanges = figures(Group::Exchanges);
    let others = [("causes".to_owned(), causes)].into_iter().chain(figures(Group::Traffic));
    let fields = exchanges.chain(others).chain([("latency".to_owned(), latency)]);
    object("the load of a phase", fields)
}

fn figures(group: Group) -> impl Iterator<Item = (String, Value)> {
    Figure::of(group).map(|figure| {
        let kind = match figure.unit {
            Unit::Count | Unit::Bytes => "integer",
            Unit::PerSecond | Unit::Seconds => "number",
        };
        (figure.key(), is(kind, figure.about))
    })
}

fn is(kind: &str, about: &str) -> Value {
    match kind {
        "integer" => json!({"type": kind, "description": about, "minimum": 0}),
        _ => json!({"type": kind, "description": about}),
    }
}

fn list(about: &str, items: Value) -> Value {
    json!({"type": "array", "description": about, "items": items})
}

/// An object that always has all of these.
fn object<N: Into<String>>(about: &str, fields: impl IntoIterator<Item = (N, Value)>) -> Value {
    let (mut names, mut properties) = (Vec::new(), Map::new());
    for (name, value) in fields {
        let name = name.into();
        names.push(name.clone());
        properties.insert(name, value);
    }
    json!({"type": "object", "description": about, "required": names, "properties": properties})
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_report_is_what_it_was() {
        assert_eq!(json(&sample::failed()), include_str!("sample.json"));
    }

    #[test]
    fn reports_are_as_the_schema_says() {
        for outcome in [sample::held(), sample::failed(), sample::stopped(), sample::long(3)] {
            let report = serde_json::from_str(&json(&outcome)).unwrap();
            assert_eq!(differs(&report, &schema(), "report"), None);
        }
    }

    #[test]
    fn what_the_schema_does_not_say_is_found() {
        let report: Value = serde_json::from_str(&json(&sample::failed())).unwrap();
        let wrong = |change: fn(&mut Value)| {
            let mut report = report.clone();
            change(&mut report);
            differs(&report, &schema(), "report").unwrap()
        };
        assert_eq!(wrong(|report| report["schema"] = 2.into()), "report.schema is not 1");
        assert_eq!(wrong(|report| report["more"] = 2.into()), "report.more is not in the schema");
        assert_eq!(
            wrong(|report| report["phases"][1]["load"]["ok"] = json!(1.5)),
            "report.phases[1].load.ok: 1.5"
        );
        let gone = wrong(|report| drop(report.as_object_mut().unwrap().remove("stopped")));
        assert_eq!(gone, "report.stopped is missing");
    }

    #[test]
    fn the_page_tells_of_every_name() {
        let page = include_str!("../../../docs/reports.md");
        let mut open = vec![schema()];
        while let Some(schema) = open.pop() {
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                assert!(page.contains(&format!("`{name}`")), "docs/reports.md: {name}");
                open.extend([field.clone(), field["items"].clone()]);
            }
        }
    }

    /// The first place where a value is not what the schema says, names that it lacks included.
    fn differs(value: &Value, schema: &Value, place: &str) -> Option<String> {
        if let Some(right) = schema.get("const") {
            return (value != right).then(|| format!("{place} is not {right}"));
        }
        let is = |kind: &Value| match kind.as_str() {
            Some("null") => value.is_null(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => false,
        };
        let kinds = &schema["type"];
        if !kinds.as_array().map_or_else(|| is(kinds), |kinds| kinds.iter().any(is)) {
            return Some(format!("{place}: {value}"));
        }
        if let Some(fields) = value.as_object() {
            let none = Map::new();
            let known = schema["properties"].as_object().unwrap_or(&none);
            let others = schema.get("additionalProperties");
            let required = schema["required"].as_array()?;
            let missing =
                required.iter().filter_map(Value::as_str).find(|name| !fields.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{place}.{name} is missing"));
            }
            return fields.iter().find_map(|(name, value)| match known.get(name).or(others) {
                Some(schema) => differs(value, schema, &format!("{place}.{name}")),
                None => Some(format!("{place}.{name} is not in the schema")),
            });
        }
        let items = value.as_array().into_iter().flatten().enumerate();
        items
            .map(|(at, item)| differs(item, &schema["items"], &format!("{place}[{at}]")))
            .find_map(|wrong| wrong)
    }
}
