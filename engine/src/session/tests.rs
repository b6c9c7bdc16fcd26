//! Sessions in virtual time.

mod booked;
mod ends;
mod flight;
mod header;
mod http;
mod landed;
mod lines;
mod messages;
mod released;
mod turns;
mod web;

use self::lines::Lines;
use super::{Output, Session, Settings};
use crate::journal::Entry;
use crate::rule::{Defaults, Rule, Rules};
use bytes::BytesMut;
use chenapan_core::{
    Connection, Direction, Handled, Kind, Malformed, Protocol, Refusal, Unit, Want,
};
use std::sync::Arc;
use std::time::Duration;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

fn rules(texts: &[&str]) -> Rules {
    let registry = crate::registry();
    let read = |text: &&str| Rule::parse(text, &registry, &Defaults::new()).expect(text);
    Rules::new(texts.iter().flat_map(read))
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A session, and everything that came out of it with its time.
struct Run {
    session: Session,
    rules: Rules,
    now: Duration,
    out: Vec<(u64, Direction, String)>,
}

impl Run {
    /// With the protocol tcp, dialled and open unless a rule is against it.
    fn new(texts: &[&str]) -> Self {
        let tcp = crate::registry().find_protocol("tcp").unwrap().configure([]).unwrap();
        Self::with(texts, tcp.instance(), Settings { exact: true, ..Settings::new(1) })
    }

    fn with(texts: &[&str], protocol: Box<dyn Protocol>, settings: Settings) -> Self {
        let rules = rules(texts);
        let connection = Connection::new(1);
        let mut session = Session::new(connection, protocol, Arc::new(rules.clone()), settings);
        session.accepted(Duration::ZERO);
        let mut run = Self { session, rules, now: Duration::ZERO, out: Vec::new() };
        run.settle();
        run
    }

    /// Goes on to `now`, taking everything that falls due on the way at its time.
    fn until(&mut self, millis: u64) -> &mut Self {
        let end = ms(millis);
        while let Some(next) = self.settle().filter(|next| *next <= end) {
            assert!(next > self.now, "waits for the past");
            self.now = next;
        }
        self.now = end;
        self.settle();
        self
    }

    fn settle(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for _ in 0..3 {
            next = None;
            for direction in Direction::BOTH {
                loop {
                    let what = match self.session.poll(direction, self.now) {
                        Output::Wait(at) => {
                            next = Some(next.map_or(at, |next| next.min(at)));
                            break;
                        }
                        Output::Idle => break,
                        Output::Write(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                        Output::Dial => {
                            self.out.push((self.now.as_millis() as u64, direction, "DIAL".into()));
                            self.session.open(None, self.now);
                            continue;
                        }
                        end => format!("{end:?}").to_uppercase(),
                    };
                    self.out.push((self.now.as_millis() as u64, direction, what));
                }
            }
        }
        next
    }

    fn send(&mut self, direction: Direction, bytes: &str) -> &mut Self {
        self.session.input(direction).extend_from_slice(bytes.as_bytes());
        self.session.received(direction, self.now);
        self.settle();
        self
    }

    fn end(&mut self, direction: Direction) -> &mut Self {
        self.session.ended(direction, self.now);
        self.settle();
        self
    }

    fn set(&mut self, texts: &[&str]) -> &mut Self {
        self.rules = rules(texts).after(&self.rules);
        self.session.update(Arc::new(self.rules.clone()), self.now);
        self.settle();
        self
    }

    /// Returns the output of a direction since the dial, as `time text`.
    fn took(&self, direction: Direction) -> Vec<String> {
        let this = self.out.iter().filter(|(_, way, what)| *way == direction && what != "DIAL");
        this.map(|(at, _, what)| format!("{at} {what}")).collect()
    }

    fn journal(&mut self) -> Vec<String> {
        told(&self.session.events().entries)
    }
}

/// Returns entries of the journal as `offset rule what`.
fn told(entries: &[Entry]) -> Vec<String> {
    let text = |entry: &Entry| format!("{} {} {}", entry.offset, entry.rule, entry.what);
    entries.iter().map(text).collect()
}

#[test]
fn without_rules_bytes_and_ends_pass_at_once() {
    let mut run = Run::new(&[]);
    assert_eq!(run.out, [(0, UP, "DIAL".to_owned())]);
    assert!(run.session.transparent(UP, ms(0)) && run.session.transparent(DOWN, ms(0)));
    run.send(UP, "ask").end(UP).send(DOWN, "answer");
    assert!(!run.session.done());
    run.end(DOWN);
    assert_eq!(run.took(UP), ["0 ask", "0 FINISH"]);
    assert_eq!(run.took(DOWN), ["0 answer", "0 FINISH"]);
    assert!(run.session.done());
    assert!(run.journal().is_empty());
}

#[test]
fn delays_overlap_and_keep_order() {
    let mut run = Run::new(&["delay:sleep=1s:first=2"]);
    run.send(UP, "a").until(100).send(UP, "b").until(200).send(UP, "c").end(UP).until(2_000);
    assert_eq!(run.took(UP), ["1000 a", "1100 b", "1100 c", "1100 FINISH"]);
}

#[test]
fn delays_of_several_rules_add_up_per_unit() {
    let mut run = Run::new(&["delay:sleep=1s", "delay:sleep=500ms"]);
    run.send(UP, "a").until(300).send(UP, "b").until(3_000);
    assert_eq!(run.took(UP), ["1500 a", "1800 b"]);
    assert_eq!(
        run.journal(),
        ["0 delay delay 1s", "0 delay-2 delay 500ms", "1 delay delay 1s", "1 delay-2 delay 500ms"]
    );
}

#[test]
fn a_delay_after_the_unit_holds_what_follows() {
    let mut run = Run::new(&["delay:sleep=1s:before=no"]);
    run.send(UP, "a").send(UP, "b").until(5_000).send(UP, "c").until(9_000);
    assert_eq!(run.took(UP), ["0 a", "1000 b", "5000 c"]);
}

#[test]
fn untouched_neighbours_leave_in_one_write_and_pieces_do_not() {
    let mut run = Run::new(&["drop:bytes=4..4"]);
    run.send(UP, "abcdefgh");
    assert_eq!(run.took(UP), ["0 abcd", "0 fgh"]);
    let mut run = Run::new(&["dummy:bytes=4..4"]);
    run.send(UP, "abcdefgh");
    assert_eq!(run.took(UP), ["0 abcdefgh"]);
    let mut run = Run::new(&["split:size=3"]);
    run.send(UP, "abcdefgh");
    assert_eq!(run.took(UP), ["0 abc", "0 def", "0 gh"]);
}

#[test]
fn an_end_of_stream_can_be_held_swallowed_or_turned() {
    let mut run = Run::new(&["slow-close:delay=2s:direction=upstream"]);
    run.send(UP, "a").end(UP).end(DOWN).until(3_000);
    assert_eq!(
        (run.took(UP), run.took(DOWN)),
        (vec!["0 a".into(), "2000 FINISH".into()], vec!["0 FINISH".into()])
    );
    let mut run = Run::new(&["half-open"]);
    run.send(UP, "a").end(UP).until(3_000);
    assert_eq!(run.took(UP), ["0 a"]);
    assert!(!run.session.done());
    run.end(DOWN);
    assert!(run.session.done());
}

#[test]
fn a_hung_unit_is_judged_again_when_its_rule_goes() {
    let mut run = Run::new(&["corrupt:every=1:how=zero:first=1", "hang"]);
    run.send(UP, "a").send(UP, "b").until(1_000);
    assert_eq!(run.session.wants(UP), 0);
    assert!(run.took(UP).is_empty());
    run.set(&["corrupt:every=1:how=zero:first=1", "hang", "drop:bytes=5.."]).until(2_000);
    assert!(run.took(UP).is_empty());
    run.set(&["corrupt:every=1:how=zero:first=1", "delay:sleep=1s:bytes=..1"]).until(5_000);
    // Zeroed once, before it hung, and not again.
    assert_eq!(run.took(UP), ["3000 \0", "3000 b"]);
    assert!(run.session.wants(UP) > 0);
}

#[test]
fn a_hang_with_a_window_ends_with_it() {
    let mut run = Run::new(&["hang:window=2s..5s"]);
    run.send(UP, "a").until(3_000).send(UP, "b").end(UP).until(4_999);
    assert_eq!(run.took(UP), ["0 a"]);
    run.until(6_000);
    assert_eq!(run.took(UP), ["0 a", "5000 b", "5000 FINISH"]);
}

#[test]
fn idle_means_the_first_unit_after_silence_in_its_direction() {
    let mut run = Run::new(&["corrupt:every=1:how=zero:idle=2s:direction=upstream"]);
    run.send(UP, "a").until(1_999).send(UP, "b").until(3_000).send(DOWN, "x").until(3_999);
    run.send(UP, "c").send(UP, "d").until(4_500).send(UP, "e").until(7_000).send(UP, "f");
    assert_eq!(run.took(UP), ["0 a", "1999 b", "3999 \0", "3999 d", "4500 e", "7000 \0"]);
}

#[test]
fn an_end_of_stream_behind_a_hang_comes_after_it() {
    let mut run = Run::new(&["hang"]);
    run.send(UP, "a").end(UP).until(10).set(&[]);
    assert_eq!(run.took(UP), ["10 a", "10 FINISH"]);
}

#[test]
fn what_a_rule_holds_goes_on_when_the_rule_goes() {
    let mut run = Run::new(&["reorder", "delay:sleep=1s"]);
    run.send(UP, "a").until(500).set(&["delay:sleep=1s"]).until(900).send(UP, "b").until(3_000);
    assert_eq!(run.took(UP), ["1500 a", "1900 b"]);
}

#[test]
fn nothing_passes_what_a_rule_holds() {
    let mut run = Run::new(&["coalesce:first=3:within=1h"]);
    for text in ["0", "1", "2", "3", "4"] {
        assert!(!run.session.transparent(UP, ms(0)) || text > "3");
        run.send(UP, text);
    }
    let all: String = run.out.iter().skip(1).map(|(_, _, text)| text.as_str()).collect();
    assert_eq!(all, "01234");
    let mut run = Run::new(&["half-open", "coalesce:within=1s"]);
    run.send(UP, "held").end(UP).end(DOWN);
    assert!(!run.session.done());
    run.until(2_000);
    assert_eq!(run.took(UP), ["1000 held"]);
}

#[test]
fn what_was_delayed_before_a_hang_stays_delayed() {
    let mut run = Run::new(&["delay:sleep=10s", "hang"]);
    run.send(UP, "a").until(1_000).set(&["delay:sleep=10s"]).until(20_000);
    assert_eq!(run.took(UP), ["10000 a"]);
}

#[test]
fn a_reply_to_come_does_not_hold_up_the_stream_or_the_end() {
    let rules = ["delay:sleep=3s:direction=upstream", "error:only=request"];
    let mut run = Run::with(&rules, Box::new(Lines), Settings::new(1));
    run.send(UP, "ask\n").send(DOWN, "tick\n").until(1_000).send(DOWN, "tock\n").until(4_000);
    assert_eq!(run.took(DOWN), ["0 tick\n", "1000 tock\n", "3000 no\n"]);

    let rules = ["delay:sleep=3s:direction=upstream", "error:only=request", "close:after=1s"];
    let mut run = Run::with(&rules, Box::new(Lines), Settings::new(1));
    run.send(UP, "ask\n").until(4_000);
    assert_eq!(run.took(DOWN), ["1000 CLOSE"]);
}

#[test]
fn an_unchanged_rule_keeps_its_state() {
    let mut run = Run::new(&["drop:first=2", "delay:sleep=1s"]);
    run.send(UP, "a").set(&["drop:first=2"]).send(UP, "b").send(UP, "c").set(&["drop:first=3"]);
    run.send(UP, "d");
    assert_eq!(run.took(UP), ["0 c"]);
}

#[test]
fn what_rules_that_go_together_held_goes_on_in_order() {
    let mut run =
        Run::new(&["coalesce:skip=1:size=99:within=1h", "coalesce:first=1:size=99:within=1h"]);
    run.send(UP, "a").send(UP, "b").set(&[]);
    assert_eq!(run.took(UP), ["0 ab"]);
}

#[test]
fn the_dial_can_wait_and_be_refused() {
    let mut run = Run::new(&["slow-connect:delay=2s"]);
    assert!(run.out.is_empty());
    assert_eq!(run.session.wants(UP), 0);
    run.until(3_000);
    assert_eq!(run.out, [(2_000, UP, "DIAL".to_owned())]);
    let mut run = Run::new(&["slow-connect:delay=2s:refuse"]);
    run.until(3_000);
    assert_eq!(run.out, [(2_000, DOWN, "RESET".to_owned())]);
    let run = Run::new(&["blackout"]);
    assert_eq!(run.out, [(0, DOWN, "CLOSE".to_owned())]);
    let run = Run::new(&["blackout:connections=2.."]);
    assert_eq!(run.out, [(0, UP, "DIAL".to_owned())]);
}

#[test]
fn the_end_waits_for_a_reply_that_came_before_it() {
    let mut run = Run::new(&["delay:sleep=1s:direction=upstream", "error"]);
    run.send(UP, "ask").until(2_000);
    let [(1_000, DOWN, noise), (1_000, UP, end)] = &run.out[1..] else { panic!("{:?}", run.out) };
    assert!(!noise.is_empty());
    assert_eq!(end, "CLOSE");
    let told = &run.journal()[1];
    assert!(
        told.starts_with("0 error reply 1000 bytes \"") && told.ends_with("..., close"),
        "{told}"
    );
}

#[test]
fn two_ends_at_once_do_not_wait_for_each_other() {
    let mut run = Run::new(&["timeout:after=1s"]);
    run.send(UP, "ask").send(DOWN, "greeting").until(2_000);
    let ends = [UP, DOWN].map(|direction| (1_000, direction, "CLOSE".to_owned()));
    assert_eq!(run.out[1..], ends);
}

#[test]
fn what_follows_a_gap_waits_also_when_the_rule_is_done() {
    let mut run = Run::new(&["delay:sleep=1s:before=no:first=1"]);
    run.send(UP, "a");
    assert!(!run.session.transparent(UP, ms(999)) && run.session.transparent(UP, ms(1_000)));
    run.until(500).send(UP, "b").until(2_000);
    assert_eq!(run.took(UP), ["0 a", "1000 b"]);
}

#[test]
fn a_reply_overtakes_what_is_held_the_same_way() {
    let polite = Box::new(Lines);
    let mut run = Run::with(
        &["delay:sleep=9s:direction=downstream", "error:only=request"],
        polite,
        Settings::new(1),
    );
    run.send(DOWN, "late\n").send(UP, "ask\n").until(10_000);
    assert_eq!(run.took(DOWN), ["0 no\n", "9000 late\n"]);
}

#[test]
fn ends_come_after_exactly_so_many_bytes_or_so_long() {
    let mut run = Run::new(&["limit:bytes=5"]);
    run.send(DOWN, "abc").send(DOWN, "defg");
    assert_eq!(run.took(DOWN), ["0 abc", "0 de", "0 CLOSE"]);
    let mut run = Run::new(&["reset:after=3s"]);
    run.send(DOWN, "abc").until(4_000);
    assert_eq!(run.took(DOWN), ["0 abc", "3000 RESET"]);
    let mut run = Run::new(&["hang", "close:after=3s"]);
    run.send(DOWN, "abc").until(4_000);
    assert_eq!(run.took(DOWN), ["3000 CLOSE"]);
}

#[test]
fn a_reset_comes_behind_the_bytes_before_it() {
    let mut run = Run::new(&["delay:sleep=1s"]);
    run.send(DOWN, "last words").send(UP, "x");
    run.session.reset(DOWN, run.now);
    run.until(2_000);
    assert_eq!(run.took(DOWN), ["1000 last words", "1000 RESET"]);
    assert!(run.took(UP).is_empty());
}

#[test]
fn replies_that_nobody_takes_stop_the_questions() {
    let settings = Settings { buffer: 1_000, ..Settings::new(1) };
    let mut run = Run::with(&["error:only=request"], Box::new(Lines), settings);
    for _ in 0..1_000 {
        // Asked without ever taking what comes back.
        if run.session.wants(UP) < 2 {
            break;
        }
        run.session.input(UP).extend_from_slice(b"a\n");
        run.session.received(UP, ms(0));
    }
    assert_eq!(run.session.wants(UP), 0);
    run.settle();
    assert!(run.took(DOWN).len() < 100, "{}", run.took(DOWN).len());
    assert!(run.session.wants(UP) > 0);
}

#[test]
fn a_direction_is_transparent_only_while_no_rule_has_to_look() {
    let mut run = Run::new(&["limit:bytes=5:only=header", "dummy", "slow-close"]);
    assert!(run.session.transparent(UP, ms(0)) && run.session.transparent(DOWN, ms(0)));
    run.set(&["corrupt:direction=downstream:bytes=..9"]);
    assert!(run.session.transparent(UP, ms(0)) && !run.session.transparent(DOWN, ms(0)));
    run.send(DOWN, "0123456789");
    assert!(run.session.transparent(DOWN, ms(0)));
    run.set(&["delay:first=1:direction=upstream", "drop:chance=0"]);
    assert!(!run.session.transparent(UP, ms(0)));
    run.send(UP, "x");
    assert!(!run.session.transparent(UP, ms(0)), "the unit is still queued");
    run.until(1_000);
    assert!(run.session.transparent(UP, ms(1_000)));
    run.set(&["hang:window=5s.."]);
    assert!(run.session.transparent(UP, ms(4_999)));
    assert!(!run.session.transparent(UP, ms(5_000)));
}

#[test]
fn bytes_that_went_by_count_as_offset() {
    let mut run = Run::new(&[]);
    run.session.passed(UP, 1_000);
    run.set(&["corrupt:every=1001"]).send(UP, "ab");
    assert_eq!(run.journal(), ["1000 corrupt flip"]);
}

#[test]
fn selectors_with_byte_ranges_cut_opaque_data_exactly() {
    for cuts in [vec![26], vec![1; 26], vec![3, 9, 14], vec![10, 10, 6]] {
        let mut run = Run::new(&["replace:match=.:with=#:bytes=4..9"]);
        let mut rest = "abcdefghijklmnopqrstuvwxyz";
        for cut in cuts {
            let (front, back) = rest.split_at(cut);
            run.send(UP, front);
            rest = back;
        }
        let all: String = run.out.iter().skip(1).map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(all, "abcd######klmnopqrstuvwxyz");
    }
}

#[test]
fn chance_is_drawn_by_place_and_by_nothing_else() {
    let hit = |texts: &[&str], seed: u64| {
        let tcp = crate::registry().find_protocol("tcp").unwrap().configure([]).unwrap();
        let mut run = Run::with(texts, tcp.instance(), Settings::new(seed));
        for _ in 0..200 {
            run.send(UP, "x");
        }
        let journal = run.journal();
        journal.into_iter().filter(|line| line.contains(" drop ")).collect::<Vec<_>>()
    };
    let alone = hit(&["drop:chance=30%"], 1);
    assert!((30..90).contains(&alone.len()), "{}", alone.len());
    let noise = "corrupt:chance=10%:direction=both";
    assert_eq!(alone, hit(&[noise, "drop:chance=30%", "delay:chance=50%"], 1));
    assert_ne!(alone, hit(&["drop:chance=30%"], 2));
    assert_eq!(hit(&["drop:chance=100%"], 1).len(), 200);
    assert_eq!(hit(&["drop:chance=0"], 1).len(), 0);
}

#[test]
fn a_mix_hits_each_unit_once_at_the_most() {
    let mut run = Run::new(&["40:drop:direction=upstream,60:duplicate:direction=upstream"]);
    for _ in 0..500 {
        run.send(UP, "x");
    }
    let journal = run.journal();
    let drops = journal.iter().filter(|line| line.ends_with("drop drop")).count();
    assert_eq!(journal.len(), 500);
    assert!((150..250).contains(&drops), "{drops}");
}

#[test]
fn a_draw_per_connection_holds_for_all_its_units() {
    let mut dropped = 0;
    for number in 1..=200 {
        let tcp = crate::registry().find_protocol("tcp").unwrap().configure([]).unwrap();
        let rules = Arc::new(rules(&["drop:chance=25%:per=connection:direction=upstream"]));
        let settings = Settings::new(1);
        let mut session = Session::new(Connection::new(number), tcp.instance(), rules, settings);
        session.accepted(ms(0));
        let _ = session.poll(UP, ms(0));
        session.open(None, ms(0));
        for _ in 0..10 {
            session.input(UP).extend_from_slice(b"x");
            session.received(UP, ms(0));
        }
        let entries = session.events().entries.len();
        assert!(entries == 0 || entries == 10, "{entries}");
        dropped += entries / 10;
    }
    assert!((30..70).contains(&dropped), "{dropped}");
}

#[test]
fn throttle_lets_bytes_out_at_its_rate() {
    let mut run = Run::new(&["throttle:rate=1000B/s"]);
    for _ in 0..5 {
        let bytes = "x".repeat(200);
        run.send(UP, &bytes);
    }
    run.until(2_000);
    let total: usize = run.out.iter().skip(1).map(|(_, _, text)| text.len()).sum();
    let (last, ..) = run.out.last().unwrap();
    assert_eq!((total, *last), (1_000, 995));
}

#[test]
fn thousands_of_rules_are_walked_once() {
    // Walked anew for each rule, it would take minutes.
    let texts: Vec<String> = (0..4_000)
        .map(|at| match at % 4 {
            0 => "dummy:direction=upstream".to_owned(),
            1 => "dummy:direction=downstream".to_owned(),
            2 => "slow-connect:delay=0s:connections=7".to_owned(),
            _ => "drop:chance=0".to_owned(),
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut run = Run::new(&texts);
    run.send(UP, "a").set(&texts).send(UP, "b").set(&texts[1..]).send(UP, "c");
    assert_eq!(run.took(UP), ["0 a", "0 b", "0 c"]);
}

#[test]
fn a_connection_takes_no_more_memory_than_it_has_to() {
    let size = size_of::<Session>();
    assert!(size <= 1_296, "{size}");
}
