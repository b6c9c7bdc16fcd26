//! Words for what is not as a script says.

use super::script::{Ending, Side};
use std::fmt;

/// Bytes shown on each side of a difference.
const AROUND: usize = 48;

/// Difference from the script.
#[derive(Debug)]
pub(super) enum Failure {
    Bytes { side: Side, should: Vec<u8>, got: Vec<u8> },
    Ending { side: Side, should: Option<Ending>, got: Option<Ending> },
    Over(Side),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Bytes { side, should, got } => differ(f, *side, should, got),
            Failure::Ending { side, should, got } => {
                let told = |ending: &Option<Ending>| match ending {
                    None => "no end",
                    Some(Ending::InOrder) => "the end of the stream",
                    Some(Ending::Reset) => "a reset",
                };
                let (side, got, should) = (side.name(), told(got), told(should));
                write!(f, "{side} has seen {got} and should have seen {should}")
            }
            Failure::Over(side) => write!(f, "{} cannot send any more", side.name()),
        }
    }
}

fn differ(f: &mut fmt::Formatter<'_>, side: Side, should: &[u8], got: &[u8]) -> fmt::Result {
    let same = should.iter().zip(got).take_while(|(one, other)| one == other).count();
    let (side, from) = (side.name(), same.saturating_sub(AROUND));
    let text = |bytes: &[u8]| match bytes {
        [] => "(nothing)".to_owned(),
        bytes => {
            let end = bytes.len().min(same + AROUND);
            let before = if from > 0 { "..." } else { "" };
            let behind = if end < bytes.len() { "..." } else { "" };
            format!("{before}{}{behind}", bytes[from..end].escape_ascii())
        }
    };
    writeln!(f, "{side} should have got {} bytes and has got {}", should.len(), got.len())?;
    writeln!(f, "    should: {}", text(should))?;
    writeln!(f, "    got:    {}", text(got))?;
    let dots = if from > 0 { 3 } else { 0 };
    let column = dots + should[from..same].escape_ascii().count();
    write!(f, "            {}^ byte {same}", " ".repeat(column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(should: &str, got: &str) -> String {
        let (should, got) = (should.as_bytes().to_vec(), got.as_bytes().to_vec());
        Failure::Bytes { side: Side::Client, should, got }.to_string()
    }

    #[test]
    fn a_difference_is_marked_below_its_place() {
        assert_eq!(
            told("1\nERR 7\n", "1\nERR 1\n"),
            "the client should have got 8 bytes and has got 8\n    \
             should: 1\\nERR 7\\n\n    got:    1\\nERR 1\\n\n                   ^ byte 6"
        );
        assert_eq!(
            told("", "1"),
            "the client should have got 0 bytes and has got 1\n    \
             should: (nothing)\n    got:    1\n            ^ byte 0"
        );
        let long =
            told(&("x".repeat(1_000) + "a"), &("x".repeat(1_000) + "b" + &"y".repeat(1_000)));
        let x = "x".repeat(48);
        assert!(long.contains(&format!("should: ...{x}a\n")), "{long}");
        assert!(long.contains(&format!("got:    ...{x}b{}...\n", "y".repeat(47))), "{long}");
        assert!(long.ends_with(&format!("\n{}^ byte 1000", " ".repeat(12 + 3 + 48))), "{long}");
    }
}
