//! Nothing is left of proxies that have ended: no descriptor, no thread. Alone in its process, since it
//! counts what the process has.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// Descriptors and threads of this process.
fn counted() -> [usize; 2] {
    ["/proc/self/fd", "/proc/self/task"].map(|path| std::fs::read_dir(path).unwrap().count())
}

/// Waits until what is counted is as expected, or fails.
fn until(expected: [usize; 2], of: &str) {
    let start = Instant::now();
    while counted() != expected {
        assert!(start.elapsed() < Duration::from_secs(60), "{of}: {:?} of {expected:?}", counted());
        std::thread::yield_now();
    }
}

fn pass(address: std::net::SocketAddr, backend: &TcpListener) -> (TcpStream, TcpStream) {
    let mut client = TcpStream::connect(address).unwrap();
    let (mut server, _) = backend.accept().unwrap();
    client.write_all(b"x").unwrap();
    server.read_exact(&mut [0]).unwrap();
    (client, server)
}

#[test]
fn fifty_proxies_leave_no_descriptor_and_no_thread() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = backend.local_addr().unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap();
    let start = || runtime.block_on(chenapan::proxy(address).rule("delay:sleep=1ms").start());
    let before = counted();
    for how in ["dropped", "stopped", "stopped now"] {
        let all: Vec<_> = (0..50).map(|_| start().unwrap()).collect();
        let open: Vec<_> = all.iter().map(|proxy| pass(proxy.address(), &backend)).collect();
        for proxy in all {
            match how {
                "dropped" => {}
                "stopped" => runtime.block_on(proxy.stop(Duration::ZERO)).unwrap(),
                _ => runtime.block_on(proxy.stop_now()).unwrap(),
            }
        }
        drop(open);
        until(before, how);
    }
    let all: Vec<_> =
        (0..50).map(|_| chenapan::blocking::proxy(address).start().unwrap()).collect();
    let open: Vec<_> = all.iter().map(|proxy| pass(proxy.address(), &backend)).collect();
    drop((all, open));
    until(before, "blocking");
}
