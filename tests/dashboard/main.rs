//! The dashboard in Chromium: what somebody does there reaches real clients, and what a network sends stays text.

#[path = "../support/mod.rs"]
mod support;

mod access;
mod browser;
mod changes;
mod hostile;

use browser::{Browser, LEFT};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use support::serving::Serving;

/// A server, and a browser that shows its dashboard.
struct Shown {
    serving: Serving,
    browser: Browser,
}

impl Shown {
    /// Starts a server without proxies.
    fn start(width: u32) -> Self {
        let serving = Serving::start(&["--api", "127.0.0.1:0"]);
        let browser = Browser::open(serving.api, width);
        browser.wait_for("#state", "connected");
        Self { serving, browser }
    }

    /// Starts a server, and fills the form for a proxy in.
    fn with_proxy(width: u32, backend: SocketAddr) -> (Self, SocketAddr) {
        let shown = Self::start(width);
        let browser = &shown.browser;
        browser.write("form input", &backend.to_string());
        browser.click("form button[type=submit]");
        browser.wait_for("main h2", "proxy-1");
        let address = browser.text(".route code").parse().unwrap();
        (shown, address)
    }

    /// Returns what the API answers to a GET.
    fn get(&self, path: &str) -> serde_json::Value {
        let answer = self.serving.ask(&format!("curl -fsS '127.0.0.1:8474{path}'"));
        serde_json::from_str(&answer).unwrap()
    }

    /// Waits until the rules of the proxy are these texts.
    fn wait_for_rules(&self, texts: &[&str]) {
        let rules = || -> Vec<String> {
            let rules = self.get("/v1/proxies/proxy-1/rules");
            let rules = rules["rules"].as_array().unwrap().iter();
            rules.map(|rule| rule["text"].as_str().unwrap().to_owned()).collect()
        };
        let told = || format!("{:?}, not {texts:?}\n{}", rules(), self.browser.text("body"));
        support::until_or(told, || rules() == texts);
    }

    /// Checks that the browser had nothing to complain about.
    fn end(self) {
        assert_eq!(self.browser.complaints(), [""; 0]);
        assert_eq!(self.serving.stop(), Some(0));
    }
}

/// Selector of something in the row of a rule.
fn rule(name: &str, inside: &str) -> String {
    format!(".rule[data-rule={name:?}] {inside}")
}

/// Selector of a button of a connection.
fn connection(number: u64, button: &str) -> String {
    format!(".connection button[aria-label='{button} connection {number}']")
}

fn connect(address: SocketAddr) -> TcpStream {
    support::connect(address)
}

fn main() -> ExitCode {
    support::needs::main(&[changes::TESTS, access::TESTS, hostile::TESTS], "tests/dashboard")
}
