//! The kinds of option values, and the one parser for all of them.

mod read;

use crate::choice::{self, Choice};
use bytes::Bytes;
use read::{Factor, Wrong};
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Form that an option's text must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// `yes` or `no`.
    Flag,
    /// A whole number.
    Count,
    /// A whole number that is at most this one.
    UpTo(u64),
    /// A whole number that may be negative.
    Number,
    /// A number that may have a fraction and be negative: `1.5`.
    Decimal,
    /// A probability: `0.3` or `30%`.
    Chance,
    /// A time: `250ms`, `1.5s`; a bare number is seconds.
    Time,
    /// A number of bytes: `64KiB`, `1MB`; a bare number is bytes.
    Size,
    /// Bytes a second: `1MiB/s`, `8Mbit/s`; always with its unit.
    Rate,
    /// Any text.
    Text,
    /// Bytes: `0x0d0a` in hex, or text in which `\r \n \t \0 \\ \xHH` are escapes.
    Bytes,
    /// A regular expression over bytes.
    Pattern,
    /// One of a few texts.
    Choice(&'static [Choice]),
    /// Text that a type of a plug-in's own has to take.
    Own(&'static OwnForm),
}

/// A form of a plug-in's own; see [`Written`](crate::Written).
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct OwnForm {
    /// The placeholder for it in help texts.
    pub name: &'static str,
    /// Checks that a text is of this form; the error says what was expected.
    pub check: fn(&str) -> Result<(), String>,
    /// Regular expression that all its texts match, for schemas.
    pub pattern: Option<&'static str>,
}

impl OwnForm {
    /// A form by its placeholder in help texts, and its check.
    pub const fn new(name: &'static str, check: fn(&str) -> Result<(), String>) -> Self {
        Self { name, check, pattern: None }
    }

    /// Returns the form with a regular expression that all its texts match.
    #[must_use]
    pub const fn pattern(self, pattern: &'static str) -> Self {
        Self { pattern: Some(pattern), ..self }
    }
}

impl PartialEq for OwnForm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for OwnForm {}

impl fmt::Debug for OwnForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Form {
    /// The placeholder for it in help texts.
    pub fn name(self) -> &'static str {
        match self {
            Form::Flag => "flag",
            Form::Count | Form::UpTo(_) => "count",
            Form::Number => "number",
            Form::Decimal => "decimal",
            Form::Chance => "chance",
            Form::Time => "time",
            Form::Size => "size",
            Form::Rate => "rate",
            Form::Text => "text",
            Form::Bytes => "bytes",
            Form::Pattern => "pattern",
            Form::Choice(_) => "choice",
            Form::Own(own) => own.name,
        }
    }

    /// Reads a value of this form.
    ///
    /// # Errors
    ///
    /// The expected form, such as `expected a time such as 250ms, 1.5s or 2`.
    pub fn parse(self, text: &str) -> Result<Value, String> {
        Ok(match self {
            Form::Flag => Value::Flag(flag(text)?),
            Form::Count => Value::Count(count(text)?),
            Form::UpTo(most) => Value::Count(up_to(most, text)?),
            Form::Number => Value::Number(number(text)?),
            Form::Decimal => Value::Decimal(decimal(text)?),
            Form::Chance => Value::Chance(Chance(chance(text)?)),
            Form::Time => Value::Time(Duration::from_nanos(time(text)?)),
            Form::Size => Value::Size(Size(size(text)?)),
            Form::Rate => Value::Rate(Rate(rate(text)?)),
            Form::Text => Value::Text(text.to_owned()),
            Form::Bytes => Value::Bytes(bytes(text)?),
            Form::Pattern => Value::Pattern(Pattern::new(text)?),
            Form::Choice(choices) => Value::Choice(choice::find(choices, text)?),
            Form::Own(own) => {
                (own.check)(text)?;
                Value::Text(text.to_owned())
            }
        })
    }

    /// Returns `false` for a text that [`Form::parse`] refuses, as far as the compiler can tell: it
    /// reads no pattern, and no form of a plug-in's own.
    pub const fn may_be(self, text: &str) -> bool {
        match self {
            Form::Flag => read::flag(text).is_some(),
            Form::Count => read::count(text).is_some(),
            Form::UpTo(most) => matches!(read::count(text), Some(number) if number <= most),
            Form::Number => read::number(text).is_some(),
            Form::Decimal => read::is_decimal(text),
            Form::Chance => read::is_chance(text),
            Form::Time => read::time(text).is_ok(),
            Form::Size => read::size(text).is_ok(),
            Form::Rate => read::rate(text).is_ok(),
            Form::Bytes => read::is_bytes(text),
            Form::Choice(choices) => read::is_choice(choices, text),
            Form::Text | Form::Pattern | Form::Own(_) => true,
        }
    }
}

/// A checked option value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An optional option that was not given.
    None,
    /// See [`Form::Flag`].
    Flag(bool),
    /// See [`Form::Count`] and [`Form::UpTo`].
    Count(u64),
    /// See [`Form::Number`].
    Number(i64),
    /// See [`Form::Decimal`].
    Decimal(f64),
    /// See [`Form::Chance`].
    Chance(Chance),
    /// See [`Form::Time`].
    Time(Duration),
    /// See [`Form::Size`].
    Size(Size),
    /// See [`Form::Rate`].
    Rate(Rate),
    /// See [`Form::Text`] and [`Form::Own`].
    Text(String),
    /// See [`Form::Bytes`].
    Bytes(Bytes),
    /// See [`Form::Pattern`].
    Pattern(Pattern),
    /// See [`Form::Choice`]: the place of the choice in its table.
    Choice(usize),
    /// The values of a repeated option, in order.
    List(Vec<Value>),
}

/// A probability from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Chance(pub f64);

/// A field by its name, such as `checksum`, and which of those of the name: `tlv-value#2` is the
/// second. Whether there is one is up to the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// The protocol's name for it.
    pub name: String,
    /// The number of the field among those of its name, from 1.
    pub nth: usize,
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// Bytes a second, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u64);

impl Rate {
    /// Returns the time that this many bytes take at this rate.
    pub fn time_for(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.0.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Returns the number of bytes that pass at this rate in this time.
    pub fn bytes_in(self, time: Duration) -> u64 {
        let bytes = time.as_nanos().saturating_mul(u128::from(self.0)) / 1_000_000_000;
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// A regular expression over bytes; searching takes linear time.
///
/// Clones share it, with the memory that it searches in: one for each connection costs nothing.
#[derive(Clone)]
pub struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles an expression. It is matched against bytes; `(?-u)` allows any byte.
    ///
    /// # Errors
    ///
    /// The fault of the expression, in one line.
    pub fn new(text: &str) -> Result<Self, String> {
        let compiled = RegexBuilder::new(text).size_limit(1 << 20).build();
        compiled.map(|regex| Self(Arc::new(regex))).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                format!("not a pattern: {}", last.trim_start_matches("error: "))
            }
        })
    }

    /// Compiles a glob over a whole text: `*` stands for any run, `?` for one character.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`]; only a very long glob can fail.
    pub fn glob(text: &str) -> Result<Self, String> {
        let mut pattern = String::from("(?s)^");
        for character in text.chars() {
            match character {
                '*' => pattern.push_str(".*"),
                '?' => pattern.push('.'),
                other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        pattern.push('$');
        Self::new(&pattern)
    }

    /// Returns `true` if the pattern occurs in `bytes`.
    pub fn is_match(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Returns the places at which the pattern occurs in `bytes`, from the left, without overlaps.
    pub fn find_all<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.find_iter(bytes).map(|found| found.range())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.0.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

fn flag(text: &str) -> Result<bool, String> {
    read::flag(text).ok_or_else(|| "expected yes or no".to_owned())
}

fn count(text: &str) -> Result<u64, String> {
    read::count(text).ok_or_else(|| "expected a whole number".to_owned())
}

fn up_to(most: u64, text: &str) -> Result<u64, String> {
    let number = read::count(text).filter(|number| *number <= most);
    number.ok_or_else(|| format!("expected a whole number from 0 to {most}"))
}

fn number(text: &str) -> Result<i64, String> {
    read::number(text).ok_or_else(|| "expected a whole number, such as 503 or -32000".to_owned())
}

fn decimal(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number
        .filter(|_| read::is_decimal(text))
        .ok_or_else(|| "expected a number such as 1.5 or -2".to_owned())
}

fn chance(text: &str) -> Result<f64, String> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 100.0),
        None => (text, 1.0),
    };
    let share = number.parse::<f64>().ok().filter(|_| read::is_decimal(number));
    match share {
        Some(share) if read::is_chance(text) => Ok(share / scale),
        Some(share) if share > 100.0 && scale > 1.0 => Err("more than 100 %".to_owned()),
        share => {
            let wrong = "expected a number from 0 to 1 or a percentage".to_owned();
            let meant = share.is_some_and(|share| (1.0..=100.0).contains(&share) && scale == 1.0);
            Err(if meant { format!("{wrong}; did you mean {text}%?") } else { wrong })
        }
    }
}

fn time(text: &str) -> Result<u64, String> {
    let expected = "a time such as 250ms, 1.5s or 2 (seconds)";
    read::time(text).map_err(|wrong| told(wrong, text, read::TIMES, expected))
}

fn size(text: &str) -> Result<u64, String> {
    let expected = "a size such as 512, 64KiB or 1MB";
    read::size(text).map_err(|wrong| told(wrong, text, read::SIZES, expected))
}

fn rate(text: &str) -> Result<u64, String> {
    let expected = "a rate with its unit, such as 100kB/s, 1MiB/s or 8Mbit/s";
    let amount = text.strip_suffix("/s").unwrap_or(text);
    read::rate(text).map_err(|wrong| told(wrong, amount, read::RATES, expected))
}

fn bytes(text: &str) -> Result<Bytes, String> {
    if let Some(digits) = text.strip_prefix("0x") {
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair: &[u8]| read::hex(*pair.first()?, *pair.get(1)?);
        let bytes = pairs.map(byte).collect::<Option<_>>();
        return bytes.ok_or_else(|| "expected pairs of hex digits after 0x".to_owned());
    }
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while at < text.len() {
        let (byte, behind) = read::byte(text.as_bytes(), at)?;
        bytes.push(byte);
        at = behind;
    }
    Ok(bytes.into())
}

/// Says why a text is no number with a unit.
fn told(wrong: Wrong, text: &str, units: &[Factor], expected: &str) -> String {
    let unit = text[read::amount_end(text.as_bytes())..].trim_ascii_start();
    match (wrong, near_unit(unit, units)) {
        (Wrong::Form, _) => format!("expected {expected}"),
        (Wrong::Unit, Some(near)) => format!("unknown unit {unit:?}; did you mean {near}?"),
        (Wrong::Unit, None) => format!("unknown unit {unit:?}; expected {expected}"),
        (Wrong::Large, _) => "the number is too large".to_owned(),
        (Wrong::Zero, _) => "a rate must be at least 1B/s; to stop all data use hang".to_owned(),
    }
}

/// Returns the units that somebody means with one that is none of them.
fn near_unit(unit: &str, units: &[Factor]) -> Option<&'static str> {
    let near = match unit {
        "k" | "K" | "kb" | "Kb" | "kib" => "kB or KiB",
        "M" | "mb" | "Mb" | "mib" => "MB or MiB",
        "G" | "g" | "gb" | "Gb" | "gib" => "GB or GiB",
        "b" => "B",
        "sec" | "secs" | "second" | "seconds" | "S" => "s",
        "msec" | "millis" | "MS" | "Ms" => "ms",
        _ => return None,
    };
    let first = near.split(' ').next();
    units.iter().any(|(name, _)| Some(*name) == first).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(form: Form, text: &str) -> String {
        form.parse(text).expect_err(text)
    }

    #[test]
    fn times_are_exact() {
        for (text, nanos) in [
            ("2", 2_000_000_000),
            ("1.5", 1_500_000_000),
            (".5s", 500_000_000),
            ("250ms", 250_000_000),
            ("0.1us", 100),
            ("0.0000000019s", 1),
            ("1 m", 60_000_000_000),
            ("18446744073.709551615", u64::MAX),
        ] {
            assert_eq!(Form::Time.parse(text), Ok(Value::Time(Duration::from_nanos(nanos))));
        }
        for text in ["", "s", "-1", "+1", "1e3", "1.2.3", ".", "\u{0661}", "1s2"] {
            assert!(Form::Time.parse(text).is_err(), "{text:?}");
        }
        assert_eq!(fault(Form::Time, "soon"), "expected a time such as 250ms, 1.5s or 2 (seconds)");
        assert_eq!(fault(Form::Time, "5sec"), "unknown unit \"sec\"; did you mean s?");
        assert_eq!(fault(Form::Time, &"9".repeat(1_000)), "the number is too large");
        assert!(fault(Form::Time, "5k").contains("expected a time"));
        assert_eq!(fault(Form::Time, "18446744073.709551616"), "the number is too large");
    }

    #[test]
    fn sizes_and_rates_never_guess_bits_and_bytes() {
        assert_eq!(Form::Size.parse("64KiB"), Ok(Value::Size(Size(65_536))));
        assert_eq!(Form::Size.parse("1.5kB"), Ok(Value::Size(Size(1_500))));
        assert_eq!(Form::Size.parse("512"), Ok(Value::Size(Size(512))));
        assert_eq!(fault(Form::Size, "64k"), "unknown unit \"k\"; did you mean kB or KiB?");
        assert_eq!(Form::Rate.parse("1MiB/s"), Ok(Value::Rate(Rate(1 << 20))));
        assert_eq!(Form::Rate.parse("8Mbit/s"), Ok(Value::Rate(Rate(1_000_000))));
        assert!(fault(Form::Rate, "100").contains("with its unit"));
        assert!(fault(Form::Rate, "100/s").contains("with its unit"));
        assert!(fault(Form::Rate, "0B/s").contains("use hang"));
        assert!(fault(Form::Rate, "1Mb/s").contains("MB or MiB"));
    }

    #[test]
    fn chances_are_shares_or_percentages() {
        assert_eq!(Form::Chance.parse("30%"), Ok(Value::Chance(Chance(0.3))));
        assert_eq!(Form::Chance.parse("0.25"), Ok(Value::Chance(Chance(0.25))));
        assert_eq!(Form::Chance.parse("1"), Ok(Value::Chance(Chance(1.0))));
        assert!(fault(Form::Chance, "30").ends_with("did you mean 30%?"));
        for text in ["101%", "-1", "NaN", "inf", "", "%", "1e-3"] {
            assert!(Form::Chance.parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn bytes_are_hex_or_escaped() {
        let of = |text: &str| Form::Bytes.parse(text);
        assert_eq!(of("0x0d0A"), Ok(Value::Bytes(Bytes::from_static(b"\r\n"))));
        assert_eq!(of(r"a\r\n\x00\\"), Ok(Value::Bytes(Bytes::from_static(b"a\r\n\0\\"))));
        for text in ["0x0", "0xgg", r"\", r"\q", r"\x1", r"\x\u{e9}"] {
            assert!(of(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn patterns_say_what_is_wrong_in_one_line() {
        assert_eq!(fault(Form::Pattern, "(a"), "not a pattern: unclosed group");
        assert_eq!(fault(Form::Pattern, r"\w{1000}{1000}"), "the pattern is too large");
        let glob = Pattern::glob("get.*/v?").unwrap();
        assert!(glob.is_match(b"get.users/v1"));
        assert!(!glob.is_match(b"getxusers/v1"));
        assert!(!glob.is_match(b"get.users/v12"));
    }

    #[test]
    fn the_compiler_takes_what_users_may_write() {
        let forms = [
            Form::Flag,
            Form::Count,
            Form::UpTo(255),
            Form::Number,
            Form::Decimal,
            Form::Chance,
            Form::Time,
            Form::Size,
            Form::Rate,
            Form::Bytes,
        ];
        let texts = [
            "",
            "yes",
            "no",
            "1",
            "0",
            "007",
            "255",
            "256",
            "-1",
            "+1",
            "--1",
            "-",
            "1.5",
            "-1.5",
            ".5",
            "5.",
            ".",
            "-.",
            "1e3",
            "nan",
            "inf",
            "1%",
            "100%",
            "100.0%",
            "100.01%",
            "1.00",
            "1.01",
            "0.25",
            "%",
            "5s",
            "5 ms",
            "5sec",
            "5\u{b5}s",
            "64KiB",
            "64k",
            "1MiB/s",
            "8Mbit/s",
            "7bit/s",
            "100/s",
            "0B/s",
            "/s",
            "0x0d0a",
            "0x0",
            "0xgg",
            r"\r\n",
            r"\",
            r"\q",
            r"\x1",
            r"\xff",
            "\u{e9}",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "9223372036854775808",
            "18446744073.709551615",
            "18446744073.709551616",
            "99999999999999999999999999999999999999999999",
        ];
        for form in forms {
            for text in texts {
                assert_eq!(form.may_be(text), form.parse(text).is_ok(), "{form:?} {text:?}");
            }
        }
        assert!(Form::Pattern.may_be("(a"));
    }

    #[test]
    fn flags_and_counts() {
        assert_eq!(Form::Flag.parse("on"), Ok(Value::Flag(true)));
        assert_eq!(Form::Flag.parse("0"), Ok(Value::Flag(false)));
        assert!(Form::Flag.parse("maybe").is_err());
        assert_eq!(Form::Count.parse("12"), Ok(Value::Count(12)));
        for text in ["+1", "-1", "", "1.0", "99999999999999999999"] {
            assert!(Form::Count.parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Form::Number.parse("-32000"), Ok(Value::Number(-32_000)));
        for text in ["+1", "--1", "-", "", "1.0", "99999999999999999999"] {
            assert!(Form::Number.parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn rates_convert_both_ways() {
        assert_eq!(Rate(1_000).time_for(1_500), Duration::from_millis(1_500));
        assert_eq!(Rate(1_000_000).bytes_in(Duration::from_millis(5)), 5_000);
        assert_eq!(Rate(u64::MAX).bytes_in(Duration::MAX), u64::MAX);
    }
}
