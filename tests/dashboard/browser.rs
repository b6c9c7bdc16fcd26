//! Chromium without a window, told what to do by WebDriver (W3C) over HTTP.

use crate::support::servers::server;
use crate::support::{Guarded, PATIENCE, bounded, until, until_or};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Name of the key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys, as WebDriver writes them.
pub(crate) const TAB: char = '\u{E004}';
pub(crate) const LEFT: char = '\u{E012}';
pub(crate) const SPACE: char = ' ';

/// A browser with one page. It ends with this handle.
pub(crate) struct Browser {
    driver: Guarded,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser, and opens the page of a server.
    pub(crate) fn open(server: SocketAddr, width: u32) -> Self {
        let browser = Self::start();
        browser.size(width, 900);
        browser.go(&format!("http://{server}/"));
        browser
    }

    fn start() -> Self {
        let mut command = Command::new(server("chromedriver"));
        // Its children are ended with it.
        command.arg("--port=0").process_group(0).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = Guarded(command.spawn().unwrap());
        let said = BufReader::new(driver.0.stdout.take().unwrap());
        let started = "ChromeDriver was started successfully on port ";
        let port = said.lines().map_while(Result::ok).find_map(|line| {
            let port = line.strip_prefix(started)?;
            port.trim_end_matches('.').parse().ok()
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver starts")));
        let profile = tempfile::tempdir().unwrap();
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = json!([
            "--headless=new",
            // In a container we are root, and memory to share is short.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            folder
        ]);
        let options = json!({
            "goog:chromeOptions": {"binary": server("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}
        });
        let mut browser = Self { driver, address, session: String::new(), _profile: profile };
        let asked = json!({"capabilities": {"alwaysMatch": options}});
        let session = browser.ask("POST", "/session", &asked);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        browser
    }

    /// Asks the driver for something that may fail.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let (address, session, body) = (self.address, &self.session, body.to_string());
        let length = body.len();
        let mut stream = TcpStream::connect(address).unwrap();
        bounded(&stream);
        // The first start on a machine takes its time.
        stream.set_read_timeout(Some(3 * PATIENCE)).unwrap();
        let head = format!(
            "{method} {session}{path} HTTP/1.1\r\nHost: {address}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            answer.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut bytes = vec![0; length];
        answer.read_exact(&mut bytes).unwrap();
        let mut answer: Value = serde_json::from_slice(&bytes).unwrap();
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_ask(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path} {body}: {error}"))
    }

    /// Tells the browser something by its own protocol.
    fn tell(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    pub(crate) fn go(&self, address: &str) {
        self.ask("POST", "/url", &json!({"url": address}));
    }

    pub(crate) fn size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Lets pages know which colors somebody prefers: `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let feature = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", &json!({"features": feature}));
    }

    /// Runs the body of a function in the page, and returns what it returns.
    pub(crate) fn run(&self, script: &str, arguments: Value) -> Value {
        self.ask("POST", "/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Returns the value of an expression in the page.
    pub(crate) fn eval(&self, expression: &str) -> Value {
        self.run(&format!("return {expression}"), json!([]))
    }

    /// Waits until an expression holds in the page.
    pub(crate) fn wait(&self, expression: &str) {
        let told = || format!("{expression}\nin the page:\n{}", self.text("body"));
        until_or(told, || self.eval(expression) == true);
    }

    /// Waits until the visible text of an element contains another one.
    pub(crate) fn wait_for(&self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.wait(&format!(
            "[...document.querySelectorAll({selector})].some((it) => it.innerText.includes({text}))"
        ));
    }

    /// Returns the visible text of the first element of a selector, or nothing.
    pub(crate) fn text(&self, selector: &str) -> String {
        let text = format!("document.querySelector({})?.innerText ?? ''", json!(selector));
        self.eval(&text).as_str().unwrap().to_owned()
    }

    /// Path of the first element of a selector, which comes about in time.
    fn found(&self, selector: &str) -> String {
        let by = json!({"using": "css selector", "value": selector});
        let mut found = Err(String::new());
        until(&format!("there is no {selector}"), || {
            found = self.try_ask("POST", "/element", &by);
            found.is_ok()
        });
        format!("/element/{}", found.unwrap()[ELEMENT].as_str().unwrap())
    }

    /// Clicks at an element, where a mouse would.
    pub(crate) fn click(&self, selector: &str) {
        let path = self.found(selector);
        self.ask("POST", &format!("{path}/click"), &json!({}));
    }

    /// Writes a text into a field, in place of what is in it: key by key, as somebody would who has
    /// selected all of it.
    pub(crate) fn write(&self, selector: &str, text: &str) {
        self.found(selector);
        let select = "const it = document.querySelector(arguments[0]); it.focus(); it.select();";
        self.run(select, json!([selector]));
        self.press(&text.chars().collect::<Vec<_>>());
    }

    /// Presses keys, one after another; what has the focus gets them.
    pub(crate) fn press(&self, keys: &[char]) {
        let actions = keys.iter().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let keyboard =
            json!({"type": "key", "id": "keyboard", "actions": actions.collect::<Vec<_>>()});
        self.ask("POST", "/actions", &json!({"actions": [keyboard]}));
    }

    /// Writes a picture of the whole page, and returns its bytes.
    pub(crate) fn picture(&self, file: &Path) -> Vec<u8> {
        let whole = self.eval("[innerWidth, document.documentElement.scrollHeight]");
        let [width, height] = [0, 1].map(|at| whole[at].as_f64().unwrap());
        let area = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let asked = json!({"format": "png", "captureBeyondViewport": true, "clip": area});
        let picture = self.tell("Page.captureScreenshot", &asked);
        let decoded = decoded(picture["data"].as_str().unwrap());
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, &decoded).unwrap();
        decoded
    }

    /// Returns what the browser has complained about: refused scripts, errors of the page.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.ask("POST", "/se/log", &json!({"type": "browser"}));
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.try_ask("DELETE", "", &json!({}));
        let group = rustix::process::Pid::from_child(&self.driver.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

/// Decodes base64.
fn decoded(text: &str) -> Vec<u8> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} in base64"),
    };
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for part in text.as_bytes().chunks(4) {
        let bits = part.iter().fold(0, |bits, letter| bits << 6 | u32::from(value(*letter)));
        let bits = bits << (6 * (4 - part.len()));
        bytes.extend(&bits.to_be_bytes()[1..part.len()]);
    }
    bytes
}
