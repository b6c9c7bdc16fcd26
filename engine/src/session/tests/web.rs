//! The protocol `http` with rules: bodies share the fate of their heads, and replies keep their order.

use super::*;

fn run(texts: &[&str]) -> Run {
    let entry = crate::registry();
    let protocol = entry.find_protocol("http").unwrap().configure([]).unwrap();
    Run::with(texts, protocol.instance(), Settings::new(1))
}

fn all(run: &Run, direction: Direction) -> String {
    run.took(direction).iter().map(|line| line.split_once(' ').unwrap().1).collect()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn chunks(body: &[&str]) -> String {
    let chunks = body.iter().map(|text| format!("{:x}\r\n{text}\r\n", text.len()));
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    head + &chunks.collect::<String>() + "0\r\n\r\n"
}

fn error(code: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {code}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn without_rules_every_byte_passes_at_once() {
    let texts = [post("/a", "hello") + &get("/b"), ok("x") + &chunks(&["one", "two"])];
    let mut run = run(&[]);
    for (direction, text) in Direction::BOTH.into_iter().zip(&texts) {
        for (at, _) in text.char_indices() {
            run.send(direction, &text[at..at + 1]);
            assert_eq!(all(&run, direction), text[..=at]);
        }
    }
}

#[test]
fn an_answered_request_takes_its_body_with_it() {
    let no = error("503 Service Unavailable", "503 Service Unavailable\n");
    for pieces in [1, 3, 1_000] {
        let mut run = run(&["error:code=503:label=POST /orders"]);
        let sent = post("/orders", "0123456789") + &get("/a") + &post("/orders", "x") + &get("/b");
        for piece in sent.as_bytes().chunks(pieces) {
            run.send(UP, str::from_utf8(piece).unwrap());
        }
        assert_eq!(all(&run, UP), get("/a") + &get("/b"));
        // The second error waits for the reply before it.
        assert_eq!(all(&run, DOWN), no);
        run.send(DOWN, &chunks(&["a"])).send(DOWN, &ok("b")).until(10);
        assert_eq!(all(&run, DOWN), no.clone() + &chunks(&["a"]) + &no + &ok("b"));
    }
}

#[test]
fn bodies_are_dropped_and_delayed_with_their_heads() {
    let mut run = run(&["drop:label=GET /b:direction=downstream"]);
    run.send(UP, &(get("/a") + &get("/b") + &get("/c")));
    run.send(DOWN, &(ok("aaa") + &chunks(&["b", "b"]) + &ok("ccc"))).until(10);
    assert_eq!(all(&run, DOWN), ok("aaa") + &ok("ccc"));
    let mut run = super::web::run(&["drop:label=POST *"]);
    run.send(UP, &(post("/a", "gone") + &get("/b"))).until(10);
    assert_eq!(all(&run, UP), get("/b"));
    let mut run = super::web::run(&["delay:sleep=50ms:direction=upstream"]);
    let sent = post("/a", "late");
    run.send(UP, &sent[..sent.len() - 2]).until(20).send(UP, &sent[sent.len() - 2..]).until(100);
    assert_eq!(all(&run, UP), sent);
    assert!(run.took(UP).iter().all(|line| line.starts_with("50 ")), "{:?}", run.took(UP));
}

#[test]
fn a_reply_that_others_overtake_or_that_waits_stays_whole() {
    let mut run = run(&["delay:sleep=50ms:overtake=yes:label=GET /a:direction=downstream"]);
    run.send(UP, &(get("/a") + &get("/b")));
    run.send(DOWN, &(chunks(&["one", "two"]) + &ok("b"))).until(10);
    assert_eq!(all(&run, DOWN), "");
    run.until(100);
    assert_eq!(all(&run, DOWN), chunks(&["one", "two"]) + &ok("b"));
}

#[test]
fn rules_on_bytes_act_on_the_bodies_of_messages_that_they_select() {
    let rule = "corrupt:every=1:rule-every=2:direction=downstream:only=reply";
    let mut run = run(&[rule]);
    let (one, two) = (chunks(&["aaaa", "bbbb"]), chunks(&["cccc", "dddd"]));
    run.send(UP, &(get("/1") + &get("/2"))).send(DOWN, &one).send(DOWN, &two).until(10);
    let found = all(&run, DOWN);
    let (first, second) = found.split_at(one.len());
    assert_eq!(first, one);
    assert!(!second.contains("cccc") && !second.contains("dddd"), "{second:?}");
    // Pieces by themselves.
    let mut run = super::web::run(&["drop:only=body:skip=1:first=1:direction=downstream"]);
    run.send(UP, &get("/")).send(DOWN, &chunks(&["a", "b", "c"])).until(10);
    assert_eq!(all(&run, DOWN), chunks(&["a", "c"]));
    // Of the messages that the other selectors mean.
    let mut run = super::web::run(&["drop:only=body:label=GET /2:direction=downstream"]);
    run.send(UP, &(get("/1") + &get("/2"))).send(DOWN, &(ok("kept") + &ok("lost"))).until(10);
    assert_eq!(all(&run, DOWN), ok("kept") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

#[test]
fn a_rule_that_comes_in_the_middle_of_a_body_acts_from_the_next_byte_on() {
    let (mut run, text) = (run(&[]), ok("0123456789"));
    let (front, back) = text.split_at(text.len() - 5);
    run.send(UP, &get("/")).send(DOWN, front).set(&["corrupt:every=1:direction=downstream"]);
    run.send(DOWN, back).until(10);
    let found = all(&run, DOWN);
    assert!(found.starts_with(front) && !found.ends_with(back), "{found:?}");
    // Whose selectors look at a head waits for one.
    let mut run = super::web::run(&[]);
    run.send(UP, &get("/"))
        .send(DOWN, front)
        .set(&["corrupt:every=1:label=*:direction=downstream"]);
    run.send(DOWN, back).until(10);
    assert_eq!(all(&run, DOWN), text);
}

#[test]
fn a_reply_up_to_the_end_of_the_stream_is_answered_and_a_cut_one_is_not() {
    for (reply, unanswered) in [
        ("HTTP/1.1 200 OK\r\n\r\nup to the end".to_owned(), 0),
        (ok("cut")[..40].to_owned(), 1),
        (chunks(&["cut"])[..50].to_owned(), 1),
    ] {
        let mut run = run(&[]);
        run.send(UP, &get("/")).send(DOWN, &reply).end(DOWN).end(UP);
        assert_eq!(all(&run, DOWN), reply.clone() + "FINISH");
        run.session.closed(chenapan_core::End::Closed, run.now);
        let counted = run.session.counted();
        let found = counted.iter().find(|one| one.name == "unanswered").map(|one| one.amount);
        let expected = (unanswered > 0).then_some(chenapan_core::Amount::More(unanswered));
        assert_eq!(found, expected, "{reply:?}");
    }
}

#[test]
fn a_body_that_may_not_come_ends_the_connection_behind_the_error() {
    let asked = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut run = run(&["error:code=413:label=POST *"]);
    run.send(UP, asked).until(10);
    let found = all(&run, DOWN);
    assert!(found.starts_with("HTTP/1.1 413 Content Too Large\r\n"), "{found}");
    assert!(found.contains("\r\nConnection: close\r\n") && found.ends_with("CLOSE"), "{found}");
    // Behind the replies before it.
    let mut run = super::web::run(&["error:code=413:label=POST *"]);
    run.send(UP, &get("/")).send(UP, asked).until(10);
    assert_eq!(all(&run, DOWN), "");
    run.send(DOWN, &ok("first")).until(20);
    assert!(all(&run, DOWN).starts_with(&ok("first")) && all(&run, DOWN).ends_with("CLOSE"));
}

#[test]
fn an_error_without_a_code_is_one_of_four() {
    let mut seen = std::collections::BTreeSet::new();
    let mut run = run(&["error"]);
    for _ in 0..64 {
        run.send(UP, &get("/"));
    }
    for line in all(&run, DOWN).lines().filter(|line| line.starts_with("HTTP/")) {
        seen.insert(line[9..12].to_owned());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["500", "501", "502", "503"]);
}

#[test]
fn a_connection_that_changes_its_protocol_has_answered_its_request() {
    let asked = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    let switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    let mut run = run(&["delay:sleep=5ms:only=request,response"]);
    run.send(UP, asked).until(10).send(DOWN, switched).until(20);
    run.send(UP, "\u{1}\u{2}").send(DOWN, "\u{3}").until(30);
    assert_eq!(all(&run, UP), asked.to_owned() + "\u{1}\u{2}");
    assert_eq!(all(&run, DOWN), switched.to_owned() + "\u{3}");
    run.session.closed(chenapan_core::End::Closed, run.now);
    let counted = run.session.counted();
    let names: Vec<_> = counted.iter().map(|one| &*one.name).collect();
    assert!(names.contains(&"upgrades") && !names.contains(&"unanswered"), "{names:?}");
}

/// A second connection under the rules of a first one.
fn again(run: &Run) -> Run {
    let mut next = super::web::run(&[]);
    next.rules = run.rules.clone();
    next.session.update(Arc::new(next.rules.clone()), next.now);
    next
}

#[test]
fn the_first_requests_fail_whatever_connections_they_come_on() {
    let rule = "error:code=service-unavailable:retry-after=2:label=POST /orders:first=2";
    let mut first = run(&[rule]);
    first.send(UP, &post("/other", "x")).send(UP, &post("/orders", "1")).send(DOWN, &ok("y"));
    assert_eq!(all(&first, UP), post("/other", "x"));
    assert!(all(&first, DOWN).contains("\r\nRetry-After: 2\r\n"), "{}", all(&first, DOWN));
    let mut second = again(&first);
    second.send(UP, &post("/orders", "2")).send(UP, &post("/orders", "3"));
    assert_eq!(all(&second, UP), post("/orders", "3"));
    let mut third = again(&first);
    third.send(UP, &post("/orders", "4"));
    assert_eq!(all(&third, UP), post("/orders", "4"));
}

#[test]
fn a_masked_reply_is_an_error_and_the_work_was_done() {
    for reply in [ok("done"), chunks(&["do", "ne"])] {
        let mut run = run(&["error:mode=mask:code=502:body={}:label=POST *"]);
        run.send(UP, &(post("/a", "x") + &get("/b"))).send(DOWN, &(reply + &ok("b"))).until(10);
        assert_eq!(all(&run, UP), post("/a", "x") + &get("/b"));
        assert_eq!(all(&run, DOWN), error("502 Bad Gateway", "{}") + &ok("b"));
        assert_eq!(run.journal().len(), 1);
    }
}

#[test]
fn a_cut_reply_ends_the_connection_in_its_middle() {
    let mut run = run(&["error:mode=cut:code=502:first=1:skip=1"]);
    run.send(UP, &(get("/a") + &get("/b"))).send(DOWN, &(ok("a") + &ok("b"))).until(10);
    let found = all(&run, DOWN);
    let rest = found.strip_prefix(&ok("a")).unwrap();
    assert!(rest.starts_with("HTTP/1.1 502 Bad") && rest.ends_with("CLOSE"), "{rest}");
    assert!(!rest.contains("\r\n\r\n"), "{rest}");
}

#[test]
fn replies_are_selected_by_status_type_and_the_headers_of_their_requests() {
    let ask = |fault: &str| format!("GET / HTTP/1.1\r\nX-Fault: {fault}\r\n\r\n");
    let json =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let slow = ok("slow");
    for (rule, lost) in [
        ("drop:header=x-fault=lo*:direction=downstream", &slow),
        ("drop:header=X-Fault\\:lost:direction=downstream", &slow),
        ("drop:status=4*:direction=downstream", &json.to_owned()),
        ("drop:content-type=*/json:direction=downstream", &json.to_owned()),
    ] {
        for piece in [1, 1_000] {
            let mut run = run(&[rule]);
            let sent = ask("none") + &ask("lost") + &get("/");
            for part in sent.as_bytes().chunks(piece) {
                run.send(UP, str::from_utf8(part).unwrap());
            }
            let replies = [ok("first"), slow.clone(), json.to_owned()];
            run.send(DOWN, &replies.concat()).until(10);
            let expected: String = replies.iter().filter(|reply| *reply != lost).cloned().collect();
            assert_eq!((all(&run, UP), all(&run, DOWN)), (sent.clone(), expected), "{rule}");
        }
    }
    let mut run = run(&["error:code=429:header=x-fault=*429*"]);
    run.send(UP, &ask("please 429")).send(UP, &ask("none")).until(10);
    assert_eq!(all(&run, UP), ask("none"));
}

#[test]
fn what_no_error_can_say_is_refused_in_words() {
    let refused = |rule: &str, name: &str| {
        let protocol = crate::registry().find_protocol(name).unwrap().configure([]).unwrap();
        rules(&[rule]).fit(&*protocol, name).unwrap_err().to_string()
    };
    for (rule, protocol, says) in [
        (
            "error:retry-after=2",
            "tcp",
            "errors of protocol tcp have no retry-after; it acts with protocol http",
        ),
        ("error:code=servce-unavailable", "http", "did you mean \"service-unavailable\"?"),
        ("error:code=7", "http", "expected a name or 200 to 999"),
        ("error:code=not-found", "json-rpc", "expected a number"),
        ("error:mode=mask", "tcp", "is for units of kind response"),
        ("drop:status=5*", "tcp", "it acts with one of the protocols http, json-rpc"),
        ("drop:header=x", "json-rpc", "\"header\": protocol json-rpc"),
    ] {
        let told = refused(rule, protocol);
        assert!(told.contains(says), "{rule}: {told}");
    }
}
