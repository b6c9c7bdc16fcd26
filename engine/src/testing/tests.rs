//! Scripts that hold, and scripts that fail in words.

use super::Side::{Client, Server};
use super::*;
use crate::rule::Rule;
use chenapan_core::{Context, Unit, Verdict};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

const ASK: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\"}\n";
const REPLY: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":3}\n";

fn protocol(name: &str) -> Arc<dyn Instances<dyn Protocol>> {
    let given: &[_] = if name == "json-rpc" { &[("framing", "newline")] } else { &[] };
    crate::registry().find_protocol(name).unwrap().configure(given.iter().copied()).unwrap()
}

fn rules(texts: &[&str]) -> Rules {
    Rules::parse(texts).unwrap()
}

/// Returns the words of the panic with which a script fails.
fn failure(name: &str, texts: &[&str], script: &[Line]) -> String {
    let (protocol, rules) = (protocol(name), rules(texts));
    let played = AssertUnwindSafe(|| converse(&*protocol, rules, script.to_vec()));
    let panic = catch_unwind(played).expect_err("a script that fails");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn both_sides_get_what_rules_leave_of_it() {
    let script = [
        Client.says(ASK),
        Server.gets(ASK),
        Server.says(REPLY),
        Client.gets(""),
        passes(Duration::from_millis(1_499)),
        Client.gets(""),
        passes(Duration::from_millis(1)),
        Client.gets(REPLY),
        Client.ends(),
        Server.sees_end(),
        Server.ends(),
        Client.sees_end(),
    ];
    let delay = rules(&["delay:sleep=1500ms:only=response:label=add"]);
    let protocol = protocol("json-rpc");
    for piece in [usize::MAX, 7, 1] {
        let conversation = Conversation::new(&*protocol).rules(delay.clone()).in_pieces(piece);
        let heard = conversation.play(script.clone());
        assert_eq!(heard.faults(), ["delay: delay 1.5s"]);
        assert_eq!((heard.count("requests"), heard.unparsed), (1, 0));
    }
}

#[test]
fn ends_are_seen_as_what_they_are() {
    let tcp = protocol("tcp");
    let reset = [Client.says("ab"), Client.sees_reset(), Server.sees_reset()];
    converse(&*tcp, rules(&["reset:bytes=0:direction=upstream"]), reset);
    let close = [Client.says("ab"), Client.sees_end(), Server.sees_end()];
    converse(&*tcp, rules(&["close:bytes=0:direction=upstream"]), close);
    let peer = [Server.says("x"), Client.gets("x"), Server.resets(), Client.sees_reset()];
    converse(&*tcp, Rules::default(), peer);
    let half = [Client.ends(), Server.sees_end(), Server.says("late"), Client.gets("late")];
    converse(&*tcp, Rules::default(), half);
}

#[test]
fn who_is_not_read_may_say_on() {
    let many = "x".repeat(1 << 20);
    let script = [Client.says(&many), Server.gets(""), passes(Duration::from_secs(60))];
    let heard = converse(&*protocol("tcp"), rules(&["hang:direction=upstream"]), script);
    assert_eq!(heard.faults(), ["hang: hang"]);
    converse(&*protocol("tcp"), Rules::default(), [Client.says(&many), Server.gets(&many)]);
}

#[test]
fn a_failure_names_the_line_and_what_was_before() {
    let script = [Client.says("ping"), Server.gets("pong")];
    assert_eq!(
        failure("tcp", &["replace:match=in:with=an"], &script),
        "line 2 of the script: the server should have got 4 bytes and has got 4\n    \
         should: pong\n    got:    pang\n             ^ byte 1\nbefore that:\n    \
         0ns: the client says ping\n    0ns: rule replace: replace\n    0ns: the server gets pang"
    );
    let unasked = failure("tcp", &[], &[Server.says("hello")]);
    assert!(unasked.starts_with("at the end of the script: the client should have got 0 bytes"));
    let open = failure("tcp", &[], &[Client.says("a"), Server.gets("a"), Server.sees_end()]);
    assert!(open.contains("has seen no end and should have seen the end of the stream"), "{open}");
    let ended = failure(
        "tcp",
        &["reset:bytes=0:direction=upstream"],
        &[Client.says("a"), Client.sees_end()],
    );
    assert!(ended.contains("the client has seen a reset and should have seen the end"), "{ended}");
    let twice = failure("tcp", &[], &[Client.ends(), Client.says("a")]);
    assert!(twice.starts_with("line 2 of the script: the client cannot send any more"), "{twice}");
}

/// A rule that puts bytes in the place of a unit without a word.
fn silent(with: &'static str, verdict: Verdict) -> Rules {
    let silent = move |unit: &mut Unit, _: &mut Context<'_>| {
        unit.bytes = with.into();
        verdict.clone()
    };
    Rule::with("silent", silent).into()
}

#[test]
fn a_change_that_is_not_recorded_is_a_failure() {
    for verdict in [Verdict::Forward, Verdict::Delay(Duration::ZERO)] {
        let play = || converse(&*protocol("tcp"), silent("pong", verdict), [Client.says("ping")]);
        let panic = catch_unwind(AssertUnwindSafe(play)).unwrap_err();
        let told = panic.downcast_ref::<String>().unwrap();
        assert!(
            told.contains("changed a unit and recorded nothing:\n    ping\n    pong"),
            "{told}"
        );
    }
    let same = [Client.says("ping"), Server.gets("ping")];
    assert!(
        converse(&*protocol("tcp"), silent("ping", Verdict::Forward), same).faults().is_empty()
    );
    let lost = [Client.says("ping"), Server.gets("")];
    let heard = converse(&*protocol("tcp"), silent("pong", Verdict::Drop), lost);
    assert_eq!(heard.faults(), ["silent: drop"]);
}

#[test]
fn a_change_of_length_is_noticed_without_a_look_at_the_bytes() {
    let tcp = protocol("tcp");
    let settings = crate::session::Settings::new(1);
    let mut talk = Conversation::new(&*tcp).rules(silent("longer", Verdict::Forward));
    talk.settings = settings;
    let heard = talk.play([Client.says("ping"), Server.gets("longer")]);
    assert_eq!(heard.faults(), ["silent: changed from 4 bytes to 6, unrecorded"]);
    talk.rules = silent("pong", Verdict::Forward);
    assert!(talk.play([Client.says("ping"), Server.gets("pong")]).faults().is_empty());
}

#[test]
fn a_rule_that_can_never_act_is_a_failure() {
    let never = failure("tcp", &["rpc-error"], &[]);
    assert!(never.contains("rpc-error"), "{never}");
}
