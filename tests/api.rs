//! `chenapan serve` from outside, as its pages show it.

mod support;

use std::net::TcpStream;
use std::process::{Command, Stdio};
use support::serving::Serving;
use support::{Backend, connect, until};

#[test]
fn every_request_of_the_pages_works_as_printed() {
    let mut ran = 0;
    let backend = Backend::echo().address.to_string();
    let pages = [
        include_str!("../README.md"),
        include_str!("../docs/api.md"),
        include_str!("../docs/from-toxiproxy.md"),
    ];
    for page in pages {
        let serving = Serving::start(&["--api", "127.0.0.1:0"]);
        let page = page.replace("127.0.0.1:5432", &backend);
        let fences = page.split("```").skip(1).step_by(2);
        let mut client = None;
        for line in fences.filter_map(|fence| fence.strip_prefix("bash\n")).flat_map(str::lines) {
            if line.contains("db/connections") && client.is_none() {
                client = Some(connected(&serving));
            }
            serving.ask(line);
            ran += 1;
        }
        assert_eq!(serving.stop(), Some(0));
    }
    assert!(ran > 15, "{ran} requests");
}

/// Returns a client of the proxy `db`, of which the server knows.
fn connected(serving: &Serving) -> TcpStream {
    let shown = |what: &str| -> serde_json::Value {
        let said = serving.ask(&format!("curl -fsS 127.0.0.1:8474/v1/proxies/db{what}"));
        serde_json::from_str(&said).unwrap()
    };
    // A rule of the page would reset it.
    serving.ask("curl -fsS -X DELETE 127.0.0.1:8474/v1/proxies/db/rules");
    let client = connect(shown("")["addresses"][0].as_str().unwrap().parse().unwrap());
    let open = || shown("/connections")["connections"][0]["connection"] == 1;
    until("a connection", open);
    client
}

/// Each row of the table of toxics: a rule with these words, and the toxic that is one.
#[test]
fn every_toxic_of_the_table_is_the_rule_beside_it() {
    let page = include_str!("../docs/from-toxiproxy.md");
    let table = page.split("| toxic | rule |\n|---|---|\n").nth(1).unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    serving.ask(
        r#"curl -fsS 127.0.0.1:8474/proxies -d '{"name": "p", "listen": "localhost:0", "upstream": "x:1"}'"#,
    );
    let mut types = 0;
    for row in rows {
        let mut cells = row.split('|').map(str::trim).skip(1);
        let (toxic, rule) = (cells.next().unwrap(), cells.next().unwrap().trim_matches('`'));
        let words: Vec<_> = toxic.split('`').skip(1).step_by(2).collect();
        let quoted = |word: &&str| {
            let (name, value) = word.split_once(": ").unwrap();
            let value = value.parse::<f64>().map_or(format!("{value:?}"), |_| value.to_owned());
            format!("{name:?}: {value}")
        };
        let fields: Vec<_> = words.iter().filter(|word| word.contains(": ")).map(quoted).collect();
        let fields = fields.join(", ");
        // Some rows are about a field of every toxic: theirs are selectors of every rule.
        let kind = Some(words[0]).filter(|word| !word.contains(": "));
        let (body, whole) = match kind {
            Some(kind) => {
                (format!(r#"{{"type": {kind:?}, "attributes": {{{fields}}}}}"#), rule.to_owned())
            }
            None => (format!(r#"{{"type": "noop", {fields}}}"#), format!("dummy:{rule}")),
        };
        types += usize::from(kind.is_some());
        let made = format!("curl -fsS 127.0.0.1:8474/proxies/p/toxics -d '{body}'");
        let toxic: serde_json::Value = serde_json::from_str(&serving.ask(&made)).unwrap();
        let name = toxic["name"].as_str().unwrap();
        let shown = serving.ask(&format!("curl -fsS 127.0.0.1:8474/v1/proxies/p/rules/{name}"));
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let text = shown["text"].as_str().unwrap();
        // These end connections, or lose bytes in bursts: behaviors of their own do as the rule does.
        let own = ["timeout", "reset_peer", "limit_data", "packet_loss"];
        for part in rule.split(':').filter(|_| !own.contains(&words[0])) {
            assert!(text.split(':').any(|found| same(found, part)), "{row}: {text}");
        }
        let check = support::run(&["apply", "--behavior", &whole]);
        assert!(check.status.success(), "{whole}: {check:?}");
        serving.ask(&format!("curl -fsS -X DELETE 127.0.0.1:8474/proxies/p/toxics/{name}"));
    }
    assert_eq!(types, 10);
}

/// Compares parts of rules; a program writes the unit of a size out.
fn same(found: &str, part: &str) -> bool {
    let plain = |text: &str| text.replace("kB/s", "000B/s").trim_end_matches('B').to_owned();
    plain(found) == plain(part)
}

#[test]
fn toxiproxys_flags_and_variables_say_where_it_listens() {
    let flags = ["-host", "127.0.0.1", "-port=0", "-proxy-metrics", "-runtime-metrics=true"];
    let serving = Serving::start(&flags);
    assert!(serving.ask("curl -fsS 127.0.0.1:8474/version").contains("2.12.0"));
    assert_eq!(serving.stop(), Some(0));
}

#[test]
fn an_address_that_is_taken_is_said_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = support::run(&["serve", "--api", &address]);
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, format!("error: --api {address}: address already in use\n"));
}

/// Writes a file of proxies.
fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_file_says_which_proxies_there_are() {
    let page = include_str!("../docs/api.md");
    let yaml = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let yaml = yaml.replace("127.0.0.1:5433", "127.0.0.1:0");
    let toxiproxys = r#"[{"name": "db", "listen": "localhost:0", "upstream": "x:1",
        "toxics": [{"type": "latency", "attributes": {"latency": 250}, "toxicity": 0.3}]},
        {"name": "mail", "listen": "localhost:0", "upstream": "x:1", "enabled": false}]"#;
    for (text, rule) in [(&*yaml, "delay"), (toxiproxys, "latency_downstream")] {
        let file = written(text);
        let file = file.path().to_str().unwrap();
        let serving = Serving::start(&["--api", "127.0.0.1:0", "-config", file]);
        let shown = serving.ask("curl -fsS 127.0.0.1:8474/v1/proxies");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let [db, mail] = &shown["proxies"].as_array().unwrap()[..] else { panic!("{shown}") };
        assert_eq!((&db["enabled"], &mail["enabled"]), (&true.into(), &false.into()));
        assert_eq!((&db["rules"][0]["name"], &mail["name"]), (&rule.into(), &"mail".into()));
        assert_eq!(serving.stop(), Some(0));
    }
}

#[test]
fn a_mistake_in_a_file_has_its_place() {
    for (text, place, told) in [
        ("proxies:\n  db: {bakend: 1}\n", ":2:8: ", "did you mean \"backend\"?"),
        ("[{\"name\": \"a\", \"upstraem\": \"x:1\"}]", ":1:16: ", "did you mean \"upstream\"?"),
        ("[\n{\"name\": \"a\"}]", ":2:1: ", "missing required field: upstream at proxy 1"),
        (
            "[{\"name\": \"a\", \"upstream\": \"x:1\", \"toxics\": [{\"tpye\": \"noop\"}]}]",
            ":1:47: ",
            "did you mean \"type\"?",
        ),
    ] {
        let file = written(text);
        let path = file.path().to_str().unwrap();
        let output = support::run(&["serve", "--api", "127.0.0.1:0", "--config", path]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("{path}{place}")) && said.contains(told), "{said}");
    }
    let output = support::run(&["serve", "--api", "127.0.0.1:0", "--config", "/nowhere.yaml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("/nowhere.yaml: "), "{said}");
}

/// Clients that are killed leave no rule behind, also where each has several, on several proxies.
#[test]
fn killed_clients_leave_nothing_behind() {
    let serving = Serving::start(&["--api", "127.0.0.1:0"]);
    for proxy in ["a", "b"] {
        let body = format!(r#"{{"name": "{proxy}", "backend": "x:1", "rules": ["dummy"]}}"#);
        serving.ask(&format!("curl -fsS 127.0.0.1:8474/v1/proxies -d '{body}'"));
    }
    let rules = || {
        let shown = serving.ask("curl -fsS 127.0.0.1:8474/v1/proxies");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let proxies = shown["proxies"].as_array().unwrap().iter();
        proxies.map(|proxy| proxy["rules"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    let client = |number: usize| {
        let (proxy, api) = (["a", "b"][number % 2], serving.api);
        let url = format!(
            "http://{api}/v1/events?while=connected&proxy={proxy}&rule=delay:name=d{number}\
             &rule=hang:name=h{number}&rule=20:drop:name=x{number},20:reset:name=y{number}"
        );
        let curl = Command::new("curl").args(["-sSN", &url]).stdout(Stdio::null()).spawn();
        support::Guarded(curl.unwrap())
    };
    let mut clients: Vec<_> = (0..6).map(client).collect();
    until("the clients have their rules", || rules() == [13, 13]);
    for client in clients.drain(..5) {
        // SIGKILL: it can say no more.
        drop(client);
    }
    until("one client is left", || rules() == [1, 5]);
    drop(clients);
    until("no client is left", || rules() == [1, 1]);
    assert_eq!(serving.stop(), Some(0));
}

/// A file with a watch: as long as another file is there, the system is taken to be well.
fn watched(well: &std::path::Path) -> tempfile::NamedTempFile {
    let probe =
        format!("echo >>{0}; test -e {1}", well.with_file_name("probed").display(), well.display());
    written(&format!(
        "proxies:\n  db: {{backend: 'x:1', rules: [hang, 'delay:sleep=1ms']}}\n  \
         web: {{backend: 'x:1', rules: [{{drop: {{every: 2}}}}]}}\n\
         abort-when: {{probe: \"{probe}\", fails: 2, every: 20ms, timeout: 20s}}\n"
    ))
}

#[test]
fn a_failing_probe_takes_all_rules_away_until_somebody_adds_them() {
    let folder = tempfile::TempDir::new().unwrap();
    let well = folder.path().join("well");
    std::fs::write(&well, "").unwrap();
    let file = watched(&well);
    let serving =
        Serving::start(&["--api", "127.0.0.1:0", "--config", file.path().to_str().unwrap()]);
    let toxic = r#"curl -fsS 127.0.0.1:8474/proxies/db/toxics -d '{"type": "latency"}'"#;
    serving.ask(toxic);
    let json = |path: &str| -> serde_json::Value {
        let shown = serving.ask(&format!("curl -fsS 127.0.0.1:8474{path}"));
        serde_json::from_str(&shown).unwrap()
    };
    let rules = |proxy: &str| json(&format!("/v1/proxies/{proxy}/rules"));
    let number = |proxy: &str| rules(proxy)["rules"].as_array().unwrap().len();
    assert_eq!((number("db"), number("web"), json("/v1")["aborted"].is_null()), (3, 1, true));
    std::fs::remove_file(&well).unwrap();
    until("all rules are gone", || (number("db"), number("web")) == (0, 0));
    until("the abort is shown", || json("/v1")["aborted"]["rules"] == 4);
    let reason = json("/v1")["aborted"]["reason"].as_str().unwrap().to_owned();
    assert!(reason.ends_with("has failed 2 times in a row: exit code 1"), "{reason}");
    assert_eq!(rules("web")["ended"][0]["ended"], "abort");
    assert_eq!(json("/proxies/db/toxics"), serde_json::json!([]));
    assert_eq!(serving.ask("curl -fsS 127.0.0.1:8474/readyz"), "ok\n");
    // While the system is not well, rules do not stay; afterwards they do.
    serving.ask(r#"curl -fsS 127.0.0.1:8474/v1/proxies/db/rules -d '"dummy"'"#);
    until("the new rule is gone, too", || number("db") == 0);
    std::fs::write(&well, "").unwrap();
    let probed = || std::fs::read_to_string(folder.path().join("probed")).unwrap().len();
    let some_more = || {
        let before = probed();
        until("more probes", || probed() > before + 2);
    };
    some_more();
    serving.ask(r#"curl -fsS 127.0.0.1:8474/v1/proxies/db/rules -d '"dummy"'"#);
    some_more();
    assert_eq!(number("db"), 1);
    assert_eq!(serving.stop(), Some(0));
}
