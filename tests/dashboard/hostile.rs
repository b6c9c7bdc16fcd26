//! Words from the network are text on the page, whatever they look like.

use crate::support::needs::{Test, tests};
use crate::support::{Backend, read_exactly};
use crate::{Shown, connect};
use serde_json::json;
use std::io::Write;

pub(crate) const TESTS: &[Test] = tests![
    names_and_the_journal_stay_text needs Program("chromedriver"), Program("chromium");
    no_other_script_runs_in_the_page needs Program("chromedriver"), Program("chromium");
];

fn names_and_the_journal_stay_text() {
    let shown = Shown::start(1280);
    let browser = &shown.browser;
    let backend = Backend::echo().address.to_string();
    for name in [
        "<img src=x onerror=window.pwned=1>",
        "__proto__",
        "a/b ?#%2F&\"'",
        "<script>window.pwned=1</script>",
    ] {
        let rule = format!("{name} rule").replace('/', "|");
        let body = json!({"name": name, "backend": backend, "rules": [{"delay": {"sleep": "1ms", "name": rule}}]});
        let made = std::process::Command::new("curl")
            .args([
                "-fsS",
                &format!("http://{}/v1/proxies", shown.serving.api),
                "-d",
                &body.to_string(),
            ])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        browser.wait_for("#proxies", name);
        browser.run(
            "[...document.querySelectorAll('.proxy')].find((it) => it.innerText.includes(arguments[0])).click()",
            json!([name]),
        );
        browser.wait_for("main h2", name);
        let mut client = connect(browser.text(".route code").parse().unwrap());
        client.write_all(b"?").unwrap();
        read_exactly(&mut client, 1);
        browser.wait_for("#faults li", &rule);
        browser.wait_for(".rule .name", &rule);
        // Its switch acts on it, and on nothing else.
        browser.run("document.querySelector('.rule.on [role=switch]').click()", json!([]));
        browser.wait("!document.querySelector('.rule.on')");
        browser.run(
            "[...document.querySelectorAll('.rule [role=switch]')].find((it) => it.labels[0].innerText.trim() === arguments[0]).click()",
            json!([rule]),
        );
        browser.wait_for(".rule.on .name", &rule);
    }
    assert_eq!(
        browser.eval("document.querySelectorAll('img, body script:not([type=module])').length"),
        0
    );
    assert_eq!(
        browser.eval("[typeof window.pwned, ({}).off, ({}).behavior]"),
        json!(["undefined", null, null])
    );
    shown.end();
}

fn no_other_script_runs_in_the_page() {
    let shown = Shown::start(1280);
    let browser = &shown.browser;
    let script = "
        try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.pwned=1>'); return 'done'; }
        catch (error) { return error.name; }";
    assert_eq!(browser.run(script, json!([])), "TypeError");
    let asked = "
        const image = document.createElement('img');
        image.setAttribute('src', 'http://' + location.host + '/x');
        const refused = new Promise((done) => addEventListener('securitypolicyviolation', (it) => done(it.effectiveDirective)));
        document.body.append(image);
        refused.then((directive) => { window.refused = directive; });";
    browser.run(asked, json!([]));
    browser.wait("window.refused === 'img-src'");
    assert_eq!(browser.eval("typeof window.pwned"), "undefined");
}
