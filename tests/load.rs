//! Much of it: many connections at once, and many bytes, compared by hash.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use support::{Backend, Proxy, read_exactly};

/// A cheap stream of bytes that never repeats, and its hash.
struct Noise {
    state: u64,
    hash: u64,
}

impl Noise {
    fn new() -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, hash: 0 }
    }

    fn fill(&mut self, block: &mut [u8]) {
        for word in block.chunks_exact_mut(8) {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            word.copy_from_slice(&self.state.to_le_bytes());
        }
        self.take(block);
    }

    /// Adds a block to the hash; blocks are whole words.
    fn take(&mut self, block: &[u8]) {
        self.hash = hash(self.hash, block);
    }
}

fn hash(mut hash: u64, block: &[u8]) -> u64 {
    for word in block.as_chunks().0 {
        hash =
            (hash.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    hash
}

const BLOCK: usize = 256 * 1024;

/// Writes so many bytes of noise and ends the stream; their hash.
fn pour(mut stream: TcpStream, total: usize) -> u64 {
    let mut noise = Noise::new();
    let mut block = vec![0; BLOCK];
    for _ in 0..total / BLOCK {
        noise.fill(&mut block);
        stream.write_all(&block).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    noise.hash
}

/// Reads to the end of stream; how many bytes there were, and their hash.
fn collect(mut stream: TcpStream) -> (usize, u64) {
    let (mut total, mut sum) = (0, 0);
    let mut block = vec![0; BLOCK];
    loop {
        let mut filled = 0;
        while filled < BLOCK {
            match stream.read(&mut block[filled..]).unwrap() {
                0 => break,
                length => filled += length,
            }
        }
        if filled == 0 {
            return (total, sum);
        }
        sum = hash(sum, &block[..filled]);
        total += filled;
    }
}

/// Moves bytes both ways at once through a proxy and compares hashes.
fn both_ways(rules: &[&str], up: usize, down: usize) {
    let (backend, connections) = Backend::handing_over();
    let proxy = Proxy::start(backend.address, rules);
    let client = proxy.connect();
    let server = connections.recv().unwrap();
    let (out, back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let sources = [(out, up), (back, down)]
        .map(|(stream, total)| std::thread::spawn(move || (total, pour(stream, total))));
    let sinks = [server, client].map(|stream| std::thread::spawn(move || collect(stream)));
    let sent = sources.map(|source| source.join().unwrap());
    let got = sinks.map(|sink| sink.join().unwrap());
    assert_eq!(sent, got);
    let ended = proxy.stop();
    let counted = format!("upstream     {up}   {up}");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ended.out).contains(&words(&counted)), "{}", ended.out);
}

#[test]
fn a_gibibyte_passes_untouched() {
    both_ways(&[], 1 << 30, 1 << 20);
}

#[test]
fn much_passes_untouched_under_faults_that_keep_bytes() {
    let rules = [
        "--behavior",
        "split:size=20kB:variation=10kB",
        "--behavior",
        "delay:sleep=1ms:chance=20%",
        "--behavior",
        "throttle:rate=400MB/s",
        "--buffer",
        "1MiB",
    ];
    both_ways(&rules, 64 << 20, 64 << 20);
}

#[test]
fn a_thousand_connections_at_once() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();

    for rules in [&[][..], &["--behavior", "delay:sleep=20ms", "--behavior", "corrupt:every=5"]] {
        let (backend, connections) = Backend::handing_over();
        let mut arguments = vec!["--log-level", "warn"];
        arguments.extend(rules);
        let proxy = Proxy::start(backend.address, &arguments);
        // Each is taken by the backend before the next: its queue holds few, and drops the rest.
        let (mut clients, mut servers): (Vec<_>, Vec<_>) =
            (0..1_000).map(|_| (proxy.connect(), connections.recv().unwrap())).unzip();
        for (at, client) in clients.iter_mut().enumerate() {
            client.write_all(&(at as u64).to_le_bytes()).unwrap();
        }
        for server in &mut servers {
            let question = read_exactly(server, 8);
            server.write_all(&question).unwrap();
        }
        let mut right = 0;
        for (at, client) in clients.iter_mut().enumerate() {
            right += usize::from(read_exactly(client, 8) == (at as u64).to_le_bytes());
        }
        drop((clients, servers));
        let ended = proxy.stop();
        assert_eq!(ended.code, Some(0));
        assert!(ended.out.contains("accepted               1000"), "{}", ended.out);
        if rules.is_empty() {
            assert_eq!(right, 1_000);
        } else {
            // The fifth byte of every eight, on both ways: two flips seldom undo each other.
            assert!(right < 300, "{right}");
            assert!(ended.out.contains("2000     2000"), "{}", ended.out);
        }
    }
}
