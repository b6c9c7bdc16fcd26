//! Ends that are decided while the backend is still being dialled: both sides see them as they are.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use support::wire::{Told, broken, told};
use support::{Backend, PATIENCE, Proxy, bounded, read_to_end};

/// Number of times that each end is tried: a socket that is dropped is now and then reset by
/// chance.
const TIMES: usize = 10;

fn in_order(bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    Ok(bytes.to_vec())
}

fn reset(bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    Err(bytes.to_vec())
}

/// Returns the ends of both sides, the server's first, through a proxy with these rules.
fn ends(rules: &[&str]) -> Vec<[Result<Vec<u8>, Vec<u8>>; 2]> {
    let (backend, connections) = Backend::handing_over();
    let proxy = broken(backend.address, rules);
    let ends = (0..TIMES).map(|_| {
        let mut client = proxy.connect();
        let mut server = connections.recv_timeout(PATIENCE).expect("the backend is dialled");
        [read_to_end(&mut server), read_to_end(&mut client)]
    });
    let ends = ends.collect();
    proxy.stop();
    ends
}

#[test]
fn a_reset_at_once_breaks_both_sides() {
    for rule in [
        "reset",
        "reset:after=0",
        "reset:direction=upstream",
        "reset:direction=both",
        "reset:after=1ms",
    ] {
        assert_eq!(ends(&[rule]), vec![[reset(b""), reset(b"")]; TIMES], "{rule}");
    }
}

#[test]
fn a_close_at_once_ends_both_sides_in_order() {
    for rule in ["close", "close:direction=upstream", "close:direction=both"] {
        assert_eq!(ends(&[rule]), vec![[in_order(b""), in_order(b"")]; TIMES], "{rule}");
    }
}

#[test]
fn a_close_at_once_is_in_order_for_a_backend_that_speaks_first() {
    let (ends, ended) = channel();
    let backend = Backend::start(move |mut stream| {
        let _ = stream.write_all(&[b'x'; 4_096]);
        let _ = ends.send(read_to_end(&mut stream));
    });
    let proxy = broken(backend.address, &["close"]);
    for _ in 0..TIMES {
        assert_eq!(read_to_end(&mut proxy.connect()), in_order(b""));
        assert_eq!(ended.recv_timeout(PATIENCE).unwrap(), in_order(b""));
    }
    proxy.stop();
}

#[test]
fn a_refusal_breaks_the_source_and_dials_nobody() {
    let (backend, connections) = Backend::handing_over();
    let proxy = broken(backend.address, &["slow-connect:refuse:delay=0"]);
    assert_eq!(read_to_end(&mut proxy.connect()), reset(b""));
    Told::by(proxy);
    assert!(connections.try_recv().is_err());
}

/// A SOCKS proxy that accepts, says so to the test, and answers when it is told to: a dial that takes
/// as long as the test wants.
fn slow_tunnel() -> (String, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (hand, taken) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            bounded(&stream);
            // The greeting, and the request for 127.0.0.1:9.
            stream.read_exact(&mut [0; 3]).expect("a greeting");
            stream.write_all(b"\x05\x00").expect("it listens");
            stream.read_exact(&mut [0; 10]).expect("a request");
            let _ = hand.send(stream);
        }
    });
    (format!("socks5://{address}/127.0.0.1:9"), taken)
}

/// Lets a dial through.
fn answer(tunnel: &mut TcpStream) {
    tunnel.write_all(b"\x05\x00\x00\x01\0\0\0\0\0\0").expect("it listens");
}

fn slow(arguments: &[&str]) -> (Proxy, Receiver<TcpStream>) {
    let (address, tunnels) = slow_tunnel();
    (told(address, arguments), tunnels)
}

#[test]
fn the_source_sees_a_reset_before_a_slow_backend_is_there() {
    let (proxy, tunnels) = slow(&["--behavior", "reset:after=100ms"]);
    let mut client = proxy.connect();
    let mut tunnel = tunnels.recv_timeout(PATIENCE).expect("it is dialled");
    assert_eq!(read_to_end(&mut client), reset(b""));
    answer(&mut tunnel);
    assert_eq!(read_to_end(&mut tunnel), reset(b""));
    proxy.stop();
}

#[test]
fn a_source_that_resets_during_the_dial_has_the_backend_reset() {
    let (proxy, tunnels) = slow(&[]);
    let client = proxy.connect();
    let mut tunnel = tunnels.recv_timeout(PATIENCE).expect("it is dialled");
    support::abort(client);
    answer(&mut tunnel);
    assert_eq!(read_to_end(&mut tunnel), reset(b""));
    assert!(Told::by(proxy).summary.contains("reset by the source"));
}

#[test]
fn a_source_that_ends_during_the_dial_has_its_bytes_and_its_end_passed_on() {
    let (proxy, tunnels) = slow(&[]);
    let mut client = proxy.connect();
    let mut tunnel = tunnels.recv_timeout(PATIENCE).expect("it is dialled");
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    answer(&mut tunnel);
    assert_eq!(read_to_end(&mut tunnel), in_order(b"hello"));
    drop(tunnel);
    proxy.stop();
}

#[test]
fn a_stop_during_the_dial_ends_both_sides_in_order_and_soon() {
    let (proxy, tunnels) = slow(&[]);
    let mut client = proxy.connect();
    let mut tunnel = tunnels.recv_timeout(PATIENCE).expect("it is dialled");
    proxy.signal(rustix::process::Signal::TERM);
    assert_eq!(read_to_end(&mut client), in_order(b""));
    // It is never answered: the dial is given up.
    assert_eq!(read_to_end(&mut tunnel), in_order(b""));
    assert_eq!(proxy.wait().code, Some(0));
}

#[test]
fn a_reset_whose_backend_is_not_there_says_so() {
    let proxy = told(support::nobody(), &["--behavior", "reset"]);
    assert_eq!(read_to_end(&mut proxy.connect()), reset(b""));
    let summary = Told::by(proxy).summary;
    assert!(summary.contains("reset by a rule   1") && summary.contains("connection refused"));
}
