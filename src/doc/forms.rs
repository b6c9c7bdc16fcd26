//! A JSON Schema of rules and protocols, made from the tables of their options.

use chenapan_core::{Choice, Form, OptionSpec, Registry};
use chenapan_engine::rule::{ALIASES, SELECTORS};
use serde_json::{Map, Value, json};

/// A number with or without digits after a point.
pub(super) const DECIMAL: &str = "([0-9]+[.]?[0-9]*|[.][0-9]+)";

/// The units of times and of sizes.
const TIMES: &str = "(ns|us|\u{b5}s|ms|s|m|min|h|d)";
const SIZES: &str = "(B|[kKMGT]B|[KMGT]iB)";

/// A JSON Schema of a list of rules and of a protocol, for editors.
pub(crate) fn schema(registry: &Registry) -> Value {
    let rules: Vec<Value> = registry
        .behaviors()
        .iter()
        .map(|entry| {
            let shadowed =
                |spec: &&OptionSpec| entry.options.iter().any(|own| own.name == spec.name);
            let plain = SELECTORS.iter().filter(|spec| !shadowed(spec));
            let mut properties = properties(entry.options.iter().chain(plain));
            for spec in SELECTORS.iter().filter(shadowed) {
                properties.insert(format!("rule-{}", spec.name), property(spec));
            }
            aliases(entry.options, &mut properties);
            one(entry.name, &entry.summary(), entry.options, properties)
        })
        .collect();
    let protocols: Vec<Value> = registry
        .protocols()
        .iter()
        .map(|entry| {
            let properties = properties(entry.options.iter());
            one(entry.name, &entry.summary(), entry.options, properties)
        })
        .collect();
    let names = |names: Vec<&'static str>| names.join("|");
    let behaviors = names(registry.behaviors().iter().map(|entry| entry.name).collect());
    let known = names(registry.protocols().iter().map(|entry| entry.name).collect());
    let mut all = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chenapan: rules and protocols",
        "$defs": {
            "protocol": { "anyOf": [
                written("PROTOCOL or PROTOCOL:OPTION=VALUE", &format!("^ *({known}) *(:[\\s\\S]*)?$")),
                { "$ref": "#/$defs/variable" },
                { "anyOf": protocols }
            ]},
            "rule": { "anyOf": [
                written(
                    "BEHAVIOR, BEHAVIOR:OPTION=VALUE, or a mix such as 20:delay,5:error",
                    &format!("^( *({behaviors}) *(:[\\s\\S]*)?|[0-9][0-9.]*%? *: *({behaviors})[\\s\\S]*)$"),
                ),
                { "$ref": "#/$defs/variable" },
                { "anyOf": rules }
            ]},
            "rules": { "type": "array", "items": { "$ref": "#/$defs/rule" } },
            "variable": {
                "type": "string",
                "pattern": "\\{[A-Za-z0-9_.-]+\\}",
                "description": "A text with a {name} that is filled in."
            },
        },
    });
    for form in FORMS {
        all["$defs"][form.name()] = of_form(form);
    }
    all
}

fn written(about: &str, pattern: &str) -> Value {
    json!({ "type": "string", "description": about, "pattern": pattern })
}

/// The forms that look alike wherever they stand.
const FORMS: [Form; 9] = [
    Form::Flag,
    Form::Count,
    Form::Number,
    Form::Decimal,
    Form::Chance,
    Form::Time,
    Form::Size,
    Form::Rate,
    Form::Text,
];

fn of_form(form: Form) -> Value {
    let text = |pattern: String| json!({ "type": "string", "pattern": pattern });
    let variable = json!({ "$ref": "#/$defs/variable" });
    let number = json!({ "type": "number", "minimum": 0 });
    let alternatives = match form {
        Form::Flag => {
            let words = ["yes", "no", "true", "false", "on", "off", "1", "0"];
            vec![json!({ "enum": words }), json!({ "type": "boolean" }), json!({ "enum": [0, 1] })]
        }
        Form::Count => vec![
            json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
            text("^[0-9]+$".to_owned()),
        ],
        Form::Number => vec![json!({ "type": "integer" }), text("^-?[0-9]+$".to_owned())],
        Form::Decimal => vec![json!({ "type": "number" }), text(format!("^-?{DECIMAL}$"))],
        Form::Chance => vec![
            json!({ "type": "number", "minimum": 0, "maximum": 1 }),
            text(format!("^(0*[.][0-9]+|0+[.]?|0*1([.]0*)?|{DECIMAL}%)$")),
        ],
        Form::Time => vec![number, text(format!("^{DECIMAL} *{TIMES}?$"))],
        Form::Size => vec![number, text(format!("^{DECIMAL} *{SIZES}?$"))],
        Form::Rate => vec![text(format!("^{DECIMAL} *({SIZES}|[kMG]?bit)/s$"))],
        // What is in it is seen when it is read.
        _ => return json!({ "type": ["string", "number", "boolean"] }),
    };
    json!({ "anyOf": alternatives.into_iter().chain([variable]).collect::<Vec<_>>() })
}

/// The schema of a form, by its name.
pub(super) fn form(form: Form) -> Value {
    if let Form::Own(chenapan_core::OwnForm { pattern: Some(pattern), name, .. }) = form {
        let text = json!({ "type": "string", "pattern": pattern, "description": name });
        return json!({ "anyOf": [text, { "$ref": "#/$defs/variable" }] });
    }
    if let Form::UpTo(most) = form {
        let digits = json!({ "type": "string", "pattern": "^[0-9]+$" });
        let number = json!({ "type": "integer", "minimum": 0, "maximum": most });
        return json!({ "anyOf": [number, digits, { "$ref": "#/$defs/variable" }] });
    }
    let name = if FORMS.contains(&form) { form } else { Form::Text }.name();
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// One of some words; YAML takes some of them for numbers or flags.
pub(super) fn choice(choices: &[Choice]) -> Value {
    let words = || choices.iter().map(|choice| choice.text);
    let mut values: Vec<Value> = words().map(|word| json!(word)).collect();
    for word in words() {
        values.extend(word.parse::<i64>().ok().map(|number| json!(number)));
        match word {
            "yes" | "on" | "true" => values.push(json!(true)),
            "no" | "off" | "false" => values.push(json!(false)),
            _ => {}
        }
    }
    json!({ "anyOf": [{ "enum": values }, { "$ref": "#/$defs/variable" }] })
}

pub(super) fn properties<'a>(options: impl Iterator<Item = &'a OptionSpec>) -> Map<String, Value> {
    options.map(|spec| (spec.name.to_owned(), property(spec))).collect()
}

/// Adds the older names of selectors, which editors mark and do not propose.
fn aliases(options: &[OptionSpec], properties: &mut Map<String, Value>) {
    for (alias, selector) in ALIASES {
        let known = SELECTORS.iter().filter(|spec| spec.name == *selector);
        let shadowed = options.iter().any(|own| own.name == *alias);
        let name = if shadowed { format!("rule-{alias}") } else { (*alias).to_owned() };
        for spec in known {
            let about = json!(format!("Another name for {selector}."));
            let mut property = property(spec);
            (property["description"], property["deprecated"]) = (about, json!(true));
            properties.insert(name.clone(), property);
        }
    }
}

/// A plug-in as a map of its name to its options.
fn one(name: &str, about: &str, options: &[OptionSpec], properties: Map<String, Value>) -> Value {
    let needed: Vec<_> =
        options.iter().filter(|spec| spec.default.is_none()).map(|spec| spec.name).collect();
    let kinds = if needed.is_empty() { json!(["object", "null"]) } else { json!("object") };
    json!({
        "type": "object",
        "description": about,
        "properties": { name: {
            "type": kinds,
            "properties": properties,
            "required": needed,
            "additionalProperties": false,
        }},
        "required": [name],
        "additionalProperties": false,
    })
}

fn property(spec: &OptionSpec) -> Value {
    let mut property = match spec.choices() {
        [] => form(spec.form),
        choices => choice(choices),
    };
    // An option without a value is switched on.
    if spec.choices().is_empty() && spec.form.parse("yes").is_ok() {
        property = json!({ "anyOf": [property, { "type": "null" }] });
    }
    if spec.repeated {
        property = json!({ "anyOf": [property, { "type": "array", "items": property }] });
    }
    property["description"] = json!(spec.summary());
    if let Some(default) = spec.default {
        property["default"] = json!(default);
    }
    property
}
