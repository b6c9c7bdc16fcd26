//! The model of RESP and the behaviors before Redis.

use crate::mischief::registry;
use crate::resp::Resp;
use crate::support::needs::{Test, tests};
use crate::support::{PATIENCE, connect, nobody, read_to_end, servers};
use crate::{ask, asked};
use chenapan::blocking::{Running, proxy};
use chenapan::{Counter, journal::What};
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    an_error_comes_in_its_turn_and_labels_keep_step needs Program("redis-server");
    every_third_reply_is_damaged_where_the_journal_says needs Program("redis-server");
    waves_delay_replies_and_change_nothing needs Program("redis-server");
    the_server_never_hears_what_is_answered_for_it needs Program("redis-server");
    answers_are_turned_round_on_one_connection_and_its_questions_go_with_it needs Program("redis-server");
    a_bomb_ends_its_connection_and_no_other needs Program("redis-server");
    a_greeting_needs_no_server needs Program("redis-server");
];

fn before(server: SocketAddr, rules: &[&'static str]) -> Running {
    let proxy = proxy(server).speaking(Resp::default()).registry(registry());
    proxy.rules(rules.iter().copied()).seed(42).start().unwrap()
}

fn an_error_comes_in_its_turn_and_labels_keep_step() {
    let redis = servers::redis();
    let rules =
        ["error:label=SET:message=LOADING", "delay:label=GET:sleep=1ms:direction=downstream"];
    let proxy = before(redis.address, &rules);
    let sent = "ECHO one\r\nSET a 2\r\nECHO three\r\nGET a\r\nPING\r\n";
    let replies = "$3\r\none\r\n-LOADING\r\n$5\r\nthree\r\n$-1\r\n+PONG\r\n";
    ask(&mut connect(proxy.address()), sent, replies);
    ask(&mut connect(redis.address), "GET a\r\n", "$-1\r\n");
    let delays = proxy.journal().into_iter().filter(|entry| &*entry.rule == "delay");
    let delays: Vec<_> = delays.map(|entry| (entry.offset, entry.length)).collect();
    // Of what the server said: behind the replies to ECHO, of which the error is none.
    assert_eq!((delays, proxy.rule("error").faults()), (vec![(20, 5)], 1));
}

fn every_third_reply_is_damaged_where_the_journal_says() {
    let redis = servers::redis();
    let proxy = before(redis.address, &["nth:n=3:direction=downstream"]);
    let got = asked(&mut connect(proxy.address()), "PING\r\n".repeat(7).as_bytes(), 49);
    let right = "+PONG\r\n".repeat(7);
    let wrong =
        (0_u64..).zip(got.iter().zip(right.bytes())).filter(|(_, (got, right))| *got != right);
    let wrong: Vec<_> = wrong.map(|(at, _)| at).collect();
    let mut told: Vec<_> = proxy.journal().iter().map(|entry| entry.offset).collect();
    told.sort_unstable();
    assert_eq!(wrong, told);
    // One bit of the third, two of the sixth.
    let replies: Vec<_> = wrong.iter().map(|at| at / 7 + 1).collect();
    assert_eq!(replies, [3, 6, 6]);
    assert_eq!((proxy.rule("nth").met(), proxy.rule("nth").faults()), (7, 3));
}

fn waves_delay_replies_and_change_nothing() {
    let redis = servers::redis();
    let proxy = before(redis.address, &["waves:low=1ms:high=3ms:period=20ms"]);
    let replies = "$1\r\n1\r\n+PONG\r\n$1\r\n2\r\n";
    ask(&mut connect(proxy.address()), "ECHO 1\r\nPING\r\nECHO 2\r\n", replies);
    let delays: Vec<_> = proxy.journal().into_iter().map(|entry| entry.what).collect();
    let within = Duration::from_millis(1)..=Duration::from_millis(3);
    let are = |what: &What| matches!(what, What::Delay(time) if within.contains(time));
    assert!(delays.len() == 3 && delays.iter().all(are), "{delays:?}");
}

fn the_server_never_hears_what_is_answered_for_it() {
    let redis = servers::redis();
    let proxy = before(redis.address, &[r"answer:label=INCR:text=\:7\\r\\n"]);
    let mut client = connect(proxy.address());
    ask(&mut client, "SET n 1\r\nINCR n\r\nINCR n\r\nGET n\r\n", "+OK\r\n:7\r\n:7\r\n$1\r\n1\r\n");
    ask(&mut connect(redis.address), "GET n\r\n", "$1\r\n1\r\n");
    assert_eq!((proxy.rule("answer").met(), proxy.journal().len()), (2, 2));
}

fn answers_are_turned_round_on_one_connection_and_its_questions_go_with_it() {
    let redis = servers::redis();
    let proxy = before(redis.address, &["mirror:asked=secret"]);
    let [mut one, mut two] = [(); 2].map(|()| connect(proxy.address()));
    ask(&mut two, "PING\r\n", "+PONG\r\n");
    let sent = "ECHO open\r\nECHO secret7\r\nPING\r\n";
    ask(&mut one, sent, "$4\r\nopen\r\n+7tercesOHCE\r\n+PONG\r\n");
    ask(&mut two, "ECHO two\r\n", "$3\r\ntwo\r\n");
    // A question without an answer leaves with its connection.
    ask(&mut two, "BLPOP secret 0\r\nPING\r\n", "");
    crate::support::abort(two);
    proxy.connection(2).ended().blocking_within(PATIENCE).unwrap();
    ask(&mut connect(proxy.address()), "PING\r\n", "+PONG\r\n");
    assert_eq!(proxy.rule("mirror").faults(), 1);
}

fn a_bomb_ends_its_connection_and_no_other() {
    let redis = servers::redis();
    for (place, hook) in [("unit", "on_unit"), ("connect", "on_connect"), ("wake", "wake")] {
        let proxy = before(redis.address, &[]);
        let mut open = connect(proxy.address());
        ask(&mut open, "PING\r\n", "+PONG\r\n");
        let bomb = proxy.add(format!("bomb:place={place}:connections=2")).unwrap();
        let mut hit = connect(proxy.address());
        let _ = std::io::Write::write_all(&mut hit, b"PING\r\n");
        let (Ok(got) | Err(got)) = read_to_end(&mut hit);
        assert_eq!(got, b"", "{place}");
        proxy.connection(2).ended().blocking_within(PATIENCE).unwrap();
        for client in [&mut open, &mut connect(proxy.address())] {
            ask(client, "PING\r\n", "+PONG\r\n");
        }
        assert_eq!(proxy.stats().value(Counter::Panicked), 1, "{place}");
        let [entry] = &proxy.journal()[..] else { panic!("{place}: {:?}", proxy.journal()) };
        let is_it = matches!(entry.what, What::Panicked { hook: found, .. } if found == hook);
        assert!(is_it && &*entry.rule == "bomb" && entry.connection == 2, "{entry:?}");
        drop(bomb);
    }
}

fn a_greeting_needs_no_server() {
    let redis = servers::redis();
    for (server, lives) in [(redis.address, true), (nobody(), false)] {
        let proxy = before(server, &["greeter:connections=1"]);
        let got = read_to_end(&mut connect(proxy.address())).unwrap();
        assert_eq!(got.escape_ascii().to_string(), r"-ERR max number of clients reached\r\n");
        proxy.connection(1).ended().blocking_within(PATIENCE).unwrap();
        let [closed, unreachable] = [Counter::ClosedByProxy, Counter::Unreachable];
        assert_eq!((proxy.stats().value(closed), proxy.stats().value(unreachable)), (1, 0));
        if lives {
            ask(&mut connect(proxy.address()), "PING\r\n", "+PONG\r\n");
        }
    }
}
