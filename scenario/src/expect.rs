//! Expectations at the end of a phase: a subject and a bound.
//!
//! It never knows where a number comes from.

use chenapan_core::{Chance, Form, Pattern, Rate, Size, Value};
use std::fmt;

/// A subject and what must hold of it.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Subject of the expectation, such as `web.faults.bad-checksum` or `exit`.
    pub subject: String,
    /// Bound that must hold.
    pub bound: Bound,
    /// Its file and line.
    pub place: String,
}

/// Bound on a value.
#[derive(Clone, Debug)]
pub enum Bound {
    /// A number compares so.
    Compare(Comparison, Number),
    /// A number lies in a range, both ends included.
    Range(Number, Number),
    /// A text matches, or must not.
    Matches(Pattern, bool),
    /// A text is this one.
    Equals(String),
}

/// Comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`, or nothing
    Equal,
    /// `!=`
    Other,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// A number, and how it was written: seconds, bytes, a share or a plain count.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its value, in seconds, bytes, bytes a second, or as it is.
    pub value: f64,
    written: String,
}

/// Value that was found of a subject.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// A count.
    Count(u64),
    /// A number of seconds.
    Seconds(f64),
    /// A number, such as a rate.
    Number(f64),
    /// A text, such as an output.
    Text(String),
}

impl Bound {
    /// Reads a bound: `50`, `>= 50`, `< 1s`, `10..20`, `~ pattern`, `!~ pattern`, `= text`.
    ///
    /// `text` says whether the subject is one.
    ///
    /// # Errors
    ///
    /// What would do.
    pub fn read(written: &str, text: bool) -> Result<Self, String> {
        let written = written.trim();
        if text {
            let pattern = |rest: &str| match Form::Pattern.parse(rest.trim())? {
                Value::Pattern(pattern) => Ok(pattern),
                _ => Err("expected a pattern".to_owned()),
            };
            return Ok(match written {
                _ if written.starts_with("!~") => Bound::Matches(pattern(&written[2..])?, false),
                _ if written.starts_with('~') => Bound::Matches(pattern(&written[1..])?, true),
                _ if written.starts_with('=') => Bound::Equals(written[1..].trim().to_owned()),
                _ => Bound::Equals(written.to_owned()),
            });
        }
        if let Some((from, to)) = written.split_once("..") {
            let (from, to) = (number(from)?, number(to)?);
            if from.value > to.value {
                return Err("the range is empty".to_owned());
            }
            return Ok(Bound::Range(from, to));
        }
        let signs = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("!=", Comparison::Other),
            ("==", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::More),
            ("=", Comparison::Equal),
        ];
        let sign = signs
            .iter()
            .find_map(|(sign, comparison)| Some((written.strip_prefix(sign)?, *comparison)));
        let (rest, comparison) = sign.unwrap_or((written, Comparison::Equal));
        Ok(Bound::Compare(comparison, number(rest)?))
    }

    /// Returns `true` if the bound holds.
    pub fn holds(&self, found: &Found) -> bool {
        match (self, found) {
            (Bound::Matches(pattern, wanted), Found::Text(text)) => {
                pattern.is_match(text.as_bytes()) == *wanted
            }
            (Bound::Equals(expected), Found::Text(text)) => text.trim_end() == expected.trim_end(),
            (Bound::Compare(comparison, Number { value: expected, .. }), found) => {
                let Some(found) = found.number() else { return false };
                match comparison {
                    Comparison::Equal => found == *expected,
                    Comparison::Other => found != *expected,
                    Comparison::Less => found < *expected,
                    Comparison::AtMost => found <= *expected,
                    Comparison::More => found > *expected,
                    Comparison::AtLeast => found >= *expected,
                }
            }
            (Bound::Range(from, to), found) => {
                found.number().is_some_and(|found| (from.value..=to.value).contains(&found))
            }
            (Bound::Matches(..) | Bound::Equals(_), _) => false,
        }
    }
}

impl Found {
    fn number(&self) -> Option<f64> {
        match self {
            Found::Count(count) => Some(*count as f64),
            Found::Seconds(number) | Found::Number(number) => Some(*number),
            Found::Text(_) => None,
        }
    }
}

/// A number with or without a unit; the unit is not compared.
fn number(text: &str) -> Result<Number, String> {
    let text = text.trim();
    let forms = [Form::Count, Form::Time, Form::Size, Form::Rate, Form::Chance, Form::Number];
    let value = forms.iter().find_map(|form| {
        Some(match form.parse(text).ok()? {
            Value::Count(count) => count as f64,
            Value::Number(number) => number as f64,
            Value::Time(time) => time.as_secs_f64(),
            Value::Size(Size(bytes)) => bytes as f64,
            Value::Rate(Rate(rate)) => rate as f64,
            Value::Chance(Chance(share)) => share,
            _ => return None,
        })
    });
    // Rates of events: so many a second.
    let value = value.or_else(|| text.strip_suffix("/s")?.trim().parse().ok());
    let value = value.ok_or_else(|| {
        format!("{text:?}: expected a number such as 50, 250ms, 1MiB, 10/s or 5%")
    })?;
    Ok(Number { value, written: text.to_owned() })
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Compare(comparison, number) => {
                let sign = match comparison {
                    Comparison::Equal => "",
                    Comparison::Other => "!= ",
                    Comparison::Less => "< ",
                    Comparison::AtMost => "<= ",
                    Comparison::More => "> ",
                    Comparison::AtLeast => ">= ",
                };
                write!(f, "{sign}{}", number.written)
            }
            Bound::Range(from, to) => write!(f, "{}..{}", from.written, to.written),
            Bound::Matches(pattern, true) => write!(f, "~ {pattern}"),
            Bound::Matches(pattern, false) => write!(f, "!~ {pattern}"),
            Bound::Equals(text) => write!(f, "{text:?}"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Count(count) => write!(f, "{count}"),
            Found::Seconds(seconds) if *seconds < 1.0 => write!(f, "{:.1}ms", seconds * 1e3),
            Found::Seconds(seconds) => write!(f, "{seconds:.2}s"),
            Found::Number(number) => write!(f, "{number:.1}"),
            Found::Text(text) => {
                // The start is enough to see what it is.
                let shown: String = text.trim_end().chars().take(200).collect();
                write!(f, "{shown:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(bound: &str, found: Found) -> bool {
        Bound::read(bound, matches!(found, Found::Text(_))).unwrap().holds(&found)
    }

    #[test]
    fn numbers_compare_as_written() {
        assert!(holds("50", Found::Count(50)) && !holds("50", Found::Count(51)));
        assert!(holds(">= 50", Found::Count(50)) && !holds("> 50", Found::Count(50)));
        assert!(holds("<1s", Found::Seconds(0.9)) && !holds("< 900ms", Found::Seconds(0.9)));
        assert!(holds("10..20", Found::Count(20)) && !holds("10..20", Found::Count(21)));
        assert!(holds("!= 0", Found::Count(1)) && holds("<= 1MiB", Found::Count(1 << 20)));
        assert!(holds("> 9.5/s", Found::Number(10.0)) && holds("5%", Found::Number(0.05)));
        assert!(!holds("0", Found::Seconds(0.1)));
    }

    #[test]
    fn texts_match_or_are_equal() {
        let text = |text: &str| Found::Text(text.to_owned());
        assert!(holds("~ client 203", text("client 203.0.113.7\n")));
        assert!(holds("!~ error", text("fine")) && !holds("!~ error", text("an error")));
        assert!(holds("fine", text("fine\n")) && holds("= fine", text("fine")));
    }

    #[test]
    fn what_is_no_bound_says_what_would_do() {
        let wrong = |text: &str| Bound::read(text, false).unwrap_err();
        assert!(wrong("about 5").contains("expected a number such as 50"));
        assert_eq!(wrong("20..10"), "the range is empty");
        assert!(Bound::read("~ (", true).is_err());
    }

    #[test]
    fn bounds_and_findings_are_shown_as_people_write_them() {
        for text in ["50", ">= 50", "< 1s", "10..20", "!= 3"] {
            assert_eq!(Bound::read(text, false).unwrap().to_string(), text);
        }
        assert_eq!(Bound::read("~ a+", true).unwrap().to_string(), "~ a+");
        assert_eq!(Found::Seconds(0.0123).to_string(), "12.3ms");
        assert_eq!(Found::Seconds(2.5).to_string(), "2.50s");
    }
}
