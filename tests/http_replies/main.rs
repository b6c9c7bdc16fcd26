//! Over HTTP, whatever a rule does, the client reads HTTP: each behavior in each framing of replies.
//!
//! Faults that break HTTP on purpose stand in the table, with the reason.

mod backend;
mod reader;
mod rules;
mod talk;

use backend::{FRAMINGS, METHODS};
use reader::{Fault, Reader};
use rules::Claim::{self, Broken, Ended, Ordered, Whole};
use rules::{IDLE, RULES};
use std::collections::BTreeSet;
use talk::{Seen, Way, play};

/// Returns an error if a client has read something else than claimed.
fn judge(claim: Claim, seen: &Seen) -> Result<(), String> {
    let (replies, fault) = match Reader::read(&seen.bytes) {
        Ok(replies) => (replies, None),
        Err((replies, fault)) => (replies, Some(fault)),
    };
    match (claim, fault) {
        (Broken(_) | Ended, None | Some(Fault::Ends)) | (Broken(_), Some(_)) => return Ok(()),
        (_, Some(fault)) => return Err(format!("{fault:?} behind {} replies", replies.len())),
        (_, None) => {}
    }
    if claim == Whole {
        return Ok(());
    }
    let wanted = METHODS.len();
    if replies.len() != wanted {
        return Err(format!("{} replies to {wanted} requests", replies.len()));
    }
    for (nth, reply) in replies.iter().enumerate() {
        let body = String::from_utf8_lossy(&reply.body);
        let id = format!(r#""id":{nth}"#);
        let asks = !METHODS[nth].starts_with("notifications/");
        let blank = body.is_empty() || body.contains(r#""id":null"#);
        let right = body.replace(' ', "").contains(&id) || (!asks && blank);
        if !right && reply.status < 500 {
            return Err(format!("reply {nth} is another's: {} {body}", reply.status));
        }
    }
    Ok(())
}

#[test]
fn whatever_a_rule_does_the_client_reads_http() {
    let mut wrong = Vec::new();
    for &(rule, claim) in RULES {
        let mut faults = 0;
        for framing in FRAMINGS {
            for way in [Way::InTurn, Way::Pipelined, Way::Dripping] {
                let seen = play(rule, framing, way);
                faults += seen.faults;
                if let Err(error) = judge(claim, &seen) {
                    wrong.push(format!("{rule}, {framing:?}, {way:?}: {error}"));
                }
            }
        }
        let name = rule.split(':').next().unwrap();
        if (faults == 0) != (IDLE.contains(&name) || IDLE.contains(&rule)) {
            wrong.push(format!("{rule}: {faults} faults"));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_behavior_is_in_the_table() {
    let known: BTreeSet<&str> =
        RULES.iter().map(|(rule, _)| rule.split(':').next().unwrap()).collect();
    let registry = chenapan::registry();
    let all: BTreeSet<&str> = registry.behaviors().iter().map(|entry| entry.name).collect();
    assert_eq!(known, all);
}

#[test]
fn what_is_said_to_break_http_does() {
    for &(rule, claim) in RULES {
        if !matches!(claim, Broken(_)) {
            continue;
        }
        let breaks = |framing| {
            [Way::InTurn, Way::Pipelined].into_iter().any(|way| {
                let seen = play(rule, framing, way);
                judge(Ordered, &seen).is_err()
            })
        };
        assert!(FRAMINGS.into_iter().any(breaks), "{rule} harms nobody: it need not be excused");
    }
}
