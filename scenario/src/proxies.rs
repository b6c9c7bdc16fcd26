//! Files of proxies without phases: our YAML, Toxiproxy's JSON, or Vaurien's ini; their content tells
//! which.
//!
//! It starts nothing. Whoever knows the words of other tools reads those of their files, and finds
//! places here.

use super::abort::AbortWhen;
use super::check::{check, check_live};
use super::ini;
use super::keys::{OWN_NAME, PROXIES};
use super::node::{Key, Node};
use super::place::{Mistakes, Place, Source, Wrong};
use super::shape::Shape;
use super::yaml;
use chenapan_core::{Pattern, Registry};
use chenapan_engine::config::{Config, ProxyModel, Spot, Step};
use chenapan_engine::endpoint::Kinds;
use chenapan_engine::rule::Rules;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// A file of proxies, in which places can be found.
#[derive(Debug)]
pub struct ProxyFile {
    root: Node,
    said: Said,
    abort: Option<AbortWhen>,
}

/// Content of a file of proxies.
#[derive(Debug)]
pub enum Said {
    /// Proxies as this program has them.
    Proxies(Vec<Config>),
    /// Toxiproxy's list of proxies, which was not looked into.
    Toxiproxy(Vec<Value>),
    /// Sections of Vaurien's file, by name, each with its keys and their texts; they were not looked
    /// into.
    Vaurien(Value),
}

impl ProxyFile {
    /// Returns the text of a file, of 1 MiB at most.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no file.
    pub fn load(path: &Path) -> Result<String, String> {
        yaml::load(path).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Returns `true` for the text of a file of Vaurien's, which begins with a section.
    pub fn is_vauriens(text: &str) -> bool {
        ini::is_ini(text)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// All that is wrong, each with file, line and column, and the line itself.
    pub fn read(
        path: &Path,
        text: String,
        registry: &Registry,
        kinds: &Kinds,
    ) -> Result<Self, String> {
        if Self::is_vauriens(&text) {
            let root = ini::parse(path, text, |name| std::env::var(name).ok());
            let root = root.map_err(|wrong| wrong.to_string())?;
            let said = Said::Vaurien(root.value());
            return Ok(Self { root, said, abort: None });
        }
        let is_list = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']).starts_with('[');
        if is_list {
            return toxiproxys(path, text).map_err(|wrong| wrong.to_string());
        }
        let mut root = yaml::parse(path, text).map_err(|wrong| wrong.to_string())?;
        let mut mistakes = Mistakes::default();
        let configs = proxies(&mut root, registry, kinds, &mut mistakes);
        let abort = root.entry("abort-when").filter(|(_, node)| node.sound);
        let read = abort.map(|(_, node)| AbortWhen::read(node, str::to_owned));
        let abort = read.and_then(|read| mistakes.keep(read));
        match mistakes.is_empty() {
            true => Ok(Self { root, said: Said::Proxies(configs), abort }),
            false => {
                let told: Vec<_> = mistakes.sorted().iter().map(ToString::to_string).collect();
                Err(told.join("\n"))
            }
        }
    }

    /// Returns the content.
    pub fn said(&self) -> &Said {
        &self.said
    }

    /// Returns the condition under which all rules are taken away, if there is one.
    pub fn abort_when(&self) -> Option<&AbortWhen> {
        self.abort.as_ref()
    }

    /// Returns an error about the value to which these steps lead, with its place in the file.
    pub fn blame(&self, path: &[Step], spot: &Spot, message: &str) -> String {
        self.root.wrong_at(path, spot, message).to_string()
    }
}

/// Reads Toxiproxy's list.
fn toxiproxys(path: &Path, text: String) -> Result<ProxyFile, Wrong> {
    let json = text.trim_start_matches('\u{feff}');
    let skipped = text.len() - json.len();
    let list = serde_json::from_str(json).map_err(|error| {
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default().to_owned();
        let byte = error.column() + if error.line() == 1 { skipped } else { 0 };
        let source = Arc::new(Source { path: path.to_owned(), text: text.clone() });
        let wrong = Place::of_byte(&source, error.line(), byte).wrong(format!("no JSON: {said}"));
        wrong.help("a file that begins with [ is Toxiproxy's; chenapan's begins with proxies:")
    })?;
    // JSON has tabs between tokens alone, and there YAML takes none.
    let root = yaml::parse(path, text.replace('\t', " "))?;
    Ok(ProxyFile { root, said: Said::Toxiproxy(list), abort: None })
}

/// Reads the proxies of our own file.
fn proxies(
    root: &mut Node,
    registry: &Registry,
    kinds: &Kinds,
    mistakes: &mut Mistakes,
) -> Vec<Config> {
    check(root, &Shape::Object(&PROXIES), registry, mistakes);
    let mut configs = Vec::new();
    let Some((_, all)) = root.entry_mut("proxies") else { return configs };
    for (key, node) in all.entries_mut() {
        let sound = check_live(node, registry, mistakes);
        let config = sound.then(|| proxy(key, node, registry, kinds));
        configs.extend(config.and_then(|config| mistakes.keep(config)));
    }
    configs
}

fn proxy(key: &Key, node: &Node, registry: &Registry, kinds: &Kinds) -> Result<Config, Wrong> {
    let is_name = Pattern::new(OWN_NAME).is_ok_and(|pattern| pattern.is_match(key.name.as_bytes()));
    if !is_name || key.name == "-" {
        return Err(key.place.wrong("a name has letters, digits, - and _ only"));
    }
    let mut value = node.value();
    if let Value::Object(entries) = &mut value {
        // These are for anchors and for other tools.
        entries.retain(|name, _| !name.starts_with("x-"));
    }
    let model = ProxyModel::read(&value).map_err(|error| node.blame(&error))?;
    let mut config = model.config(registry, kinds).map_err(|error| node.blame(&error))?;
    if config.listen.iter().any(|address| address.place.is_stdio()) {
        let wrong = key.place.wrong("a server has no client on standard input and output");
        return Err(wrong.help("stdio: is for chenapan without a command"));
    }
    let all = node.entry("rules").map_or(&[][..], |(_, rules)| rules.items());
    for (rule, at) in model.rules.iter().zip(all) {
        let made = rule.rules(registry).map_err(|error| at.blame(&error))?;
        let fits = Rules::new(made).fit(&*config.protocol, config.protocol.name());
        fits.map_err(|error| at.place.wrong(error.to_string()))?;
    }
    config.name.clone_from(&key.name);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ProxyFile, String> {
        let registry = chenapan_engine::registry();
        ProxyFile::read(Path::new("x"), text.to_owned(), &registry, &Kinds::new())
    }

    #[test]
    fn what_begins_with_a_bracket_is_toxiproxys() {
        let ours =
            read("proxies: {web: {backend: '1', rules: [delay, {drop: {every: 2}}]}}").unwrap();
        let Said::Proxies(configs) = ours.said() else { panic!("{ours:?}") };
        assert_eq!((&*configs[0].name, configs[0].rules.iter().count()), ("web", 2));
        for text in ["[]", " \n[{\"name\":\"a\"}]", "\u{feff}[{\n\t\"name\":\t1}]"] {
            assert!(matches!(read(text).unwrap().said(), Said::Toxiproxy(_)), "{text:?}");
        }
    }

    #[test]
    fn what_begins_with_a_section_is_vauriens() {
        let file = read("; mine\n[vaurien]\nbehaviour = 20:dleay\n").unwrap();
        let Said::Vaurien(sections) = file.said() else { panic!("{file:?}") };
        assert_eq!(sections["vaurien"]["behaviour"], "20:dleay");
        let way = ["vaurien", "behaviour"].map(|key| Step::Key(key.to_owned()));
        assert!(file.blame(&way, &Spot::Key, "told").starts_with("x:3:1: told"));
        assert!(file.blame(&way, &Spot::Part(3..8), "told").starts_with("x:3:16: told"));
        assert!(read("[vaurien]\nproxy\n").unwrap_err().starts_with("x:2:1: expected key"));
    }

    #[test]
    fn errors_have_a_place_and_what_would_do() {
        for (text, place, told) in [
            ("proxeis: {}", "x:1:1: unknown key \"proxeis\"", "did you mean \"proxies\"?"),
            ("", "x:1:1: \"proxies\" is missing here", "write it as"),
            ("proxies: {a: {backend: '1', ruels: []}}", "x:1:29: unknown key", "\"rules\"?"),
            ("proxies:\n  a: {backend: 1, rules: [dleay]}", "x:2:27: ", "delay"),
            ("proxies:\n  a: {backend: 1, rules: [{delay: {slep: 1}}]}", "x:2:36: ", "sleep"),
            ("proxies: {a b: {backend: '1'}}", "x:1:11: a name has letters", ""),
            ("proxies: {a: {backend: '1', enabled: maybe}}", "x:1:38: ", "no"),
            ("proxies: {a: {backend: '1', rules: [{corrupt-header: }]}}", "x:1:37: ", "header"),
            ("proxies: {}\nabort-wen: {}", "x:2:1: unknown key \"abort-wen\"", "\"abort-when\"?"),
            ("proxies: {}\nabort-when: {}", "x:2:13: \"probe\" is missing", "write it as"),
            ("proxies: {}\nabort-when: {probe: x, fials: 1}", "x:2:24: ", "\"fails\"?"),
            ("proxies: {}\nabort-when: {probe: x, every: 0s}", "x:2:31: ", "10ms or more"),
            ("proxies: {}\nabort-when: {probe: x, fails: 0}", "x:2:31: ", "at least 1"),
            ("proxies: {}\nabort-when: {probe: http://a:b/}", "x:2:21: ", "port"),
            ("[{\"name\": }]", "x:1:11: no JSON: expected value", "is Toxiproxy's"),
            ("[{\"name\": 1, \"name\": 2}]", "x:1:14: duplicate mapping key", ""),
        ] {
            let said = read(text).map(drop).expect_err(text);
            assert!(said.starts_with(place) && said.contains(told), "{text}: {said}");
        }
    }

    #[test]
    fn values_of_a_list_are_found_by_their_way() {
        let file = read("[\n {\"name\": \"a\",\n\t\"toxics\": [{\"tpye\": 1}]}]").unwrap();
        let way = [
            Step::Item(0),
            Step::Key("toxics".to_owned()),
            Step::Item(0),
            Step::Key("tpye".to_owned()),
        ];
        assert!(file.blame(&way, &Spot::Key, "told").starts_with("x:3:14: told"));
        assert!(file.blame(&way, &Spot::Value, "told").starts_with("x:3:22: told"));
    }
}
