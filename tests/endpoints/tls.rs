//! TLS in front, behind, and on both sides.

use super::certificates::Certificates;
use super::support::needs::{Test, tests};
use super::support::servers::{Server, server};
use super::support::{Backend, Guarded, PATIENCE, Proxy, nobody, program, run};
use super::{fetch, is_page, nginx, noise, page};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

/// The program with these addresses and arguments.
fn proxy(listen: &str, backend: &str, more: &[&str]) -> Proxy {
    let mut all = vec!["--listen", listen, "--backend", backend];
    all.extend(more);
    Proxy::spawn(program(&all))
}

/// nginx with TLS, and the text that names it as a backend.
fn secure(certificates: &Certificates, more: &str) -> Server {
    let (cert, key) = (certificates.file("server.pem"), certificates.file("server.key"));
    let more = format!("ssl_certificate {cert}; ssl_certificate_key {key}; {more}");
    nginx("ssl", &more)
}

/// Asks curl for the page over TLS: what it got, or what it says.
fn curl(
    certificates: &Certificates,
    address: SocketAddr,
    more: &[&str],
) -> Result<Vec<u8>, String> {
    let curl = server("curl");
    let url = format!("https://localhost:{}/page.txt", address.port());
    let output = Command::new(curl)
        .args([
            "-sS",
            "-m",
            "20",
            "--resolve",
            &format!("localhost:{}:{}", address.port(), address.ip()),
        ])
        .args(["--cacert", &certificates.file("ca.pem")])
        .args(more)
        .arg(url)
        .output()
        .unwrap();
    match output.status.success() {
        true => Ok(output.stdout),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// A client of our own, for what curl does not do.
fn client(
    certificates: &Certificates,
    address: SocketAddr,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificates.path("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, super::connect(address))
}

fn curl_reaches_a_plain_server_through_tls() {
    let nginx = nginx("", "");
    let certificates = Certificates::new();
    let proxy = proxy(&certificates.listen(""), &nginx.address.to_string(), &[]);
    assert_eq!(curl(&certificates, proxy.address, &[]).unwrap(), page().as_bytes());
    let ended = proxy.stop();
    assert!(ended.out.contains("accepted"), "{}", ended.out);
}

fn a_plain_client_reaches_a_server_with_tls() {
    let certificates = Certificates::new();
    let nginx = secure(&certificates, "");
    let port = nginx.address.port();
    let host = nginx.address.ip();
    let ca = certificates.file("ca.pem");
    let folder = certificates.folder().join("ca");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&ca, folder.join("one.pem")).unwrap();
    let folder = folder.display();
    for backend in [
        format!("tls:localhost:{port}:ca={ca}:endpoint=tcp\\:{host}\\:{port}"),
        format!("tls:{host}:{port}:ca={folder}:sni=localhost"),
        format!("ssl:{host}:{port}:hostname=localhost:caCertsDir={folder}"),
        format!("tls:{host}:{port}:verify=no"),
        format!("tls://{host}:{port}?ca={ca}&sni=localhost"),
    ] {
        let proxy = proxy("127.0.0.1:0", &backend, &[]);
        assert!(is_page(&fetch(proxy.address)), "{backend}");
        proxy.stop();
    }
}

fn a_fault_works_between_two_sides_of_tls() {
    let certificates = Certificates::new();
    let nginx = secure(&certificates, "");
    let (ca, at) = (certificates.file("ca.pem"), nginx.address);
    let backend = format!("tls:{}:{}:ca={ca}:sni=localhost", at.ip(), at.port());
    let rules = ["--behavior", "delay:sleep=150ms:direction=upstream:first=1", "--seed", "1"];
    let delayed = proxy(&certificates.listen(""), &backend, &rules);
    let start = Instant::now();
    assert_eq!(curl(&certificates, delayed.address, &[]).unwrap(), page().as_bytes());
    assert!(start.elapsed().as_millis() >= 150);
    assert!(!delayed.stop().out.contains("no fault happened"));

    // What is in the clear in between can be changed, and both sides see good TLS.
    let rule = ["--behavior", "replace:match=line 7 of:with=LINE 7 OF:direction=downstream"];
    let changed = proxy(&certificates.listen(""), &backend, &rule);
    let got = curl(&certificates, changed.address, &[]).unwrap();
    assert_eq!(got, page().replacen("\nline 7 of", "\nLINE 7 OF", 1).as_bytes());
    changed.stop();
}

fn certificates_that_prove_nothing_are_refused() {
    let certificates = Certificates::new();
    let other = Certificates::new();
    let nginx = secure(&certificates, "");
    let (host, port) = (nginx.address.ip(), nginx.address.port());
    let (ca, strange) = (certificates.file("ca.pem"), other.file("ca.pem"));
    for (backend, reason) in [
        (format!("tls:{host}:{port}:ca={strange}:sni=localhost"), "invalid peer certificate"),
        (format!("tls:{host}:{port}:ca={ca}:sni=elsewhere"), "not valid for name"),
        (format!("tls:{host}:{port}:sni=localhost"), "TLS handshake"),
    ] {
        let proxy = proxy("127.0.0.1:0", &backend, &[]);
        assert!(!is_page(&fetch(proxy.address)), "{backend}");
        let line = proxy.wait_for_event("cannot be reached");
        assert!(line.contains(reason) && line.contains("TLS handshake"), "{line}");
        proxy.stop();
    }
    // And so does curl with us.
    let proxy = proxy(&other.listen(""), &nginx.address.to_string(), &[]);
    assert!(curl(&certificates, proxy.address, &[]).is_err());
    proxy.wait_for_event("TLS handshake");
    assert!(proxy.stop().out.contains("handshake or header refused"));
}

fn clients_show_certificates_where_they_have_to() {
    let certificates = Certificates::new();
    let ca = certificates.file("ca.pem");
    let demands = format!("ssl_client_certificate {ca}; ssl_verify_client on;");
    let nginx = secure(&certificates, &demands);
    let (host, port) = (nginx.address.ip(), nginx.address.port());
    let (cert, key) = (certificates.file("client.pem"), certificates.file("client.key"));
    let both = certificates.file("client-both.pem");
    for (more, right) in [
        (format!(":cert={cert}:key={key}"), true),
        (format!(":privateKey={both}"), true),
        (String::new(), false),
    ] {
        let backend = format!("tls:{host}:{port}:ca={ca}:sni=localhost{more}");
        let proxy = proxy("127.0.0.1:0", &backend, &[]);
        assert_eq!(is_page(&fetch(proxy.address)), right, "{backend}");
        proxy.stop();
    }

    let plain = super::nginx("", "");
    let listen = certificates.listen(&format!(":client_ca={ca}"));
    let proxy = proxy(&listen, &plain.address.to_string(), &[]);
    let shown = ["--cert", &cert, "--key", &key];
    assert_eq!(curl(&certificates, proxy.address, &shown).unwrap(), page().as_bytes());
    assert!(curl(&certificates, proxy.address, &[]).is_err());
    proxy.stop();
}

fn openssl_agrees_on_a_protocol_and_a_version() {
    let openssl = server("openssl");
    let certificates = Certificates::new();
    let backend = Backend::echo().address.to_string();
    let proxy = proxy(&certificates.listen(":alpn=h2,echo:min_version=1.3"), &backend, &[]);
    let ask = |more: &[&str]| {
        let mut child = Command::new(&openssl)
            .args(["s_client", "-connect", &proxy.address.to_string(), "-servername", "localhost"])
            .args(["-CAfile", &certificates.file("ca.pem"), "-verify_return_error"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"Q\n").unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let said = ask(&["-alpn", "echo"]);
    assert!(said.contains("ALPN protocol: echo"), "{said}");
    assert!(said.contains("Verify return code: 0") && said.contains("TLSv1.3"), "{said}");
    let said = ask(&["-tls1_2"]);
    assert!(said.contains("Cipher is (NONE)"), "{said}");
    proxy.wait_for_event("TLS handshake");
    proxy.stop();
}

fn every_byte_and_the_end_of_each_side_come_through() {
    let certificates = Certificates::new();
    let backend = Backend::echo().address.to_string();
    let inner = proxy(&certificates.listen(""), &backend, &[]);
    let at = inner.address;
    let ca = certificates.file("ca.pem");
    let through = format!("tls:{}:{}:ca={ca}:sni=localhost", at.ip(), at.port());
    // TLS, TLS, and a plain backend that answers until it has heard the end.
    let outer = proxy(&certificates.listen(""), &through, &[]);
    let sent = noise(3 << 20);
    let mut stream = client(&certificates, outer.address);
    let mut got = Vec::new();
    let mut buffer = vec![0; 40_000];
    for piece in sent.chunks(buffer.len()) {
        stream.write_all(piece).unwrap();
        stream.flush().unwrap();
        stream.read_exact(&mut buffer[..piece.len()]).unwrap();
        got.extend_from_slice(&buffer[..piece.len()]);
    }
    assert!(got == sent);
    // Half of the stream ends; the other half says one more thing, which is its own end.
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    drop(stream);
    for proxy in [outer, inner] {
        let ended = proxy.stop();
        assert!(!ended.err.contains("close_notify"), "{}", ended.err);
        assert!(ended.out.contains("closed by the source"), "{}", ended.out);
    }
}

fn a_stream_that_somebody_has_cut_is_told() {
    let certificates = Certificates::new();
    let backend = Backend::echo().address.to_string();
    let proxy = proxy(&certificates.listen(""), &backend, &[]);
    let mut stream = client(&certificates, proxy.address);
    stream.write_all(b"half a").unwrap();
    let mut back = [0; 6];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"half a");
    // The socket ends, and TLS does not.
    stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
    proxy.wait_for_event("without close_notify");
    assert!(proxy.stop().out.contains("TLS streams cut short"));
}

fn a_server_that_dies_is_told_too() {
    let openssl = server("openssl");
    let certificates = Certificates::new();
    let address = nobody();
    let mut command = Command::new(openssl);
    command
        .args(["s_server", "-accept", &address.to_string(), "-quiet", "-naccept", "2"])
        .args(["-cert", &certificates.file("server.pem"), "-key", &certificates.file("server.key")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = Guarded(command.spawn().unwrap());
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < end, "it does not listen");
        std::thread::yield_now();
    }
    let backend = format!("tls:{}:{}:verify=no", address.ip(), address.port());
    let proxy = proxy("127.0.0.1:0", &backend, &[]);
    let mut stream = super::connect(proxy.address);
    stream.write_all(b"to the server\n").unwrap();
    let mut out = child.0.stdout.take().unwrap();
    let mut heard = [0; 14];
    out.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"to the server\n");
    child.0.kill().unwrap();
    proxy.wait_for_event("without close_notify");
    assert_eq!(super::read_to_end(&mut stream), Ok(Vec::new()));
    proxy.stop();
}

fn files_are_missed_when_they_are_used_and_with_their_path() {
    let certificates = Certificates::new();
    let (cert, key) = (certificates.file("server.pem"), certificates.file("server.key"));
    let other = certificates.file("client.key");
    for (listen, backend, parts) in [
        (
            format!("tls:0:cert=/no/such.pem:key={key}"),
            "1",
            &["cert=/no/such.pem", "no such file"][..],
        ),
        (format!("tls:0:cert={cert}:key=/no/such.key"), "1", &["key=/no/such.key"]),
        (format!("tls:0:cert={cert}:key={cert}"), "1", &["key=", "no items found"]),
        (format!("tls:0:cert={cert}:key={other}"), "1", &["cert and key"]),
        ("0".to_owned(), "tls:h:1:ca=/no/ca.pem", &["backend tls:h:1", "ca=/no/ca.pem"]),
        ("0".to_owned(), "tls:h:1:ca=/dev", &["ca=/dev", "no file in it"]),
    ] {
        let output = run(&["--listen", &listen, "--backend", backend]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
        // Reading them opens nothing.
        let read = run(&["endpoint", "connect", backend]);
        assert_eq!(read.status.code(), Some(0));
    }
}

fn one_that_shakes_no_hands_does_not_keep_others_out() {
    let certificates = Certificates::new();
    let backend = Backend::echo().address.to_string();
    let patience = ["--greet-timeout", "300ms"];
    let proxy = proxy(&certificates.listen(""), &backend, &patience);
    let silent: Vec<_> = (0..5).map(|_| super::connect(proxy.address)).collect();
    let mut stream = client(&certificates, proxy.address);
    stream.write_all(b"x").unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
    proxy.wait_for_event("not whole within 300ms");
    drop(silent);
    proxy.stop();
}

pub(crate) const TESTS: &[Test] = tests![
    curl_reaches_a_plain_server_through_tls needs Program("nginx"), Program("curl");
    a_plain_client_reaches_a_server_with_tls needs Program("nginx");
    a_fault_works_between_two_sides_of_tls needs Program("nginx"), Program("curl");
    certificates_that_prove_nothing_are_refused needs Program("nginx"), Program("curl");
    clients_show_certificates_where_they_have_to needs Program("nginx"), Program("curl");
    openssl_agrees_on_a_protocol_and_a_version needs Program("openssl");
    every_byte_and_the_end_of_each_side_come_through;
    a_stream_that_somebody_has_cut_is_told;
    a_server_that_dies_is_told_too needs Program("openssl");
    files_are_missed_when_they_are_used_and_with_their_path;
    one_that_shakes_no_hands_does_not_keep_others_out;
];
