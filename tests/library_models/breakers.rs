//! Plug-ins that break their contracts: nothing hangs, and no byte is lost that was not taken.

use crate::support::needs::{Test, tests};
use chenapan::rule::{Rule, Rules};
use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Direction, Handled, Kind, Malformed, Protocol, Step, Unit, Verdict, Want,
};
use chenapan_engine::testing::Side::{Client, Server};
use chenapan_engine::testing::{converse, passes};
use std::time::Duration;

pub(crate) const TESTS: &[Test] = tests![
    a_unit_of_nothing_comes_once_and_the_rest_passes;
    bytes_that_were_taken_and_not_handed_over_are_gone_and_no_others;
    a_need_for_nothing_is_a_need_for_more;
    a_unit_may_have_more_bytes_than_were_taken;
    an_input_that_grows_in_the_handler_ends_in_a_fault;
    a_behavior_that_is_always_due_does_not_hold_time_up;
    a_million_pieces_come_out;
    a_behavior_that_sleeps_delays_and_loses_nothing;
];

/// Breach of the contract.
#[derive(Clone, Copy)]
enum Breach {
    Nothing,
    Eats,
    Zero,
    Doubles,
    Grows,
}

#[derive(Clone)]
struct Liar(Breach, u64);

const MORE: Handled = Handled::Incomplete(Want::Bytes(1));

impl Protocol for Liar {
    fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        if input.is_empty() {
            return Ok(MORE);
        }
        Ok(match self.0 {
            Breach::Nothing => Handled::Unit(Unit::request(BytesMut::new())),
            Breach::Eats => {
                input.clear();
                MORE
            }
            Breach::Zero => Handled::Incomplete(Want::Bytes(0)),
            Breach::Doubles => {
                let taken = input.split();
                Handled::Unit(Unit::new(Kind::Request, &[&taken[..], &taken].concat()[..]))
            }
            Breach::Grows => {
                self.1 += 1;
                input.extend_from_slice(b"x");
                if self.1 > 5 {
                    return Err(Malformed::new("too much", 0));
                }
                MORE
            }
        })
    }
}

fn a_unit_of_nothing_comes_once_and_the_rest_passes() {
    let heard = converse(
        &Liar(Breach::Nothing, 0),
        Rules::default(),
        [
            Client.says("ab"),
            Server.gets("ab"),
            Client.says("c"),
            Server.gets("c"),
            Client.ends(),
            Server.sees_end(),
        ],
    );
    assert!(heard.faults().is_empty());
}

fn bytes_that_were_taken_and_not_handed_over_are_gone_and_no_others() {
    converse(
        &Liar(Breach::Eats, 0),
        Rules::default(),
        [Client.says("ab"), Server.gets(""), Client.ends(), Server.sees_end()],
    );
}

fn a_need_for_nothing_is_a_need_for_more() {
    converse(
        &Liar(Breach::Zero, 0),
        Rules::default(),
        [
            Client.says("ab"),
            Server.gets(""),
            Client.says("c"),
            Client.ends(),
            Server.gets("abc"),
            Server.sees_end(),
        ],
    );
}

fn a_unit_may_have_more_bytes_than_were_taken() {
    let rule = Rules::parse(&["corrupt:every=3:how=zero"]).unwrap();
    let heard = converse(
        &Liar(Breach::Doubles, 0),
        rule,
        [Client.says("ab"), Server.gets(b"ab\0b"), Client.says("cd"), Server.gets(b"\0dc\0")],
    );
    assert_eq!(heard.faults().len(), 3);
}

fn an_input_that_grows_in_the_handler_ends_in_a_fault() {
    // It is asked until it gives up. What it has added passes with the rest.
    let heard = converse(
        &Liar(Breach::Grows, 0),
        Rules::default(),
        [Client.says("a"), Server.gets("axxxxxx"), Client.says("b"), Server.gets("b")],
    );
    assert_eq!(heard.unparsed, 1);
}

#[derive(Clone)]
struct Waker;

impl Behavior for Waker {
    fn wake(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }
}

fn a_behavior_that_is_always_due_does_not_hold_time_up() {
    converse(
        &Liar(Breach::Doubles, 0),
        Rule::value("waker", Waker).into(),
        [
            Client.says("a"),
            Server.gets("aa"),
            passes(Duration::from_secs(1)),
            Client.says("b"),
            Server.gets("bb"),
        ],
    );
}

fn a_million_pieces_come_out() {
    let flood = |unit: &mut Unit, _: &mut Context<'_>| {
        let piece = Unit::new(unit.kind, unit.bytes.clone());
        Verdict::Play((0..1_000_000).map(|_| Step::Send(piece.clone())).collect())
    };
    let flood = Rule::with("flood", flood).direction(Direction::Upstream);
    let heard = converse(
        &Liar(Breach::Doubles, 0),
        flood.into(),
        [Client.says("a"), Server.gets("aa".repeat(1_000_000))],
    );
    assert_eq!(heard.faults().len(), 1);
}

fn a_behavior_that_sleeps_delays_and_loses_nothing() {
    let block = |_: &mut Unit, _: &mut Context<'_>| {
        std::thread::sleep(Duration::from_millis(1));
        Verdict::Forward
    };
    let heard = converse(
        &Liar(Breach::Doubles, 0),
        Rule::with("block", block).into(),
        [Client.says("a"), Server.gets("aa"), Server.says("b"), Client.gets("bb")],
    );
    assert!(heard.faults().is_empty());
}
