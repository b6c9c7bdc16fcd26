//! Answers of the API as text for people: lines and tables.

use chenapan_engine::notation;
use chenapan_scenario::layout;
use serde_json::Value;
use std::time::Duration;

/// Returns a text of the server without letters that would move the cursor of a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut plain, letter| {
        match letter.is_control() {
            true => plain.extend(letter.escape_default()),
            false => plain.push(letter),
        }
        plain
    })
}

/// Returns a text or a number of an answer, or nothing where there is none.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(" and "),
        other => plain(&other.to_string()),
    }
}

/// Returns the elements of a list.
pub(super) fn each(list: &Value) -> &[Value] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Returns the name of a proxy as the commands take it.
pub(super) fn name(proxy: &Value) -> String {
    match proxy["name"].as_str() {
        Some("") | None => "-".to_owned(),
        Some(name) => plain(name),
    }
}

/// Returns the addresses at which a proxy listens, or would.
pub(super) fn addresses(proxy: &Value) -> String {
    let bound = text(&proxy["addresses"]);
    if bound.is_empty() { text(&proxy["listen"]) } else { bound }
}

/// Returns a proxy in one line.
pub(super) fn proxy(proxy: &Value) -> String {
    let state = match proxy["enabled"].as_bool() {
        Some(true) => format!("listening on {}", addresses(proxy)),
        _ => format!("disabled, would listen on {}", addresses(proxy)),
    };
    let (backend, protocol) = (text(&proxy["backend"]), text(&proxy["protocol"]));
    format!("{}: {state}, backend {backend}, {protocol}", name(proxy))
}

/// Returns a table of proxies.
pub(super) fn proxies(list: &[Value]) -> String {
    let mut table =
        layout::table(&["name", "state", "listens on", "backend", "protocol", "rules", "open"]);
    for proxy in list {
        let state = if proxy["enabled"] == true { "enabled" } else { "disabled" };
        table.add_row([
            name(proxy),
            state.to_owned(),
            addresses(proxy),
            text(&proxy["backend"]),
            text(&proxy["protocol"]),
            each(&proxy["rules"]).len().to_string(),
            text(&proxy["open"]),
        ]);
    }
    layout::right(&mut table, &[5, 6]);
    layout::shown(&table)
}

/// Returns a table of rules.
pub(super) fn rules(list: &[Value]) -> String {
    if list.is_empty() {
        return "no rules".to_owned();
    }
    let mut table = layout::table(&["name", "rule", "direction", "met", "faults"]);
    for rule in list {
        table.add_row(["name", "text", "direction", "met", "faults"].map(|key| text(&rule[key])));
    }
    layout::right(&mut table, &[3, 4]);
    layout::shown(&table)
}

/// Returns a table of counters, those of zero left out; nothing where all are.
pub(super) fn counters(answer: &Value) -> String {
    let mut table = layout::table(&["counter", "value"]);
    for group in ["counters", "protocol"] {
        for (name, value) in answer[group].as_object().into_iter().flatten() {
            match value.as_f64() {
                Some(0.0) | None => {}
                Some(_) => {
                    table.add_row([plain(name), text(value)]);
                }
            }
        }
    }
    layout::right(&mut table, &[1]);
    let mut shown = if table.is_empty() { String::new() } else { layout::shown(&table) };
    for (cause, count) in answer["causes"].as_object().into_iter().flatten() {
        shown += &format!("\n{}: {count}", plain(cause));
    }
    shown
}

/// Returns a table of connections.
pub(super) fn connections(list: &[Value]) -> String {
    let head = ["number", "source", "age", "upstream", "downstream", "faults", "state"];
    let mut table = layout::table(&head);
    for one in list {
        table.add_row([
            text(&one["connection"]),
            text(&one["source"]),
            seconds(&one["age"]),
            text(&one["upstream"]) + " B",
            text(&one["downstream"]) + " B",
            text(&one["faults"]),
            state(one),
        ]);
    }
    layout::right(&mut table, &[0, 2, 3, 4, 5]);
    layout::shown(&table)
}

/// Returns the state of a connection that is not simply open.
fn state(connection: &Value) -> String {
    let frozen = (connection["frozen"] == true).then(|| "frozen".to_owned());
    let rate = connection["rate"].as_u64().map(rate);
    let held = Some(seconds(&connection["due"])).filter(|due| !due.is_empty());
    let held = held.map(|due| format!("held {due}"));
    frozen.into_iter().chain(rate).chain(held).collect::<Vec<_>>().join(", ")
}

/// Returns a number of bytes a second as a rate in its largest whole unit.
fn rate(bytes: u64) -> String {
    const UNITS: [(u64, &str); 5] =
        [(1 << 30, "GiB"), (1 << 20, "MiB"), (1_000_000, "MB"), (1 << 10, "KiB"), (1_000, "kB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    let (unit, name) = unit.copied().unwrap_or((1, "B"));
    format!("{}{name}/s", bytes / unit)
}

/// Returns a number of seconds as a time, to the millisecond.
pub(super) fn seconds(value: &Value) -> String {
    let time = value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let millis = time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    millis.map_or_else(String::new, |millis| notation::time(Duration::from_millis(millis)))
}

/// Returns an event in one line.
pub(super) fn event(kind: &str, data: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(data) else {
        return plain(&format!("{kind} {data}"));
    };
    let proxy = match value["proxy"].as_str() {
        Some("") | None => "-".to_owned(),
        Some(name) => plain(name),
    };
    match kind {
        "made" | "landed" | "ended" => {
            let of = |key: &str| text(&value[key]);
            format!(
                "{proxy} connection {} {}: {} (rule {}, offset {}, length {}, age {})",
                of("connection"),
                of("direction"),
                of("what"),
                of("rule"),
                of("offset"),
                of("length"),
                seconds(&value["at"]),
            )
        }
        "proxy" => format!("{proxy} {}", text(&value["what"])),
        "connection" if value["connection"].is_null() => {
            format!("{proxy} connections {}", text(&value["what"]))
        }
        "connection" => {
            format!("{proxy} connection {} {}", text(&value["connection"]), text(&value["what"]))
        }
        "rules" => match each(&value["rules"]) {
            [] => format!("{proxy} has no rules"),
            rules => format!(
                "{proxy} has rules {}",
                rules.iter().map(text).collect::<Vec<_>>().join(", ")
            ),
        },
        "reloaded" => {
            let [added, changed, removed] =
                ["added", "changed", "removed"].map(|key| each(&value[key]).len());
            let file = text(&value["file"]);
            format!("{file} reloaded: {added} added, {changed} changed, {removed} removed")
        }
        "reload-failed" => {
            format!("{} not reloaded: {}", text(&value["file"]), text(&value["error"]))
        }
        "aborted" => {
            format!("{} rules taken away: {}", text(&value["rules"]), text(&value["reason"]))
        }
        "missed" => format!("{} faults came too fast to be shown", text(&value["faults"])),
        // A newer server may send more.
        _ => plain(&format!("{kind} {data}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_its_largest_whole_unit() {
        let rates = [10, 10_240, 64_000, 1 << 20, 1_048_577, 3_000_000, 2 << 30].map(rate);
        let shown = ["10B/s", "10KiB/s", "64kB/s", "1MiB/s", "1048577B/s", "3MB/s", "2GiB/s"];
        assert_eq!(rates, shown);
    }

    #[test]
    fn an_event_is_one_line_and_moves_no_cursor() {
        let line = r#"{"proxy":"db","connection":3,"direction":"downstream","offset":10,"length":5,
            "rule":"slow","what":"delay 1s","seed":42,"at":1.5}"#;
        let said =
            "db connection 3 downstream: delay 1s (rule slow, offset 10, length 5, age 1.5s)";
        assert_eq!(event("made", line), said);
        for (kind, data, said) in [
            ("proxy", r#"{"proxy":"","what":"removed"}"#, "- removed"),
            ("proxy", r#"{"proxy":"a\u001b[2J","what":"created"}"#, "a\\u{1b}[2J created"),
            (
                "rules",
                r#"{"proxy":"db","rules":["drop","delay:sleep=1s"]}"#,
                "db has rules drop, delay:sleep=1s",
            ),
            ("rules", r#"{"proxy":"db","rules":[]}"#, "db has no rules"),
            (
                "connection",
                r#"{"proxy":"db","connection":3,"what":"frozen"}"#,
                "db connection 3 frozen",
            ),
            (
                "connection",
                r#"{"proxy":"db","connection":null,"what":"all closed"}"#,
                "db connections all closed",
            ),
            ("aborted", r#"{"reason":"no answer","rules":2}"#, "2 rules taken away: no answer"),
            (
                "reloaded",
                r#"{"file":"a.yaml","digest":"0","added":["x","y"],"changed":[],"removed":["z"]}"#,
                "a.yaml reloaded: 2 added, 0 changed, 1 removed",
            ),
            (
                "reload-failed",
                r#"{"file":"a.yaml","digest":"0","error":"a.yaml:1:1: no"}"#,
                "a.yaml not reloaded: a.yaml:1:1: no",
            ),
            ("missed", r#"{"faults":7}"#, "7 faults came too fast to be shown"),
            ("later", "x\ny", "later x\\ny"),
        ] {
            assert_eq!(event(kind, data), said);
        }
    }

    #[test]
    fn every_event_of_the_page_has_words() {
        let page = include_str!("../../../docs/api.md");
        let table = page.split("| event | data |\n|---|---|\n").nth(1).unwrap();
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let kinds: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert!(kinds.len() >= 9, "{kinds:?}");
        for kind in kinds {
            assert_ne!(event(kind, "{}"), format!("{kind} {{}}"));
        }
    }
}
