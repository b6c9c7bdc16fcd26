//! Requests and replies as the engine counts them, for any protocol that says how they find each
//! other.

use super::*;
use chenapan_core::{Amount, Correlation, Description, End, Replies, Turn};

/// Lines of a word and, where replies find their requests by that, an id: `get 7`. A line with `?` asks,
/// in either direction.
#[derive(Clone)]
struct Lines(Replies);

impl Protocol for Lines {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
            return Ok(Handled::Incomplete(Want::Bytes(1)));
        };
        let line = input.split_to(end + 1);
        let text = String::from_utf8_lossy(&line).into_owned();
        let asks = direction == UP && !text.starts_with('!') || text.starts_with('?');
        let mut unit = Unit::new(if asks { Kind::Request } else { Kind::Response }, line);
        if asks {
            unit.label = text.split_whitespace().next().map(Into::into);
        }
        if self.0 == Replies::ById {
            let id = text.split_whitespace().nth(1);
            unit.correlation = id.map(|id| Correlation::of(id.as_bytes()));
        }
        if text.starts_with('<') {
            unit.turn = Turn::Opens;
        }
        Ok(Handled::Unit(unit))
    }

    fn describe(&self) -> Description {
        Description::new().replies(self.0)
    }

    fn refuse(&self, _: &Unit, _: &Refusal) -> Option<BytesMut> {
        Some(BytesMut::from("no\n"))
    }
}

fn run(replies: Replies, rules: &[&str]) -> Run {
    Run::with(rules, Box::new(Lines(replies)), Settings::new(1))
}

/// Ends the connection; what was counted of it, times in milliseconds.
fn counted(run: &mut Run) -> String {
    run.session.closed(End::Closed, run.now);
    let counted = run.session.counted().into_iter().map(|counted| match counted.amount {
        Amount::More(more) => format!("{} {more}", counted.name),
        Amount::Longest(time) => format!("{} {}", counted.name, time.as_millis()),
        other => panic!("{other:?}"),
    });
    counted.collect::<Vec<_>>().join(", ")
}

#[test]
fn times_run_from_a_request_to_the_end_of_its_reply_in_every_way_to_find_it() {
    for (replies, first, second) in [
        (Replies::InOrder, "1\n", "2\n"),
        (Replies::Lockstep, "1\n", "2\n"),
        (Replies::ById, "+ 1\n", "+ 2\n"),
    ] {
        let mut run = run(replies, &["delay:label=set:sleep=5ms:direction=downstream"]);
        run.send(UP, "get 1\n").until(20).send(DOWN, first).until(30);
        run.send(UP, "set 2\n").until(40).send(DOWN, second).until(100).send(UP, "end 3\n");
        let told = "unanswered 1, slowest 20, latency.get 20, latency.set 15";
        assert_eq!(counted(&mut run), told, "{replies:?}");
    }
    let mut run = run(Replies::None, &[]);
    run.send(UP, "get 1\n").send(DOWN, "1\n");
    assert_eq!(counted(&mut run), "");
}

#[test]
fn only_what_the_other_side_has_got_waits_for_a_reply() {
    for (rule, told) in [
        ("error:label=set", "unanswered 1, slowest 0, latency.get 0"),
        ("drop:label=set", "unanswered 1, slowest 0, latency.get 0"),
        ("split:size=2:direction=upstream", "unanswered 2, slowest 0, latency.get 0"),
        ("split:size=1:direction=downstream", "unanswered 2, slowest 0, latency.get 0"),
        ("drop:direction=downstream", "unanswered 3"),
    ] {
        for replies in [Replies::InOrder, Replies::ById] {
            let mut run = run(replies, &[rule]);
            run.send(UP, "get 1\nset 2\nend 3\n").send(DOWN, "+ 1\n").until(100);
            assert_eq!(counted(&mut run), told, "{rule} {replies:?}");
        }
    }
    // The reply to the request that a rule repeats is the first of two.
    let mut run = run(Replies::InOrder, &["duplicate:label=get:direction=upstream"]);
    run.send(UP, "get\nset\n").send(DOWN, "1\n1\n").until(10);
    assert_eq!(counted(&mut run), "unanswered 1, slowest 0, latency.get 0");
}

#[test]
fn a_reply_in_parts_is_over_with_its_last_one() {
    let mut run = run(Replies::InOrder, &["delay:sleep=10ms:direction=downstream:skip=1"]);
    run.send(UP, "get\n").send(DOWN, "<\n").until(5).send(DOWN, "end\n").until(50);
    assert_eq!(counted(&mut run), "slowest 15, latency.get 15");
}

#[test]
fn replies_by_id_come_in_any_order_and_either_side_asks() {
    let mut run = run(Replies::ById, &["delay:label=get:sleep=1s:direction=downstream"]);
    run.send(UP, "get 1\nset 2\n").send(DOWN, "+ 2\n? 1\n").until(10);
    assert_eq!(run.took(DOWN).len(), 1, "the reply to set, and what the other side asks");
    run.send(DOWN, "+ 1\n").send(UP, "! 1\n").until(20);
    // Nobody has asked that.
    run.send(DOWN, "+ 9\n").until(5_000);
    let told = "slowest 1010, latency.? 10, latency.get 1010, latency.set 0";
    assert_eq!(counted(&mut run), told);
}

#[test]
fn in_lockstep_a_reply_answers_the_request_before_it() {
    let rules = ["delay:label=two:sleep=1s:direction=downstream"];
    let mut run = run(Replies::Lockstep, &rules);
    run.send(UP, "one\n").until(10).send(UP, "two\n").send(DOWN, "2\n").until(5_000);
    assert_eq!(run.took(DOWN), ["1010 2\n"]);
    assert_eq!(counted(&mut run), "unanswered 1, slowest 1000, latency.two 1000");
}

#[test]
fn what_is_remembered_is_bounded() {
    for replies in [Replies::InOrder, Replies::ById] {
        let mut run = run(replies, &[]);
        for id in 0..70_000 {
            run.send(UP, &format!("get{id} {id}\n"));
        }
        let told = counted(&mut run);
        // Where they cannot be told apart any more, they are not counted either.
        let expected = if replies == Replies::ById { "unanswered 70000" } else { "" };
        assert_eq!(told, expected);
        let mut run = self::run(replies, &[]);
        for id in 0..3_000 {
            run.send(UP, &format!("get{id} {id}\n")).send(DOWN, &format!("+ {id}\n"));
        }
        run.session.closed(End::Closed, run.now);
        assert_eq!(run.session.counted().len(), 1 + 1_000 + 1);
    }
}

#[test]
fn a_receiver_that_is_gone_leaves_its_requests_unanswered() {
    let mut run = run(Replies::InOrder, &["error:label=set"]);
    run.send(UP, "get\nset\nend\n");
    run.session.abandon(UP);
    run.send(DOWN, "1\n").until(10);
    assert_eq!(run.took(DOWN), ["0 1\n"]);
    assert_eq!(counted(&mut run), "unanswered 1, slowest 0, latency.get 0");
}

/// Counts of the engine for requests and replies of json-rpc at the end of a connection.
fn counted_of_rpc(run: &mut Run) -> String {
    let told = counted(run);
    let names = ["unanswered", "slowest", "latency"];
    let booked = told.split(", ").filter(|one| names.iter().any(|name| one.starts_with(name)));
    booked.collect::<Vec<_>>().join(", ")
}

fn rpc(rules: &[&str]) -> Run {
    let registry = crate::registry();
    let protocol = registry.find_protocol("json-rpc").unwrap().configure([]).unwrap();
    Run::with(rules, protocol.instance(), Settings::new(1))
}

fn call(method: &str, id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#)
}

fn result(id: u64) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":1,"id":{id}}}"#)
}

#[test]
fn a_protocol_with_several_messages_in_a_unit_lends_its_list_of_requests() {
    let batch = format!("[{},{}]\n", call("a", 1), call("b", 2));
    let tell = "{\"jsonrpc\":\"2.0\",\"method\":\"tell\"}\n";
    for (rule, told) in [
        ("dummy", "unanswered 1, slowest 30, slowest.a 10, slowest.c 30"),
        // Neither of the requests was answered, wherever it got lost.
        ("drop:method=c:direction=upstream", "unanswered 2, slowest 10, slowest.a 10"),
        ("drop:method=c:direction=downstream", "unanswered 2, slowest 10, slowest.a 10"),
        ("truncate:keep=9:close=no:method=c:on=response", "unanswered 2, slowest 10, slowest.a 10"),
        // What a rule has answered is answered.
        ("error:method=c", "unanswered 1, slowest 10, slowest.a 10, slowest.c 0"),
    ] {
        let mut run = rpc(&[rule]);
        run.send(UP, &batch).send(UP, tell).send(UP, &call("c", 3)).until(10);
        run.send(DOWN, &format!("[{}]\n", result(1))).until(30);
        // The backend answers what it was asked, and something else.
        let asked = run.took(UP).concat().contains("\"c\"");
        run.send(DOWN, &result(if asked { 3 } else { 9 })).until(50);
        assert_eq!(counted_of_rpc(&mut run), told, "{rule}");
    }
}

#[test]
fn a_list_that_a_protocol_lends_counts_instead_of_the_order_of_replies() {
    let post =
        |body: &str| format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let reply =
        |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut run = rpc(&[]);
    run.send(UP, &post(&call("a", 1))).until(10).send(DOWN, &reply(&result(1)));
    // A notification asks for a reply of HTTP only, and a call is not answered by one.
    run.send(UP, &post(r#"{"jsonrpc":"2.0","method":"tell"}"#)).until(90);
    run.send(UP, &post(&call("b", 2))).send(DOWN, &reply("")).send(DOWN, &reply("")).until(99);
    let times: Vec<_> = run.session.counted().into_iter().map(|one| one.name).collect();
    assert!(times.ends_with(&["slowest".into(), "slowest.a".into()]), "{times:?}");
    assert_eq!(counted_of_rpc(&mut run), "unanswered 1");
}
