//! The PROXY header around endpoints: taken off in front, sent first behind, and never seen by rules.

use super::certificates::Certificates;
use super::support::needs::{Test, tests};
use super::support::servers::{Server, server};
use super::support::{Backend, Proxy, program};
use super::{fetch, is_page, nginx, say};
use std::net::SocketAddr;
use std::path::Path;

fn proxy(listen: &str, backend: &str, more: &[&str]) -> Proxy {
    let mut all = vec!["--listen", listen, "--backend", backend];
    all.extend(more);
    Proxy::spawn(program(&all))
}

fn haproxy_in_front_sends_headers_that_are_taken_off() {
    let (nginx, haproxy) = (nginx("", ""), server("haproxy"));
    for sends in ["send-proxy", "send-proxy-v2"] {
        let proxy =
            proxy("haproxy:tcp:0:127.0.0.1", &nginx.address.to_string(), &["--log-level", "debug"]);
        let configuration = |_: &Path, address: SocketAddr| {
            format!(
                "global\n  maxconn 100\ndefaults\n  mode tcp\n  timeout connect 5s\n  \
                 timeout client 20s\n  timeout server 20s\n\
                 listen front\n  bind {address}\n  server it {} {sends}\n",
                proxy.address
            )
        };
        let front = Server::start(&haproxy, configuration, &["-db", "-f", "{}"]);
        assert!(is_page(&fetch(front.address)), "{sends}");
        drop(front);
        proxy.stop();
    }
}

fn a_server_that_wants_headers_gets_them() {
    let nginx = nginx("proxy_protocol", "");
    let (host, port) = (nginx.address.ip(), nginx.address.port());
    for kind in ["proxy-v1", "proxy-v2"] {
        let proxy = proxy("127.0.0.1:0", &format!("{kind}:tcp:{host}:{port}"), &[]);
        assert!(is_page(&fetch(proxy.address)), "{kind}");
        proxy.stop();
        nginx.wait_for_line("access.log", "127.0.0.1 ");
    }
    // Without one it refuses.
    let bare = proxy("127.0.0.1:0", &nginx.address.to_string(), &[]);
    assert!(!is_page(&fetch(bare.address)));
    bare.stop();
}

fn who_the_client_is_goes_from_header_to_header() {
    let nginx = nginx("proxy_protocol", "");
    let backend = format!("proxy-v2:tcp:{}:{}", nginx.address.ip(), nginx.address.port());
    let proxy = proxy("haproxy:tcp:0:127.0.0.1", &backend, &[]);
    let request =
        b"PROXY TCP4 203.0.113.77 198.51.100.9 51234 80\r\nGET /page.txt HTTP/1.0\r\n\r\n";
    assert!(is_page(&say(proxy.address, request)));
    nginx.wait_for_line("access.log", "203.0.113.77 ");
    proxy.stop();
}

fn headers_come_before_tls() {
    let certificates = Certificates::new();
    let (cert, key) = (certificates.file("server.pem"), certificates.file("server.key"));
    let more = format!("ssl_certificate {cert}; ssl_certificate_key {key};");
    let nginx = nginx("ssl proxy_protocol", &more);
    let (host, port) = (nginx.address.ip(), nginx.address.port());
    let ca = certificates.file("ca.pem");
    // To nginx, which wants it so, and to ourselves.
    let inner = proxy(
        &format!("haproxy:{}", certificates.listen("")),
        &format!("proxy-v2:tls:{host}:{port}:ca={ca}:sni=localhost"),
        &[],
    );
    let at = inner.address;
    let backend = format!("proxy-v1:tls:{}:{}:ca={ca}:sni=localhost", at.ip(), at.port());
    let outer = proxy("127.0.0.1:0", &backend, &[]);
    assert!(is_page(&fetch(outer.address)));
    nginx.wait_for_line("access.log", "127.0.0.1 ");
    outer.stop();
    inner.stop();
}

fn rules_see_what_is_behind_the_header_only() {
    let backend = Backend::echo().address.to_string();
    let rule = ["--behavior", "replace:match=PROXY:with=proxy:direction=upstream"];
    let proxy = proxy("haproxy:127.0.0.1:0", &backend, &rule);
    let sent = b"PROXY TCP4 203.0.113.7 198.51.100.9 1 2\r\nPROXY of a client";
    assert_eq!(say(proxy.address, sent), b"proxy of a client");
    proxy.stop();
}

fn what_has_no_header_is_not_let_in() {
    let backend = Backend::echo().address.to_string();
    let proxy = proxy("haproxy:127.0.0.1:0", &backend, &["--greet-timeout", "200ms"]);
    for bytes in [&b"GET / HTTP/1.0\r\n\r\n"[..], b"PROXY", b"PROXY TCP9 a b c d\r\n"] {
        assert!(say(proxy.address, bytes).is_empty());
        proxy.wait_for_event("PROXY header");
    }
    // One that says nothing at all has a time for it.
    let silent = super::connect(proxy.address);
    proxy.wait_for_event("not whole within 200ms");
    drop(silent);
    let ended = proxy.stop();
    assert!(ended.out.contains("handshake or header refused"), "{}", ended.out);
}

fn who_is_turned_away_is_not_reset() {
    let backend = Backend::echo().address.to_string();
    let proxy = proxy("haproxy:127.0.0.1:0", &backend, &[]);
    let mut stream = super::connect(proxy.address);
    std::io::Write::write_all(&mut stream, &[b'G'; 4_000]).unwrap();
    assert_eq!(super::read_to_end(&mut stream), Ok(Vec::new()));
    proxy.stop();
}

pub(crate) const TESTS: &[Test] = tests![
    haproxy_in_front_sends_headers_that_are_taken_off needs Program("nginx"), Program("haproxy");
    a_server_that_wants_headers_gets_them needs Program("nginx");
    who_the_client_is_goes_from_header_to_header needs Program("nginx");
    headers_come_before_tls needs Program("nginx");
    rules_see_what_is_behind_the_header_only;
    what_has_no_header_is_not_let_in;
    who_is_turned_away_is_not_reset;
];
