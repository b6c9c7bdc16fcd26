//! Every behavior with protocols that other people wrote: it acts as documented, or its rule is
//! refused with a reason. No fault silently does not happen.

mod cases;
mod protocols;

use cases::{CASES, Case, NOTHING};
use chenapan::rule::{Defaults, Rule, Rules};
use chenapan::session::{Output, Session, Settings};
use chenapan_core::{Connection, Direction, End, Instances, Protocol};
use protocols::{Frames, Greeting, Lines};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const UP: Direction = Direction::Upstream;
const DOWN: Direction = Direction::Downstream;

/// A protocol, what goes by in it at which milliseconds, and what a run without rules puts out.
struct Traffic {
    name: &'static str,
    protocol: Arc<dyn Instances<dyn Protocol>>,
    says: &'static [(u64, Direction, &'static str)],
    plain: &'static str,
}

fn traffic() -> [Traffic; 3] {
    [
        Traffic {
            name: "greeting",
            protocol: Arc::new(Greeting { greeted: false }),
            says: &[(0, UP, "HI2alr\r\nabcd"), (10, DOWN, "ok")],
            plain: r"0>HI2alr\r\nabcd 10<ok 20>END 30<END",
        },
        Traffic {
            name: "lines",
            protocol: Arc::new(Lines),
            says: &[(0, UP, "GET a\nSET b\n"), (10, DOWN, "one\n"), (15, DOWN, "two\n")],
            plain: r"0>GET a\nSET b\n 10<one\n 15<two\n 20>END 30<END",
        },
        Traffic {
            name: "frames",
            protocol: Arc::new(Frames),
            says: &[(0, UP, "3abc2de"), (10, DOWN, "2on"), (15, DOWN, "2tw")],
            plain: "0>3abc2de 10<2on 15<2tw 20>END 30<END",
        },
    ]
}

fn rules(text: &str) -> Rules {
    let read = Rule::parse(text, &chenapan::registry(), &Defaults::new());
    Rules::new(read.unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// A session in virtual time, and everything that it puts out.
struct Run {
    session: Session,
    now: Duration,
    out: String,
    /// The end of the last write, where more can be added to it.
    last: Option<(Duration, Direction)>,
    over: bool,
}

impl Run {
    /// Runs the traffic of a protocol under rules. Returns what comes out: `10<ok` is written to the
    /// client at the age of 10 ms, `20>END` ends the stream to the backend. Writes that come at once
    /// and have the same receiver are one.
    fn of(traffic: &Traffic, rules: &Rules) -> String {
        let (connection, settings) = (Connection::new(1), Settings::new(1));
        let protocol = traffic.protocol.instance();
        let mut session = Session::new(connection, protocol, Arc::new(rules.clone()), settings);
        session.accepted(Duration::ZERO);
        let (now, out, last) = (Duration::ZERO, String::new(), None);
        let mut run = Self { session, now, out, last, over: false };
        for (at, direction, text) in traffic.says {
            run.until(Duration::from_millis(*at));
            // Nobody reads on while the session wants nothing.
            while run.session.wants(*direction) == 0 {
                let Some(next) = run.settle() else { break };
                run.now = next;
            }
            run.session.input(*direction).extend_from_slice(text.as_bytes());
            run.session.received(*direction, run.now);
        }
        for (at, direction) in [(20, UP), (30, DOWN)] {
            run.until(Duration::from_millis(at));
            run.session.ended(direction, run.now);
        }
        run.until(Duration::from_secs(60));
        assert_eq!(run.session.closed(End::Closed, run.now), None);
        run.out.trim_end().to_owned()
    }

    /// Goes on to an age, and takes what is due on the way.
    fn until(&mut self, end: Duration) {
        while let Some(next) = self.settle().filter(|next| *next <= end) {
            self.now = next;
        }
        self.now = end;
        self.settle();
    }

    /// Takes what is due, and returns the age at which more is.
    fn settle(&mut self) -> Option<Duration> {
        let mut next: Option<Duration> = None;
        for direction in [UP, DOWN, UP, DOWN] {
            while !self.over {
                match self.session.poll(direction, self.now) {
                    Output::Dial => {
                        self.put(UP, "DIAL");
                        self.session.open(None, self.now);
                    }
                    Output::Write(bytes) => {
                        let text = match bytes.len() {
                            long @ 100.. => format!("[{long} bytes]"),
                            _ => bytes.escape_ascii().to_string(),
                        };
                        if self.last == Some((self.now, direction)) {
                            self.out.pop();
                            write!(self.out, "{text} ").unwrap();
                        } else {
                            self.put(direction, &text);
                        }
                        self.last = Some((self.now, direction));
                    }
                    Output::Finish => self.put(direction, "END"),
                    end @ (Output::Close | Output::Reset) => {
                        self.put(direction, &format!("{end:?}").to_uppercase());
                        self.over = true;
                    }
                    Output::Wait(at) => {
                        next = Some(next.map_or(at, |next| next.min(at)));
                        break;
                    }
                    Output::Idle => break,
                }
            }
        }
        next.filter(|next| *next > self.now)
    }

    fn put(&mut self, direction: Direction, what: &str) {
        let way = if direction == UP { '>' } else { '<' };
        if what != "DIAL" {
            write!(self.out, "{}{way}{what} ", self.now.as_millis()).unwrap();
        } else if !self.now.is_zero() {
            write!(self.out, "{}DIAL ", self.now.as_millis()).unwrap();
        }
        self.last = None;
    }
}

/// Returns what comes out under a rule, or why it is refused.
fn outcome(traffic: &Traffic, rule: &str) -> String {
    let rules = rules(rule);
    if let Err(error) = rules.fit(&*traffic.protocol, traffic.name) {
        return format!("refused: {error}");
    }
    let out = Run::of(traffic, &rules);
    let tally = rules.iter().map(|rule| rule.tally().faults()).sum::<u64>();
    assert_eq!(out != traffic.plain, tally > 0, "{}: {rule}: {tally} faults, {out}", traffic.name);
    out
}

#[test]
fn without_rules_everything_passes() {
    for traffic in traffic() {
        assert_eq!(Run::of(&traffic, &Rules::default()), traffic.plain);
    }
}

#[test]
fn every_behavior_acts_as_documented_or_is_refused_with_a_reason() {
    let mut wrong = String::new();
    for Case { rule, outcomes } in CASES {
        for (traffic, expected) in traffic().iter().zip(outcomes) {
            let found = outcome(traffic, rule);
            let right = match expected.strip_prefix("refused: ") {
                Some(reason) => found.starts_with("refused: ") && found.contains(reason),
                None if *expected == NOTHING => found == traffic.plain,
                None => found == *expected && found != traffic.plain,
            };
            if !right {
                writeln!(wrong, "{}: {rule}\n    {found}\n    {expected}", traffic.name).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "found, and expected:\n{wrong}");
}

#[test]
fn every_behavior_for_any_protocol_has_a_case() {
    let behavior = |case: &Case| case.rule.split(':').next().unwrap().to_owned();
    let walked: BTreeSet<_> = CASES.iter().map(behavior).collect();
    let known = chenapan_behaviors::BEHAVIORS.iter().map(|entry| entry.name.to_owned());
    assert_eq!(walked, known.collect());
}

#[test]
fn behaviors_of_one_protocol_are_refused_and_say_what_they_need() {
    let general: BTreeSet<_> =
        chenapan_behaviors::BEHAVIORS.iter().map(|entry| entry.name).collect();
    let registry = chenapan::registry();
    let special = registry.behaviors().iter().filter(|entry| !general.contains(entry.name));
    let mut walked = 0;
    for entry in special {
        let required = entry.options.iter().filter(|spec| spec.default.is_none());
        let given: Vec<_> = required.map(|spec| (spec.name, spec.example)).collect();
        // Also where the rule names kinds that the protocol has.
        for only in [None, Some("header"), Some("request"), Some("response")] {
            let selected = only.map(|only| ("only", only));
            let rule = Rule::new(entry, given.iter().copied().chain(selected)).unwrap();
            let rules = Rules::new([rule]);
            for traffic in traffic() {
                let told = rules.fit(&*traffic.protocol, traffic.name).unwrap_err().to_string();
                let reason =
                    ["needs the field", "is for units of kind", "needs messages or headers"];
                assert!(reason.iter().any(|reason| told.contains(reason)), "{told}");
                walked += 1;
            }
        }
    }
    assert!(walked > 200, "{walked}");
}
