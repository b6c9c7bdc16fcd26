//! Every fault happens on the wire, and nothing else does: time, silence and ends.

mod support;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};
use support::wire::{Told, Wire, broken, is_silent};
use support::{Backend, read_exactly, read_to_end};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn end(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
}

/// The end that both sides see: in order or a reset, with the bytes before it.
fn ends(wire: &mut Wire) -> [Result<Vec<u8>, Vec<u8>>; 2] {
    [read_to_end(&mut wire.server), read_to_end(&mut wire.client)]
}

fn in_order(bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    Ok(bytes.to_vec())
}

fn reset(bytes: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    Err(bytes.to_vec())
}

#[test]
fn dummy_does_nothing_and_is_never_met() {
    let mut wire = Wire::open(&["dummy"]);
    let many = vec![b'x'; 1 << 20];
    let server = wire.server.try_clone().unwrap();
    let receiver = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        server.take(1 << 20).read_to_end(&mut bytes).unwrap();
        bytes
    });
    wire.client.write_all(&many).unwrap();
    assert!(receiver.join().unwrap() == many);
    assert!(wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    let told = wire.stop();
    assert_eq!(told.raw, "");
    assert_eq!(told.counts("dummy"), [0, 0]);
    assert!(told.summary.contains("no fault happened"), "{}", told.summary);
}

#[test]
fn delay_holds_bytes_for_its_time_in_its_direction() {
    let mut wire = Wire::open(&["delay:sleep=150ms:direction=downstream"]);
    assert!(wire.carries_up(b"ask"));
    let start = Instant::now();
    assert!(wire.carries_down(b"answer"));
    assert!(start.elapsed() >= ms(150));
    assert_eq!(wire.end(), [b"", b""]);
    let told = wire.stop();
    assert_eq!(told.journal, ["downstream 0+6 delay: delay 150ms"]);
    assert_eq!(told.counts("delay"), [1, 1]);
}

#[test]
fn delay_of_both_directions_is_paid_twice_by_a_round_trip() {
    let mut wire = Wire::open(&["delay:sleep=80ms:jitter=40ms"]);
    let start = Instant::now();
    assert!(wire.carries_up(b"ask"));
    assert!(wire.carries_down(b"answer"));
    assert!(start.elapsed() >= ms(160));
    let told = wire.stop();
    let times = told.journal.iter().map(|line| {
        let (_, time) = line.rsplit_once("delay ").unwrap();
        time.strip_suffix("ms").unwrap().parse::<f64>().unwrap()
    });
    let times: Vec<_> = times.collect();
    assert!(times.iter().all(|time| (80.0..=120.0).contains(time)), "{times:?}");
    assert_eq!(times.len(), 2);
}

#[test]
fn delay_after_the_unit_holds_only_what_comes_behind_it() {
    let mut wire = Wire::open(&["delay:sleep=150ms:before=no:first=1"]);
    let start = Instant::now();
    wire.send(b"one", "wait 150ms");
    assert_eq!(read_exactly(&mut wire.server, 3), b"one");
    assert!(wire.carries_up(b"two"));
    assert!(start.elapsed() >= ms(150));
    assert_eq!(wire.end(), [b"", b""]);
    assert_eq!(wire.stop().journal, ["upstream 0+3 delay: send 3 bytes, wait 150ms"]);
}

#[test]
fn throttle_lets_no_byte_through_before_its_time() {
    let mut wire = Wire::open(&["throttle:rate=100kB/s:burst=2kB:direction=upstream"]);
    let bytes: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8).collect();
    let start = Instant::now();
    wire.client.write_all(&bytes).unwrap();
    let mut got = Vec::new();
    let mut buffer = [0; 4_096];
    while got.len() < bytes.len() {
        let length = wire.server.read(&mut buffer).unwrap();
        assert!(length > 0, "ended early");
        got.extend_from_slice(&buffer[..length]);
        // The burst and 5 ms of the rate come for nothing.
        let free = 2_500.0 + start.elapsed().as_secs_f64() * 100_000.0;
        assert!(got.len() as f64 <= free, "{} bytes at {:?}", got.len(), start.elapsed());
    }
    assert!(got == bytes);
    assert!(start.elapsed() >= ms(175));
    assert!(wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    assert!(wire.stop().counts("throttle")[1] >= 1);
}

#[test]
fn hang_stops_one_direction_and_leaves_the_other() {
    let mut wire = Wire::open(&["hang:direction=upstream"]);
    wire.send(b"lost", "hang");
    assert!(is_silent(&wire.server));
    assert!(wire.carries_down(b"answer"));
    // Nothing is read any more: the buffers on the way fill up, and the sender has to wait.
    wire.client.set_write_timeout(Some(ms(100))).unwrap();
    let chunk = vec![0; 1 << 20];
    let blocked = (0..64).any(|_| wire.client.write_all(&chunk).is_err());
    assert!(blocked, "64 MiB were taken");
    assert!(is_silent(&wire.server) && is_silent(&wire.client));
    let told = wire.stop();
    assert_eq!(told.journal, ["upstream 0+4 hang: hang"]);
    assert_eq!(told.counts("hang"), [1, 1]);
}

#[test]
fn blackout_closes_every_connection_without_a_dial() {
    let (backend, connections) = Backend::handing_over();
    let proxy = broken(backend.address, &["blackout"]);
    for _ in 0..2 {
        let mut client = proxy.connect();
        assert_eq!(read_to_end(&mut client), in_order(b""));
    }
    let told = Told::by(proxy);
    assert_eq!(told.journal, ["upstream 0+0 blackout: close"; 2]);
    assert!(told.summary.contains("closed by a rule   2"), "{}", told.summary);
    assert!(connections.try_recv().is_err());
}

#[test]
fn abort_ends_in_order_right_behind_the_first_unit() {
    let mut wire = Wire::open(&["abort"]);
    assert!(wire.carries_down(b"greeting"));
    wire.send(b"ask", "close");
    assert_eq!(ends(&mut wire), [in_order(b"ask"), in_order(b"")]);
    assert_eq!(wire.stop().journal, ["upstream 0+3 abort: send 3 bytes, close"]);
}

#[test]
fn close_after_bytes_lets_exactly_those_pass() {
    let mut wire = Wire::open(&["close:bytes=8"]);
    assert!(wire.carries_up(b"more than eight bytes"));
    assert!(wire.carries_down(b"12345"));
    wire.server.write_all(b"67890").unwrap();
    assert_eq!(ends(&mut wire), [in_order(b""), in_order(b"678")]);
    let told = wire.stop();
    assert_eq!(told.journal, ["downstream 5+5 close: send 3 bytes, close"]);
    assert!(told.summary.contains("closed by a rule   1"), "{}", told.summary);
}

#[test]
fn close_after_a_time_comes_without_traffic() {
    let start = Instant::now();
    let mut wire = Wire::open(&["close:after=150ms"]);
    assert_eq!(ends(&mut wire), [in_order(b""), in_order(b"")]);
    assert!(start.elapsed() >= ms(150));
    assert_eq!(wire.stop().journal, ["downstream 0+0 close: close"]);
}

#[test]
fn reset_after_bytes_breaks_both_sides_behind_them() {
    let mut wire = Wire::open(&["reset:bytes=5"]);
    assert!(wire.carries_up(b"more than five bytes"));
    wire.server.write_all(b"hello world").unwrap();
    assert_eq!(ends(&mut wire), [reset(b""), reset(b"hello")]);
    let told = wire.stop();
    assert_eq!(told.journal, ["downstream 0+11 reset: send 5 bytes, reset"]);
    assert!(told.summary.contains("reset by a rule   1"), "{}", told.summary);
}

#[test]
fn reset_after_a_time_comes_without_traffic() {
    let start = Instant::now();
    let mut wire = Wire::open(&["reset:after=150ms"]);
    assert_eq!(ends(&mut wire), [reset(b""), reset(b"")]);
    assert!(start.elapsed() >= ms(150));
    assert_eq!(wire.stop().journal, ["downstream 0+0 reset: reset"]);
}

#[test]
fn limit_closes_with_the_last_byte_that_may_pass() {
    let mut wire = Wire::open(&["limit:bytes=8"]);
    assert!(wire.carries_up(b"more than eight bytes"));
    assert!(wire.carries_down(b"12345"));
    assert!(wire.carries_down(b"678"));
    assert_eq!(ends(&mut wire), [in_order(b""), in_order(b"")]);
    assert_eq!(wire.stop().journal, ["downstream 5+3 limit: send 3 bytes, close"]);

    let mut wire = Wire::open(&["limit:bytes=0:direction=upstream"]);
    assert!(wire.carries_down(b"greeting"));
    wire.send(b"x", "close");
    assert_eq!(ends(&mut wire), [in_order(b""), in_order(b"")]);
    wire.stop();
}

#[test]
fn timeout_swallows_everything_and_closes_at_its_age() {
    let start = Instant::now();
    let mut wire = Wire::open(&["timeout:after=200ms"]);
    wire.client.write_all(b"ask").unwrap();
    end(&wire.client);
    wire.server.write_all(b"greeting").unwrap();
    assert_eq!(ends(&mut wire), [in_order(b""), in_order(b"")]);
    assert!(start.elapsed() >= ms(200));
    let told = wire.stop();
    assert!(told.journal.contains(&"upstream 3+0 timeout: close".to_owned()), "{}", told.raw);
}

#[test]
fn timeout_without_a_time_takes_all_and_stays_open() {
    let mut wire = Wire::open(&["timeout:direction=upstream"]);
    // More than the buffers on the way hold: the sender does not have to wait.
    wire.client.write_all(&vec![0; 16 << 20]).unwrap();
    end(&wire.client);
    wire.proxy.wait_for_event(r#""offset":16777216,"length":0"#);
    assert!(is_silent(&wire.server));
    assert!(wire.carries_down(b"answer"));
    wire.stop();
}

#[test]
fn slow_close_holds_only_the_end() {
    for direction in ["upstream", "downstream"] {
        let mut wire = Wire::open(&[&format!("slow-close:delay=150ms:direction={direction}")]);
        assert!(wire.carries_up(b"ask") && wire.carries_down(b"answer"));
        let Wire { client, server, .. } = &mut wire;
        let (from, to) = if direction == "upstream" { (client, server) } else { (server, client) };
        let start = Instant::now();
        end(from);
        assert_eq!(read_to_end(to), in_order(b""));
        assert!(start.elapsed() >= ms(150));
        end(to);
        assert_eq!(read_to_end(from), in_order(b""));
        let told = wire.stop();
        assert_eq!(told.journal.len(), 1, "{}", told.raw);
        assert!(told.journal[0].ends_with("slow-close: delay 150ms"), "{}", told.raw);
        assert!(told.journal[0].starts_with(direction), "{}", told.raw);
    }
}

#[test]
fn half_open_keeps_the_end_from_the_other_side() {
    let mut wire = Wire::open(&["half-open:direction=upstream"]);
    assert!(wire.carries_up(b"ask"));
    end(&wire.client);
    wire.proxy.wait_for_event("drop");
    assert!(is_silent(&wire.server));
    assert!(wire.carries_down(b"answer"));
    end(&wire.server);
    assert_eq!(read_to_end(&mut wire.client), in_order(b""));
    assert_eq!(wire.stop().journal, ["upstream 3+0 half-open: drop"]);
}

#[test]
fn slow_connect_dials_late_and_loses_nothing() {
    let start = Instant::now();
    let mut wire = Wire::open(&["slow-connect:delay=150ms"]);
    assert!(start.elapsed() >= ms(150));
    assert!(wire.carries_up(b"ask") && wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    assert_eq!(wire.stop().journal, ["upstream 0+0 slow-connect: delay 150ms"]);
}

#[test]
fn slow_connect_with_refuse_resets_without_a_dial() {
    let (backend, connections) = Backend::handing_over();
    let proxy = broken(backend.address, &["slow-connect:delay=100ms:refuse"]);
    let start = Instant::now();
    assert_eq!(read_to_end(&mut proxy.connect()), reset(b""));
    assert!(start.elapsed() >= ms(100));
    assert_eq!(Told::by(proxy).journal, ["upstream 0+0 slow-connect: wait 100ms, reset"]);
    assert!(connections.try_recv().is_err());
}

#[test]
fn error_answers_with_noise_and_closes() {
    let mut wire = Wire::open(&["error:warmup=1"]);
    assert!(wire.carries_up(b"well") && wire.carries_down(b"answer"));
    wire.send(b"ask", "reply");
    let [up, down] = ends(&mut wire).map(|end| end.expect("in order"));
    assert_eq!((up.len(), down.len()), (0, 1_000));
    let zeros = down.iter().filter(|byte| **byte == 0).count();
    assert!(zeros < 50, "{zeros} zeros are no noise");
    let journal = wire.stop().journal;
    let [told] = journal.as_slice() else { panic!("{journal:?}") };
    assert!(told.starts_with("upstream 4+3 error: reply 1000 bytes \""), "{told}");
    assert!(told.ends_with("..., close"), "{told}");
}

#[test]
fn error_with_inject_puts_noise_into_the_middle() {
    let mut wire = Wire::open(&["error:inject:first=1"]);
    wire.send(b"abcdef", "inject");
    let got = read_exactly(&mut wire.server, 106);
    assert_eq!((&got[..3], &got[103..]), (&b"abc"[..], &b"def"[..]));
    assert!(wire.carries_up(b"next") && wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    assert_eq!(wire.stop().journal, ["upstream 3+1 error: inject 100 bytes"]);
}

#[test]
fn transient_fails_for_a_while_and_is_well_again() {
    let mut wire = Wire::open(&["transient:inject:warmup=1:agitate=2"]);
    assert!(wire.carries_up(b"well"));
    for _ in 0..2 {
        wire.send(b"ab", "inject");
        let got = read_exactly(&mut wire.server, 102);
        assert_eq!((got[0], got[101]), (b'a', b'b'));
    }
    assert!(wire.carries_up(b"well again") && wire.carries_down(b"answer"));
    assert_eq!(wire.end(), [b"", b""]);
    let told = wire.stop();
    let what =
        ["upstream 5+1 transient: inject 100 bytes", "upstream 7+1 transient: inject 100 bytes"];
    assert_eq!(told.journal, what);
    assert_eq!(told.counts("transient"), [3, 2]);
}

#[test]
fn transient_without_words_for_an_error_closes_and_the_next_connection_is_well() {
    let mut wire = Wire::open(&["transient"]);
    wire.send(b"ask", "reply");
    let [up, down] = ends(&mut wire).map(|end| end.expect("in order"));
    assert_eq!((up.len(), down.len()), (0, 1_000));
    let (mut client, mut server) = wire.again();
    client.write_all(b"ask").unwrap();
    assert_eq!(read_exactly(&mut server, 3), b"ask");
    drop((client, server));
    assert_eq!(wire.stop().counts("transient"), [1, 1]);
}

#[test]
fn a_timed_end_comes_also_when_the_receiver_takes_nothing() {
    for rule in ["close:after=200ms", "reset:after=200ms"] {
        let (backend, connections) = Backend::handing_over();
        let proxy = broken(backend.address, &[rule]);
        let _client = proxy.connect();
        let mut server = connections.recv().unwrap();
        let block = vec![0; 1 << 20];
        // The client never reads: the server can write until everything on the way is full, and
        // then waits until the connection is gone.
        while server.write_all(&block).is_ok() {}
        let told = Told::by(proxy);
        assert_eq!(told.journal.len(), 1, "{}", told.raw);
    }
}

#[test]
fn a_slow_reader_gets_every_byte_before_the_end() {
    let mut wire = Wire::open(&["limit:bytes=3000000"]);
    let mut server = wire.server.try_clone().unwrap();
    let writer = std::thread::spawn(move || server.write_all(&vec![b'x'; 8 << 20]));
    let mut got = 0;
    let mut piece = vec![0; 100_000];
    loop {
        // A reader that takes its time is what this is about.
        std::thread::sleep(ms(60));
        match wire.client.read(&mut piece).unwrap() {
            0 => break,
            length => got += length,
        }
    }
    assert_eq!(got, 3_000_000);
    let _ = writer.join().unwrap();
    wire.stop();
}
