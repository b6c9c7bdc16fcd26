//! A JSON Schema of scenario files, for editors.
//!
//! It helps to write one; what counts is what `scenario check` says.

use super::schema;
use chenapan_core::Registry;
use serde_json::{Value, json};

/// The schema: the file's own part by hand, rules and protocols from their tables.
pub(crate) fn scenario_schema(registry: &Registry) -> Value {
    let mut whole = schema(registry);
    let text = |about: &str| json!({ "type": "string", "description": about });
    let any =
        |about: &str| json!({ "type": ["string", "number", "boolean"], "description": about });
    let time = |about: &str| json!({ "type": ["string", "number"], "description": about });
    let env = json!({
        "type": "object",
        "description": "Environment variables.",
        "additionalProperties": { "type": ["string", "number", "boolean"] }
    });
    let rule = json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/rule" }] });
    let list = json!({ "type": "array", "items": rule });
    let rules = json!({
        "description": "The rules of the only proxy, or of each by its name.",
        "anyOf": [list, { "type": "object", "additionalProperties": list }]
    });
    let protocol = json!({ "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/protocol" }] });
    let strings = |about: &str| {
        json!({
            "description": about,
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    };
    let closed = |properties: Value, required: &[&str]| {
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false
        })
    };
    let proxy = closed(
        json!({
            "listen": strings("Where to listen; 127.0.0.1 and a free port if not given."),
            "backend": text("Where to connect to: host:port or unix:PATH."),
            "protocol": protocol,
            "buffer": time("The most bytes that a direction of a connection holds.")
        }),
        &["backend"],
    );
    let service = closed(
        json!({
            "run": text("A shell command; it is stopped with its children at the end."),
            "env": env,
            "ready": closed(json!({
                "tcp": text("Ready when this address takes connections."),
                "output": text("Ready when its output matches this pattern."),
                "within": time("How long that may take.")
            }), &[])
        }),
        &["run"],
    );
    let load = closed(
        json!({
            "to": text("The proxy."),
            "connections": any("How many exchanges in all."),
            "duration": time("How long exchanges are started."),
            "rate": text("How many are started a second, whatever became of those before, such as 10/s."),
            "concurrency": any("How many at once at the most."),
            "send": text("What is sent: text with escapes, or hex behind 0x."),
            "http": {
                "description": "A GET request for a path, or its parts.",
                "anyOf": [{ "type": "string" }, closed(json!({
                    "method": text("GET, POST ..."),
                    "path": text("The path."),
                    "host": text("The Host header."),
                    "status": any("The status that the answer must have.")
                }), &[])]
            },
            "json-rpc": {
                "description": "A method of JSON-RPC that is called, or more about that.",
                "anyOf": [{ "type": "string" }, closed(json!({
                    "method": text("The method."),
                    "params": text("Its params, as JSON: an array or an object."),
                    "framing": { "enum": ["newline", "content-length", "http"] },
                    "requests": any("How many requests follow each other on a connection.")
                }), &["method"])]
            },
            "header": protocol,
            "receive": any("When the answer is whole: close, line, nothing or a number of bytes."),
            "verify": text("What the answer must be: none, any, echo or ~ PATTERN."),
            "timeout": time("How long an exchange may take.")
        }),
        &[],
    );
    let bounds = json!({
        "type": "object",
        "description": "Subjects and what must hold of them: 50, \">= 50\", < 1s, 10..20, ~ PATTERN.",
        "additionalProperties": { "type": ["string", "number"] }
    });
    let ramp = closed(
        json!({
            "proxy": text("The proxy; the first if not given."),
            "rule": text("The rule, by its behavior's or its own name."),
            "option": text("The option that moves."),
            "from": any("Its value at the start."),
            "to": any("Its value at the end."),
            "over": time("How long that takes."),
            "steps": any("In how many steps.")
        }),
        &["rule", "option", "from", "to", "over"],
    );
    let phase = closed(
        json!({
            "name": text("Its name."),
            "repeat": any("How often it is done."),
            "matrix": {
                "type": "object",
                "description": "Values; there is a phase for each combination.",
                "additionalProperties": { "type": ["array", "string", "number"] }
            },
            "rules": rules,
            "ramp": { "anyOf": [ramp, { "type": "array", "items": ramp }] },
            "schedule": {
                "type": "array",
                "items": closed(json!({ "at": time("From when on."), "rules": rules }), &["at"])
            },
            "run": text("A shell command; {web} is the address of the proxy web."),
            "env": env,
            "timeout": time("How long the command may take."),
            "load": load,
            "until": {
                "type": "object",
                "description": "A time, or counts that are reached within a time.",
                "properties": { "time": time("So long."), "within": time("No longer than this.") },
                "additionalProperties": { "type": ["string", "number"] }
            },
            "expect": bounds,
            "idle": any("Whether rules may go without any traffic.")
        }),
        &[],
    );
    whole["title"] = json!("chenapan: scenario");
    whole["type"] = json!("object");
    whole["properties"] = json!({
        "name": text("Its name in reports."),
        "seed": any("Decides every draw."),
        "include": strings("Files that come before this one."),
        "vars": {
            "type": "object",
            "description": "Variables: {name} stands for the value in every text.",
            "additionalProperties": { "type": ["string", "number", "boolean"] }
        },
        "proxies": { "type": "object", "additionalProperties": proxy },
        "services": { "type": "object", "additionalProperties": service },
        "phases": { "type": "array", "items": phase }
    });
    whole["additionalProperties"] = json!(false);
    whole
}
