//! Real clients get what somebody clicks.

use crate::support::needs::{Test, tests};
use crate::support::servers::{Server, server};
use crate::support::serving::Serving;
use crate::support::{Backend, read_exactly, until};
use crate::{LEFT, Shown, connect, connection, rule};
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) const TESTS: &[Test] = tests![
    a_newcomer_breaks_redis needs Program("chromedriver"), Program("chromium"), Program("redis-server");
    a_slider_changes_the_delay needs Program("chromedriver"), Program("chromium");
    connections_are_frozen_slowed_closed_and_reset needs Program("chromedriver"), Program("chromium");
    any_behavior_can_be_added_and_removed needs Program("chromedriver"), Program("chromium");
    a_proxy_is_switched_off_and_on_and_removed needs Program("chromedriver"), Program("chromium");
    an_error_stands_beside_its_cause needs Program("chromedriver"), Program("chromium");
    changes_from_elsewhere_are_shown needs Program("chromedriver"), Program("chromium");
    it_comes_back_when_the_server_was_restarted needs Program("chromedriver"), Program("chromium");
];

fn redis() -> Server {
    let configuration = |folder: &Path, address: SocketAddr| {
        let (host, port) = (address.ip(), address.port());
        format!("bind {host}\nport {port}\ndir {}\nsave \"\"\n", folder.display())
    };
    Server::start(&server("redis-server"), configuration, &["{}"])
}

fn ping(client: &mut TcpStream) -> Duration {
    let start = Instant::now();
    client.write_all(b"PING\r\n").unwrap();
    assert_eq!(read_exactly(client, 7), b"+PONG\r\n");
    start.elapsed()
}

fn a_newcomer_breaks_redis() {
    let redis = redis();
    let shown = Shown::start(1280);
    let browser = &shown.browser;
    browser.wait_for("main", "No proxy yet. Say where your service listens");
    browser.write("form input", &redis.address.to_string());
    browser.click("form button[type=submit]");
    browser.wait_for("main h2", "proxy-1");
    browser.wait_for(".connections ~ .hint, .hint", "No open connection. Let a client connect to");
    let mut client = connect(browser.text(".route code").parse().unwrap());
    ping(&mut client);
    // Nothing is done to it, and the page has seen it.
    browser.wait_for(".connection", &client.local_addr().unwrap().to_string());
    browser.wait_for("#aside", "No fault yet");
    shown.wait_for_rules(&[]);

    browser.click(&rule("delay", ".switch"));
    shown.wait_for_rules(&["delay"]);
    assert!(ping(&mut client) >= Duration::from_secs(2), "a second in each direction");
    browser.wait_for("#faults li", "delay 1s");
    browser.wait_for(&rule("delay", ".tally"), "2 faults");
    browser.wait_for(".chart:nth-of-type(2) .top", " s");

    browser.click(&rule("delay", ".switch"));
    shown.wait_for_rules(&[]);
    browser.click(&rule("reset", ".switch"));
    shown.wait_for_rules(&["reset"]);
    let end = client.read(&mut [0]);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::ConnectionReset);
    browser.wait_for("#faults li", "reset");
    browser.click("#calm");
    shown.wait_for_rules(&[]);
    ping(&mut connect(browser.text(".route code").parse().unwrap()));
    shown.end();
}

fn a_slider_changes_the_delay() {
    let (shown, address) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    let mut client = connect(address);
    browser.write(&rule("delay", "input[type=text]"), "300ms");
    browser.click(&rule("delay", ".switch"));
    shown.wait_for_rules(&["delay:sleep=300ms"]);
    let mut echoed = || {
        let start = Instant::now();
        client.write_all(b"?").unwrap();
        read_exactly(&mut client, 1);
        start.elapsed()
    };
    assert!(echoed() >= Duration::from_millis(600));
    // The slider has followed the field, and the field follows the slider.
    let slider = rule("delay", "input[type=range]");
    let focus = format!("document.querySelector({}).focus()", json!(slider));
    browser.eval(&focus);
    browser.press(&[LEFT, LEFT]);
    shown.wait_for_rules(&["delay:sleep=200ms"]);
    assert_eq!(browser.eval("document.activeElement.ariaValueText"), "200ms");
    assert!(echoed() >= Duration::from_millis(400));
    browser.wait_for("#faults li", "delay 200ms");
    // Half of the traffic is a slider, too.
    browser.write(&rule("delay", ".chance input[type=text]"), "50%");
    shown.wait_for_rules(&["delay:chance=50%:sleep=200ms"]);
    shown.end();
}

fn connections_are_frozen_slowed_closed_and_reset() {
    let (backend, accepted) = Backend::handing_over();
    let (shown, address) = Shown::with_proxy(1280, backend.address);
    let browser = &shown.browser;
    let mut clients = Vec::new();
    let mut servers = Vec::new();
    for number in 1..=3 {
        clients.push(connect(address));
        servers.push(accepted.recv().unwrap());
        browser.wait_for(".connection", &format!("#{number}"));
    }
    browser.click(&connection(1, "Freeze"));
    browser.wait_for(".connection .facts", "frozen");
    clients[0].write_all(b"held").unwrap();
    clients[1].write_all(b"free").unwrap();
    assert_eq!(read_exactly(&mut servers[1], 4), b"free");
    servers[0].set_nonblocking(true).unwrap();
    assert_eq!(servers[0].read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    servers[0].set_nonblocking(false).unwrap();
    browser.click(&connection(1, "Thaw"));
    assert_eq!(read_exactly(&mut servers[0], 4), b"held");

    let rate = "select[aria-label='Rate of connection 2']";
    browser.click(&format!("{rate} option[value='10KiB/s']"));
    until("the connection has its rate", || {
        let all = shown.get("/v1/proxies/proxy-1/connections");
        all["connections"][1]["rate"] == 10 * 1024
    });

    browser.click(&connection(2, "Close"));
    assert_eq!(clients[1].read(&mut [0]).unwrap(), 0);
    browser.click(&connection(3, "Reset"));
    assert_eq!(clients[2].read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    browser.wait("document.querySelectorAll('.connection').length === 1");
    clients[0].write_all(b"still").unwrap();
    assert_eq!(read_exactly(&mut servers[0], 5), b"still");
    shown.end();
}

fn any_behavior_can_be_added_and_removed() {
    let (shown, address) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    let mut client = connect(address);
    browser.click(".another > summary");
    browser.click(".another select option[value=replace]");
    browser.wait_for(".another .about", "Replaces whatever matches a pattern");
    browser.write(".another .pattern input", "cat");
    browser.click(".another .options summary");
    browser.write(".another .bytes input", "dog");
    browser.click(".another select option[value=upstream]");
    browser.write(".another form > .option:nth-of-type(3) input", "pets");
    browser.click(".another button[type=submit]");
    shown.wait_for_rules(&["replace:direction=upstream:match=cat:name=pets:with=dog"]);
    client.write_all(b"a cat").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"a dog");
    browser.click(&rule("pets", ".switch"));
    shown.wait_for_rules(&[]);
    client.write_all(b"a cat").unwrap();
    assert_eq!(read_exactly(&mut client, 5), b"a cat");
    // It is remembered as it was.
    browser.click(&rule("pets", ".switch"));
    shown.wait_for_rules(&["replace:direction=upstream:match=cat:with=dog:name=pets"]);
    browser.click(&rule("pets", "button.quiet"));
    shown.wait_for_rules(&[]);
    browser.wait(&format!("!document.querySelector({})", json!(rule("pets", "input"))));
    shown.end();
}

fn a_proxy_is_switched_off_and_on_and_removed() {
    let (shown, address) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    browser.click(".panel > .head .switch");
    browser.wait_for(".proxy .facts", "off");
    browser.wait_for(".route", "it is switched off");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    browser.click(".panel > .head .switch");
    browser.wait_for(".proxy .facts", "open");
    drop(connect(browser.text(".route code").parse().unwrap()));
    // One click is not enough.
    browser.click(".panel > .head button.quiet");
    browser.wait_for(".panel > .head button.sure", "Remove it?");
    assert_eq!(shown.get("/v1/proxies")["proxies"].as_array().unwrap().len(), 1);
    browser.click(".panel > .head button.sure");
    browser.wait_for("main", "No proxy yet");
    assert_eq!(shown.get("/v1/proxies"), json!({"proxies": []}));
    shown.end();
}

fn an_error_stands_beside_its_cause() {
    let (shown, _) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    browser.click(&rule("delay", ".switch"));
    shown.wait_for_rules(&["delay"]);
    browser.write(&rule("delay", ".time input[type=text]"), "soon");
    browser.wait_for(&rule("delay", ".problem"), "Option \"sleep\": expected a time such as 250ms");
    browser.wait(&format!(
        "document.querySelector({}).ariaInvalid === 'true'",
        json!(rule("delay", ".time input[type=text]"))
    ));
    shown.wait_for_rules(&["delay"]);
    browser.write(&rule("delay", ".time input[type=text]"), "20ms");
    shown.wait_for_rules(&["delay:sleep=20ms"]);
    browser.wait(&format!("document.querySelector({}).hidden", json!(rule("delay", ".problem"))));

    browser.click("#new");
    browser.write("form input", "nowhere");
    browser.click("form button[type=submit]");
    browser.wait_for("form .problem", "has no port; write nowhere:8080");
    browser.wait("document.querySelector('form input').ariaInvalid === 'true'");
    // The browser's log has the refused requests, which are no fault of the page.
    let complaints = shown.browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("status of 422")), "{complaints:?}");
}

fn changes_from_elsewhere_are_shown() {
    let (shown, _) = Shown::with_proxy(1280, Backend::echo().address);
    let browser = &shown.browser;
    shown
        .serving
        .ask("curl -fsS 127.0.0.1:8474/v1/proxies/proxy-1/rules -d '\"throttle:rate=2MiB/s\"'");
    browser.wait(&format!(
        "document.querySelector({}).checked && document.querySelector({}).value === '2MiB/s'",
        json!(rule("throttle", "[role=switch]")),
        json!(rule("throttle", ".rate input[type=text]"))
    ));
    shown.serving.ask(
        "curl -fsS 127.0.0.1:8474/proxies/proxy-1/toxics -d '{\"type\": \"limit_data\", \"attributes\": {\"bytes\": 9}}'",
    );
    browser.wait_for(&rule("limit_data_downstream", "code"), "limit_data");
    shown.serving.ask(
        "curl -fsS 127.0.0.1:8474/v1/proxies -d '{\"name\": \"other\", \"backend\": \"127.0.0.1:1\"}'",
    );
    browser.wait_for("#proxies", "other");
    // A rule that ends by itself is switched off, and says why.
    browser.click(&rule("delay", "summary"));
    browser.write(&rule("delay", "[data-option=duration] input[type=text]"), "200ms");
    browser.click(&rule("delay", ".switch"));
    browser.wait_for(&rule("delay", ".tally"), "ended after its duration, 0 faults");
    browser.wait_for("#faults li", "rule delay of proxy-1 has ended: duration");
    browser.wait(&format!(
        "!document.querySelector({}).checked",
        json!(rule("delay", "[role=switch]"))
    ));
    shown.serving.ask("curl -fsS -X DELETE 127.0.0.1:8474/v1/proxies/proxy-1");
    browser.wait_for("main h2", "other");
    shown.end();
}

fn it_comes_back_when_the_server_was_restarted() {
    let shown = Shown::start(1280);
    let api = shown.serving.api.to_string();
    assert_eq!(shown.serving.stop(), Some(0));
    shown.browser.wait_for("#state", "not connected, tries again");
    let serving = Serving::start(&["--api", &api]);
    shown.browser.wait_for("#state", "connected to version");
    serving.ask("curl -fsS 127.0.0.1:8474/v1/proxies -d '{\"name\": \"new\", \"backend\": \"127.0.0.1:1\"}'");
    shown.browser.wait_for("main h2", "new");
}
