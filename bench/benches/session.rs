//! Cost of a unit on its way through a session: `cargo bench -p chenapan-bench`.

use chenapan::rule::Rules;
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction, Registry};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

const UNIT: [u8; 100] = [b'x'; 100];

/// An open session of plain tcp with these rules.
fn session(rules: &[&str]) -> Session {
    let registry: Registry = chenapan::registry();
    let tcp = registry.find_protocol("tcp").expect("built in").configure([]).expect("no options");
    let rules = Arc::new(Rules::parse(rules).expect("rules that parse"));
    let settings = Settings { journal: false, ..Settings::new(1) };
    let mut session = Session::new(Connection::new(1), tcp.instance(), rules, settings);
    session.accepted(Duration::ZERO);
    assert_eq!(session.poll(Direction::Upstream, Duration::ZERO), Output::Dial);
    session.open(None, Duration::ZERO);
    session
}

fn units(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a 100-byte unit through the session");
    group.throughput(Throughput::Elements(1));
    for (name, rules) in [
        ("no rule", &[][..]),
        ("two rules that forward", &["corrupt:every=1GiB", "replace:match=never:with=x"]),
        ("two rules that delay", &["delay:sleep=1us", "delay:sleep=1us:jitter=1us"]),
        ("chance and count", &["drop:chance=1%", "duplicate:every=100"]),
    ] {
        let mut session = session(rules);
        let mut now = Duration::ZERO;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                session.input(Direction::Upstream).extend_from_slice(&UNIT);
                session.received(Direction::Upstream, now);
                now += Duration::from_micros(5);
                while let Output::Write(bytes) = session.poll(Direction::Upstream, now) {
                    black_box(bytes);
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, units);
criterion_main!(benches);
