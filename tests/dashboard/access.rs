//! The dashboard for everybody: with the keyboard alone, on a small screen, in light and dark, and read aloud.

use crate::browser::{Browser, SPACE, TAB};
use crate::support::needs::{Test, modules, tests};
use crate::support::serving::Serving;
use crate::support::{Backend, read_exactly};
use crate::{Shown, connect, rule};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};

pub(crate) const TESTS: &[Test] = tests![
    the_keyboard_alone_reaches_and_changes_everything needs Program("chromedriver"), Program("chromium");
    a_small_screen_does_not_scroll_sideways needs Program("chromedriver"), Program("chromium");
    it_is_sound_and_looks_right_in_light_and_dark needs Program("chromedriver"), Program("chromium"), Node("axe-core");
    a_token_is_asked_for_and_kept_for_the_tab needs Program("chromedriver"), Program("chromium");
];

/// Element that has the focus: an id of its own, its name for screen readers, and whether somebody can see that it has the focus.
const FOCUSED: &str = "
    const it = document.activeElement;
    if (it === document.body) return null;
    window.ids ??= new Map();
    if (!window.ids.has(it)) window.ids.set(it, window.ids.size);
    const labels = [...(it.labels ?? [])].map((label) => label.innerText).join(' ');
    const marked = (one) => one && getComputedStyle(one).outlineStyle !== 'none';
    return {
      id: window.ids.get(it),
      rule: it.closest('[data-rule]')?.dataset.rule ?? '',
      role: it.getAttribute('role') ?? it.type ?? it.localName,
      name: it.ariaLabel || labels || it.innerText || document.getElementById(it.getAttribute('aria-labelledby'))?.innerText || '',
      marked: marked(it) || marked(it.nextElementSibling),
    };";

fn the_keyboard_alone_reaches_and_changes_everything() {
    let (shown, address) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    let mut client = connect(address);
    browser.wait_for(".connection", "#1");
    // From the top of the page.
    browser.eval("document.activeElement.blur(), window.getSelection().removeAllRanges(), document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')");
    let mut order: Vec<Value> = Vec::new();
    // All that can have the focus has it once, and then it leaves the page: there is no trap.
    loop {
        browser.press(&[TAB]);
        let focused = browser.run(FOCUSED, json!([]));
        if focused.is_null() || order.iter().any(|one| one["id"] == focused["id"]) {
            break;
        }
        assert!(!focused["name"].as_str().unwrap().trim().is_empty(), "it has no name: {focused}");
        assert_eq!(focused["marked"], true, "its focus cannot be seen: {focused}");
        assert!(order.len() < 200, "{order:?}");
        order.push(focused);
    }
    let place = |name: &str| {
        let found = order.iter().position(|one| one["name"].as_str().unwrap().contains(name));
        found.unwrap_or_else(|| panic!("{name} cannot be reached: {order:?}"))
    };
    let places = [
        "Skip to the proxy",
        "proxy-1",
        "New proxy",
        "Accepts connections",
        "Remove proxy",
        "delay",
        "Add another rule",
        "Freeze connection 1",
        "Pause",
    ]
    .map(place);
    assert!(places.is_sorted(), "{places:?}: {order:?}");

    browser.eval("document.querySelector('#new').focus()");
    let mut left = 100;
    while browser.run(FOCUSED, json!([]))["rule"] != "delay" {
        browser.press(&[TAB]);
        left -= 1;
        assert!(left > 0);
    }
    browser.press(&[SPACE]);
    shown.wait_for_rules(&["delay"]);
    client.write_all(b"?").unwrap();
    read_exactly(&mut client, 1);
    browser.wait_for("#faults li", "delay 1s");
    // A screen reader is told now and then, and not each time.
    browser.wait("document.querySelector('#said').ariaLive === 'polite' && /faults? in the last/.test(document.querySelector('#said').textContent)");
    browser.press(&[SPACE]);
    shown.wait_for_rules(&[]);
    shown.end();
}

/// Checks that nothing is wider than the screen.
fn fits(browser: &Browser, what: &str) {
    let wide = browser.run(
        "document.querySelectorAll('details').forEach((it) => it.setAttribute('open', ''));
        const wide = [...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest('.unseen, svg'));
        return [document.documentElement.scrollWidth, innerWidth, wide.map((it) => it.outerHTML.slice(0, 200))];",
        json!([]),
    );
    assert_eq!(wide[2], json!([]), "{what}");
    assert!(wide[0].as_u64() <= wide[1].as_u64(), "{what}: {wide}");
}

fn a_small_screen_does_not_scroll_sideways() {
    let shown = Shown::start(400);
    let browser = &shown.browser;
    browser.click("form select option[value=proxy-v2]");
    fits(browser, "the form");
    let long = "a-name-without-a-place-to-break-".repeat(6);
    let backend = Backend::echo().address;
    let body =
        json!({"name": long, "backend": backend.to_string(), "rules": [{"delay": {"name": long}}]});
    shown.serving.ask(&format!("curl -fsS 127.0.0.1:8474/v1/proxies -d '{body}'"));
    browser.wait_for("main h2", &long);
    let mut client = connect(browser.text(".route code").parse().unwrap());
    client.write_all(b"?").unwrap();
    read_exactly(&mut client, 1);
    browser.wait_for(".connection", "#1");
    browser.wait_for("#faults li", "delay 1s");
    fits(browser, "the panel");
    browser.picture(&folder().join("narrow-open.png"));
    shown.end();
}

/// Folder for pictures that somebody may want to look at.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard")
}

/// Checks a page by axe-core: contrast, names, roles, order of titles.
fn sound(browser: &Browser, what: &str) {
    let axe = std::fs::read_to_string(modules().join("axe-core/axe.min.js")).unwrap();
    browser.run(&axe, json!([]));
    browser.eval("void axe.run(document, { resultTypes: ['violations'] }).then((found) => { window.found = found; })");
    browser.wait("window.found !== undefined");
    let found = browser.run(
        "const found = window.found.violations.map((one) => [one.id, one.help, one.nodes.map((node) => node.html + node.failureSummary)]);
        delete window.found;
        return [found, axe.version];",
        json!([]),
    );
    assert_eq!(found[0], json!([]), "{what}");
    assert!(found[1].is_string());
}

fn it_is_sound_and_looks_right_in_light_and_dark() {
    let (shown, address) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    let mut client = connect(address);
    browser.write(&rule("delay", "input[type=text]"), "20ms");
    browser.click(&rule("delay", ".switch"));
    shown.wait_for_rules(&["delay:sleep=20ms"]);
    for _ in 0..10 {
        client.write_all(b"?").unwrap();
        read_exactly(&mut client, 1);
    }
    browser.wait_for("#faults li", "delay 20ms");
    browser.wait_for(".chart:nth-of-type(2) .top", " ms");
    let mut backs = Vec::new();
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for (width, name) in [(1280, "wide"), (400, "narrow")] {
            browser.size(width, 900);
            browser.wait(&format!("innerWidth === {width}"));
            sound(browser, &format!("{scheme}, {width}"));
            let picture = browser.picture(&folder().join(format!("{name}-{scheme}.png")));
            assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000);
        }
        backs.push(browser.eval("getComputedStyle(document.body).backgroundColor"));
        browser.click("#new");
        sound(browser, &format!("{scheme}, the form"));
        browser.click(".proxy");
        browser.wait_for("main h2", "proxy-1");
    }
    assert_ne!(backs[0], backs[1]);
    shown.end();
}

fn a_token_is_asked_for_and_kept_for_the_tab() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let arguments = ["--api", "127.0.0.1:0", "--api-token-file", file.path().to_str().unwrap()];
    let serving = Serving::start(&arguments);
    let browser = Browser::open(serving.api, 1280);
    browser.wait_for("main", "This server wants a token");
    browser.write("#token", "wrong");
    browser.click(".token button");
    browser.wait_for(".token .problem", "The token is missing or wrong");
    browser.write("#token", "s3cret");
    browser.click(".token button");
    browser.wait_for("#state", "connected to version");
    browser.wait_for("main", "No proxy yet");
    browser.go(&format!("http://{}/", serving.api));
    browser.wait_for("#state", "connected to version");
    let kept = browser
        .eval("[JSON.stringify(localStorage), document.cookie, location.href.includes('s3cret')]");
    assert_eq!(kept, json!(["{}", "", false]));
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("status of 401")), "{complaints:?}");
}
