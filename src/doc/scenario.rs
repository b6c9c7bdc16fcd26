//! A JSON Schema of scenario files, for editors, made from the tables by which they are read.
//!
//! It cannot say what one part of a file has to do with another; `scenario check` does.

use super::forms::{DECIMAL, choice, form, properties, schema};
use chenapan_core::{ClientEntry, Form, Pattern, Registry};
use chenapan_engine::endpoint::built_in::canonical;
use chenapan_scenario::{
    FIGURES, FILE, OWN_NAME, Object, PHASE, Plain, REQUESTS, Scalar, Shape, clients, of_proxy,
    taken,
};
use serde_json::{Map, Value, json};

/// The schema.
pub(crate) fn scenario_schema(registry: &Registry) -> Value {
    let mut whole = schema(registry);
    let defs = [
        ("address", address()),
        ("phase", object(&PHASE, registry)),
        ("proxy-rules", rules()),
        ("bounds", bounds(registry)),
        ("until", until()),
    ];
    for (name, part) in defs {
        whole["$defs"][name] = part;
    }
    let file = object(&FILE, registry);
    for (key, value) in file.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    whole["title"] = json!("chenapan: scenario");
    whole
}

fn of(shape: &Shape, registry: &Registry) -> Value {
    let by_name = |name: &str| json!({ "$ref": format!("#/$defs/{name}") });
    match shape {
        Shape::Scalar(scalar) => of_scalar(scalar),
        Shape::List(shape, least) => list(of(shape, registry), *least),
        Shape::Map(shape, _) => {
            let names = match shape {
                Shape::Object(_) => {
                    json!({ "pattern": OWN_NAME, "not": { "enum": taken().collect::<Vec<_>>() } })
                }
                _ => json!(true),
            };
            json!({ "type": "object", "propertyNames": names, "additionalProperties": of(shape, registry) })
        }
        Shape::Object(fields) => object(fields, registry),
        Shape::Short(scalar, fields) => {
            json!({ "anyOf": [of_scalar(scalar), object(fields, registry)] })
        }
        Shape::Client(client) => calls(client, registry),
        Shape::Phases => list(by_name("phase"), 0),
        Shape::Rules => by_name("proxy-rules"),
        Shape::Protocol => by_name("protocol"),
        Shape::Address => by_name("address"),
        Shape::Bounds => by_name("bounds"),
        Shape::Until => by_name("until"),
    }
}

/// A list, or a single item of it.
fn list(item: Value, least: usize) -> Value {
    json!({ "anyOf": [item, { "type": "array", "items": item, "minItems": least }] })
}

fn of_scalar(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Text => form(Form::Text),
        Scalar::Form(kind) => form(*kind),
        Scalar::Count(least, most) => {
            let digits = if *least == 0 { "^[0-9]+$" } else { "^0*[1-9][0-9]*$" };
            json!({ "anyOf": [
                { "type": "integer", "minimum": least, "maximum": most },
                { "type": "string", "pattern": digits },
                { "$ref": "#/$defs/variable" }
            ]})
        }
        Scalar::Choice(choices) => choice(choices),
        Scalar::ChoiceOr(choices, other, _) => {
            json!({ "anyOf": [choice(choices), of_scalar(other)] })
        }
        Scalar::Match(pattern, expected) => {
            let mut alternatives = vec![
                json!({ "type": "string", "pattern": pattern, "description": expected }),
                json!({ "$ref": "#/$defs/variable" }),
            ];
            // YAML takes some of what matches for numbers and flags.
            let takes =
                |text: &str| Pattern::new(pattern).is_ok_and(|p| p.is_match(text.as_bytes()));
            for (text, kind) in [("7", "number"), ("true", "boolean")] {
                if takes(text) {
                    alternatives.push(json!({ "type": kind }));
                }
            }
            json!({ "anyOf": alternatives })
        }
    }
}

fn object(of_these: &Object, registry: &Registry) -> Value {
    let mut properties = Map::new();
    let clients = clients(of_these, registry);
    for field in of_these.fields.iter().chain(&clients) {
        let shape = of(&field.shape, registry);
        // An empty value is none.
        let mut property = match field.needed {
            true => json!({ "allOf": [shape] }),
            false => json!({ "anyOf": [shape, { "type": "null" }] }),
        };
        property["description"] = json!(field.about);
        properties.insert(field.name.to_owned(), property);
    }
    let needed = of_these.fields.iter().filter(|field| field.needed);
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": { "^x-": true },
        "required": needed.map(|field| field.name).collect::<Vec<_>>(),
        "additionalProperties": false
    });
    if let Some((names, ..)) = of_these.any {
        let each = names.iter().map(|name| json!({ "required": [name] }));
        object["anyOf"] = each.collect();
    }
    if let Some((names, _)) = of_these.one {
        let names: Vec<_> =
            clients.iter().map(|field| field.name).chain(names.iter().copied()).collect();
        let pairs = names.iter().enumerate().flat_map(|(at, one)| {
            names[at + 1..].iter().map(move |other| json!({ "required": [one, other] }))
        });
        object["not"] = json!({ "anyOf": pairs.collect::<Vec<_>>() });
    }
    object
}

/// The calls of a client: a text for its first option, or its options by name.
fn calls(client: &ClientEntry, registry: &Registry) -> Value {
    let mut properties = properties(client.options.iter());
    properties.insert(REQUESTS.name.to_owned(), of(&REQUESTS.shape, registry));
    let needed = client.options.iter().filter(|spec| spec.default.is_none());
    let keys = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": { "^x-": true },
        "required": needed.map(|spec| spec.name).collect::<Vec<_>>(),
        "additionalProperties": false
    });
    json!({ "anyOf": [form(Form::Text), keys] })
}

/// The rules of one proxy, or of each by its name.
fn rules() -> Value {
    let some = json!({ "anyOf": [
        { "type": "array", "items": { "$ref": "#/$defs/rule" } },
        { "$ref": "#/$defs/rule" }
    ]});
    let each = json!({ "anyOf": [some, { "type": "null" }] });
    let named = json!({
        "type": "object",
        "propertyNames": { "pattern": OWN_NAME },
        "additionalProperties": each
    });
    json!({ "anyOf": [some, named] })
}

/// Subjects and bounds.
fn bounds(registry: &Registry) -> Value {
    let literal = |name: &str| name.replace('.', "[.]");
    let mut own: Vec<String> = of_proxy().map(literal).collect();
    own.extend(["(faults|met)[.].+", "output", "errors"].map(str::to_owned));
    let counters = registry.protocols().iter().flat_map(|entry| entry.describe().all_counters());
    for name in counters {
        let pattern = match name.strip_suffix('*') {
            Some(front) => format!("{}.+", literal(front)),
            None => literal(name),
        };
        if !own.contains(&pattern) {
            own.push(pattern);
        }
    }
    let load: Vec<_> = FIGURES.iter().map(|figure| literal(figure.name)).collect();
    let (plain, load, own) = (Plain::ALL.map(Plain::name).join("|"), load.join("|"), own.join("|"));
    let subjects = format!("^({plain}|load[.]({load})|[A-Za-z0-9_-]+[.]({own}))$");
    let number = format!(
        "-?{DECIMAL} *(ns|us|\u{b5}s|ms|s|m|min|h|d|B|[kKMGT]B|[KMGT]iB|[kMG]?bit|%)?(/s)?"
    );
    let compared = format!("^ *((<=|>=|!=|==|<|>|=)? *{number}|{number} *[.][.] *{number}) *$");
    json!({
        "type": "object",
        "description": "Subjects and what must hold of them: 50, \">= 50\", < 1s, 10..20, ~ PATTERN.",
        "propertyNames": { "pattern": subjects },
        "patternProperties": {
            "^(output|errors|.*[.](output|errors))$": form(Form::Text)
        },
        "additionalProperties": { "anyOf": [
            { "type": "string", "pattern": compared },
            { "type": "number" },
            { "$ref": "#/$defs/variable" }
        ]}
    })
}

/// A time, or bounds within a time.
fn until() -> Value {
    let time = form(Form::Time);
    json!({
        "description": "A time, or counts that are reached within a time.",
        "anyOf": [
            {
                "type": "object",
                "properties": { "time": time },
                "required": ["time"],
                "additionalProperties": false
            },
            {
                "type": "object",
                "properties": { "within": time },
                "required": ["within"],
                "minProperties": 2,
                "not": { "anyOf": [{ "required": ["time"] }, { "required": ["exit"] }] },
                "additionalProperties": { "type": ["string", "number"] }
            }
        ]
    })
}

fn address() -> Value {
    let any =
        |about: &str| json!({ "type": ["string", "number", "boolean"], "description": about });
    let words = json!({ "type": "array", "items": any("A word.") });
    let own = canonical().flat_map(|(_, fields)| fields).map(|field| match field.is_list {
        false => (field.name, any(field.about)),
        true => {
            (field.name, json!({ "description": field.about, "anyOf": [any(field.about), words] }))
        }
    });
    let kinds: Vec<_> = canonical().map(|(name, _)| name).collect();
    let kinds = format!("{} or one that the program brings along.", kinds.join(", "));
    let shared = [
        ("kind", any(&kinds)),
        ("tls", any("Whether TLS is spoken.")),
        ("family", any("4 or 6.")),
        ("options", json!({ "type": "object", "description": "Options by name." })),
        ("proxy_protocol", json!({ "enum": ["require", "v1", "v2"] })),
        (
            "via",
            json!({ "type": ["string", "object"], "description": "The SOCKS proxy on the way." }),
        ),
    ];
    let fields: Map<_, _> =
        own.chain(shared).map(|(name, field)| (name.to_owned(), field)).collect();
    json!({
        "description": "An address: text, or an object such as chenapan endpoint prints.",
        "anyOf": [
            { "type": ["string", "integer"] },
            {
                "type": "object",
                "properties": fields,
                "additionalProperties": false
            }
        ]
    })
}
