//! JUnit beside the grammar that Jenkins goes by, and another parser of XML.

use crate::support::needs::{Test, find, python, tests};
use crate::support::run;
use std::process::Command;
use tempfile::TempDir;

/// Runs a scenario of one phase that holds and one that fails, and leaves its report in a folder.
fn report(name: &str, output: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("output"), output).unwrap();
    let quoted = serde_json::to_string(name).unwrap().replace('\u{ffff}', "\\uffff");
    let text = format!(
        "name: {quoted}\nphases:\n  - {{name: {quoted}, run: cat {0}}}\n  \
         - {{name: fails, run: \"cat {0} {0} >&2\", expect: {{exit: 5, errors: hello}}}}\n",
        at("output")
    );
    std::fs::write(at("x.yaml"), text).unwrap();
    let form = format!("junit={}", at("junit.xml"));
    let ran = run(&["scenario", "run", &at("x.yaml"), "--report", &form]);
    assert_eq!(ran.status.code(), Some(1), "{}", String::from_utf8_lossy(&ran.stderr));
    let file = at("junit.xml");
    (folder, file)
}

fn the_report_is_as_the_grammar_says() {
    let (folder, file) = report("plain", "well\n");
    let grammar = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/checkers/junit.rng");
    let check = |file: &str| {
        let mut command = Command::new(find("xmllint").unwrap());
        let said = command.args(["--noout", "--relaxng", grammar, file]).output().unwrap();
        (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned())
    };
    let (valid, said) = check(&file);
    assert!(valid, "{said}");
    // The grammar is one that can say no.
    let text = std::fs::read_to_string(&file).unwrap();
    let wrong = folder.path().join("wrong.xml").display().to_string();
    for (part, other) in [("<testsuites ", "<testsuites skipped=\"0\" "), ("<failure ", "<fault ")]
    {
        let changed = text.replace(part, other).replace("</failure>", "</fault>");
        std::fs::write(&wrong, changed).unwrap();
        assert!(!check(&wrong).0, "{other}");
    }
}

fn hostile_text_is_still_xml_to_another_parser() {
    let every: String = (0..0x3000).filter_map(char::from_u32).collect();
    let (_folder, file) = report("<script>\"&'\u{1}\u{b}\u{ffff}]]>", &every);
    let script = "import sys, xml.etree.ElementTree as tree\n\
                  suite = tree.parse(sys.argv[1]).getroot()[0]\n\
                  print(suite.get('name'), len(suite.findall('testcase')))\n\
                  print(suite.find('.//failure').get('message')[:23])";
    let said = Command::new(python()).args(["-c", script, &file]).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said, "<script>\"&']]> 2\nexit: expected 5, found\n");
}

pub(crate) const TESTS: &[Test] = tests![
    the_report_is_as_the_grammar_says needs Program("xmllint");
    hostile_text_is_still_xml_to_another_parser needs Python("xml.etree");
];
