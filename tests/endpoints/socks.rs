//! Backends behind SOCKS proxies: Debian's microsocks (5) and Dante (4 and 5), and a proxy of our own for
//! what those do not show.

use super::support::needs::{Test, tests};
use super::support::servers::{Server, server};
use super::support::{Backend, Proxy, nobody, program, read_exactly};
use super::{fetch, is_page, nginx};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

fn proxy(backend: &str) -> Proxy {
    Proxy::spawn(program(&["--listen", "127.0.0.1:0", "--backend", backend]))
}

fn microsocks(more: &[&str]) -> Server {
    let program = server("microsocks");
    // It takes its address as two arguments.
    let script = "h=${1%:*}; p=${1##*:}; shift; exec \"$0\" -i \"$h\" -p \"$p\" \"$@\"";
    let program_text = program.to_str().unwrap().to_owned();
    let mut arguments = vec!["-c", script, program_text.as_str(), "{address}"];
    arguments.extend(more);
    let shell = std::path::Path::new("/bin/sh");
    Server::start(shell, |_, _| String::new(), &arguments)
}

fn dante() -> Server {
    let program = server("danted");
    let configuration = |folder: &std::path::Path, address: SocketAddr| {
        format!(
            "logoutput: {}/log\ninternal: {} port = {}\nexternal: lo\n\
             socksmethod: none\nclientmethod: none\n\
             client pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 0.0.0.0/0 to: 0.0.0.0/0 protocol: tcp }}\n",
            folder.display(),
            address.ip(),
            address.port()
        )
    };
    Server::start(&program, configuration, &["-f", "{}"])
}

fn a_server_is_reached_through_version_5() {
    let (nginx, socks) = (nginx("", ""), microsocks(&[]));
    let (at, through) = (nginx.address, socks.address);
    for backend in [
        format!("socks5://{through}/{at}"),
        format!("socks://{through}/{at}"),
        format!(
            "tcp:{}:{}:via=socks5\\://{}\\:{}",
            at.ip(),
            at.port(),
            through.ip(),
            through.port()
        ),
        format!("tcp://{at}?via=socks5://{through}"),
        format!("socks5://{through}/localhost:{}?resolve=local&family=4", via_localhost(at)),
    ] {
        let proxy = proxy(&backend);
        assert!(is_page(&fetch(proxy.address)), "{backend}");
        // And again, once it is known what it speaks.
        assert!(is_page(&fetch(proxy.address)), "{backend}");
        proxy.stop();
    }
}

/// A port of localhost from which one gets to a server that listens elsewhere.
fn via_localhost(address: SocketAddr) -> u16 {
    let backend = Backend::start(move |mut stream| {
        let mut there = TcpStream::connect(address).unwrap();
        let (mut copy, mut back) = (stream.try_clone().unwrap(), there.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut copy, &mut there));
        let _ = std::io::copy(&mut back, &mut stream);
        let _ = stream.shutdown(std::net::Shutdown::Both);
    });
    backend.address.port()
}

fn credentials_are_shown_and_refusals_told() {
    let (nginx, socks) = (nginx("", ""), microsocks(&["-u", "tester", "-P", "s3:cret"]));
    let (at, through) = (nginx.address, socks.address);
    let right = proxy(&format!("socks5://tester:s3%3Acret@{through}/{at}"));
    assert!(is_page(&fetch(right.address)));
    assert!(!right.stop().out.contains("cret"));
    for (credentials, reason) in
        [("tester:wrong@", "refuses the credentials"), ("", "wants credentials")]
    {
        let proxy = proxy(&format!("socks5://{credentials}{through}/{at}"));
        assert!(!is_page(&fetch(proxy.address)));
        let line = proxy.wait_for_event("cannot be reached");
        assert!(line.contains(reason) && line.contains("the proxy socks5://"), "{line}");
        proxy.stop();
    }
}

fn a_target_that_refuses_is_told_in_the_proxy_s_words() {
    let socks = microsocks(&[]);
    let proxy = proxy(&format!("socks5://{}/{}", socks.address, nobody()));
    assert!(fetch(proxy.address).is_empty());
    let line = proxy.wait_for_event("cannot be reached");
    assert!(line.contains("connection refused (code 5)"), "{line}");
    proxy.stop();
}

fn versions_4_and_4a_work_and_version_4_has_limits() {
    let (nginx, socks) = (nginx("", ""), dante());
    let (at, through) = (nginx.address, socks.address);
    for backend in [
        format!("socks4://{through}/{at}"),
        format!("socks4://someone@{through}/{at}"),
        format!("socks4a://{through}/{at}"),
        format!("socks5://{through}/{at}"),
        format!("socks://{through}/{at}"),
    ] {
        let proxy = proxy(&backend);
        assert!(is_page(&fetch(proxy.address)), "{backend}");
        proxy.stop();
    }
    let proxy = proxy(&format!("socks4://{through}/{}", nobody()));
    assert!(fetch(proxy.address).is_empty());
    let line = proxy.wait_for_event("cannot be reached");
    assert!(line.contains("refused or failed (code 91)"), "{line}");
    proxy.stop();
}

/// A proxy that speaks one version only, grants everything, and then sends back what it gets. It hands
/// out what each client has asked for.
fn speaking(version: u8) -> (Backend, Arc<Mutex<std::sync::mpsc::Receiver<Vec<u8>>>>) {
    let (tell, told) = channel();
    let tell = Arc::new(Mutex::new(tell));
    let backend = Backend::start(move |mut stream| {
        let mut first = [0];
        if stream.read_exact(&mut first).is_err() || first[0] != version {
            return;
        }
        let mut asked = Vec::new();
        if version == 5 {
            let methods = read_exactly(&mut stream, 1)[0];
            let methods = read_exactly(&mut stream, methods.into());
            let wants = methods.contains(&2);
            stream.write_all(&[5, if wants { 2 } else { 0 }]).unwrap();
            if wants {
                let user = read_exactly(&mut stream, 2)[1];
                asked.extend(read_exactly(&mut stream, user.into()));
                let password = read_exactly(&mut stream, 1)[0];
                asked.extend(read_exactly(&mut stream, password.into()));
                stream.write_all(&[1, 0]).unwrap();
            }
            let request = read_exactly(&mut stream, 4);
            let length = match request[3] {
                1 => 4,
                4 => 16,
                _ => read_exactly(&mut stream, 1)[0].into(),
            };
            asked.extend(read_exactly(&mut stream, length));
            read_exactly(&mut stream, 2);
            // What follows at once is the stream's already.
            stream.write_all(b"\x05\0\0\x01\0\0\0\0\0\0hello").unwrap();
        } else {
            let request = read_exactly(&mut stream, 7);
            for _ in 0..=usize::from(request[3..6] == [0, 0, 0]) {
                loop {
                    match read_exactly(&mut stream, 1)[0] {
                        0 => break,
                        byte => asked.push(byte),
                    }
                }
            }
            stream.write_all(b"\0\x5a\0\0\0\0\0\0hello").unwrap();
        }
        let _ = tell.lock().unwrap().send(asked);
        let mut copy = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut copy, &mut stream);
        let _ = stream.shutdown(std::net::Shutdown::Write);
    });
    (backend, Arc::new(Mutex::new(told)))
}

fn what_a_proxy_speaks_is_found_out_and_names_are_left_to_it() {
    for version in [4, 5] {
        let (socks, told) = speaking(version);
        let proxy = proxy(&format!("socks://{}/db.example:5432", socks.address));
        for _ in 0..2 {
            assert_eq!(super::say(proxy.address, b" there"), b"hello there");
            assert_eq!(told.lock().unwrap().recv().unwrap(), b"db.example");
        }
        proxy.stop();
    }
}

fn random_credentials_are_others_each_time() {
    let (socks, told) = speaking(5);
    let proxy = proxy(&format!("socks5://{}/db.example:5432?auth=random", socks.address));
    let mut seen = Vec::new();
    for _ in 0..3 {
        assert_eq!(super::say(proxy.address, b"x"), b"hellox");
        seen.push(told.lock().unwrap().recv().unwrap());
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|asked| asked.len() > 40 && asked.ends_with(b"db.example")));
    proxy.stop();
}

fn what_is_no_proxy_is_told() {
    let nginx = nginx("", "");
    let proxy = proxy(&format!("socks5://{}/db.example:5432", nginx.address));
    assert!(fetch(proxy.address).is_empty());
    let line = proxy.wait_for_event("cannot be reached");
    assert!(line.contains("does not speak SOCKS 5") || line.contains("hung up"), "{line}");
    proxy.stop();
}

pub(crate) const TESTS: &[Test] = tests![
    a_server_is_reached_through_version_5 needs Program("nginx"), Program("microsocks");
    credentials_are_shown_and_refusals_told needs Program("nginx"), Program("microsocks");
    a_target_that_refuses_is_told_in_the_proxy_s_words needs Program("microsocks");
    versions_4_and_4a_work_and_version_4_has_limits needs Program("nginx"), Program("danted");
    what_a_proxy_speaks_is_found_out_and_names_are_left_to_it;
    random_credentials_are_others_each_time;
    what_is_no_proxy_is_told needs Program("nginx");
];
