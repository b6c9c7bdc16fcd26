//! Without a rule that applies, nothing is touched: bytes, ends, resets.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use support::{Backend, Proxy, abort, nobody, read_exactly, read_to_end};

#[test]
fn half_close_is_kept_in_both_directions() {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, &[]);

    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    client.write_all(b"ask").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut server), Ok(b"ask".to_vec()));
    server.write_all(b"answer").unwrap();
    drop(server);
    assert_eq!(read_to_end(&mut client), Ok(b"answer".to_vec()));

    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    server.write_all(b"greeting").unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut client), Ok(b"greeting".to_vec()));
    client.write_all(b"still here").unwrap();
    drop(client);
    assert_eq!(read_to_end(&mut server), Ok(b"still here".to_vec()));
    proxy.stop();
}

#[test]
fn a_reset_is_passed_on_as_a_reset_behind_the_bytes() {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, &[]);

    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    server.write_all(b"last words").unwrap();
    assert_eq!(read_exactly(&mut client, 10), b"last words");
    abort(server);
    assert_eq!(read_to_end(&mut client), Err(Vec::new()));

    let mut client = proxy.connect();
    let mut server = connections.recv().unwrap();
    client.write_all(b"x").unwrap();
    assert_eq!(read_exactly(&mut server, 1), b"x");
    abort(client);
    assert_eq!(read_to_end(&mut server), Err(Vec::new()));
    let said = proxy.stop().out;
    assert!(
        said.contains("reset by the source") && said.contains("reset by the backend"),
        "{said}"
    );
}

#[test]
fn an_absent_backend_is_a_closed_connection_or_a_reset() {
    let proxy = Proxy::start(nobody(), &[]);
    assert_eq!(read_to_end(&mut proxy.connect()), Ok(Vec::new()));
    proxy.wait_for_event("connection refused");
    assert!(proxy.stop().out.contains("backend not reached"));

    let proxy = Proxy::start(nobody(), &["--on-refused", "reset"]);
    assert_eq!(read_to_end(&mut proxy.connect()), Err(Vec::new()));
    proxy.stop();
}

#[test]
fn what_the_client_sent_before_the_dial_is_not_lost() {
    let proxy = Proxy::start(Backend::echo().address, &["--behavior", "slow-connect:delay=300ms"]);
    let mut client = proxy.connect();
    client.write_all(b"early").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"early");
    proxy.stop();
}

#[test]
fn an_answer_before_a_reset_is_not_lost_with_the_request() {
    for _ in 0..20 {
        let (backend, connections) = Backend::handing_over();
        let proxy = Proxy::start(backend.address, &["--log-level", "error"]);
        let mut client = proxy.connect();
        let mut server = connections.recv().unwrap();
        let mut upload = client.try_clone().unwrap();
        let uploading = std::thread::spawn(move || while upload.write_all(&[0; 65_536]).is_ok() {});
        read_exactly(&mut server, 1_000);
        server.write_all(b"413 too large").unwrap();
        // Closed with unread bytes in it: the system resets the connection.
        drop(server);
        assert_eq!(read_exactly(&mut client, 13), b"413 too large");
        drop(client);
        uploading.join().unwrap();
        proxy.stop();
    }
}
