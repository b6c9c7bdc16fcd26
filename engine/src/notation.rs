//! The mini-language of one-line forms: parts between colons, `key=value`, a backslash to quote.
//!
//! It only cuts text into parts; it never knows what they mean.

use chenapan_core::{Form, OptionSpec};
use std::fmt;
use std::time::Duration;

/// One part of a one-line form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Text before the first unquoted `=`, if there is one.
    pub(crate) key: Option<String>,
    /// The rest, with the quoting taken off.
    pub value: String,
}

/// Cuts a text at `separator`s.
///
/// A backslash takes the next character as it is; inside `[ ]` nothing separates.
pub fn parts(text: &str, separator: char) -> Result<Vec<Part>, NotationError> {
    pieces(text, separator)?.into_iter().map(part).collect()
}

/// Cuts a text at `separator`s and leaves all quoting where it is.
pub(crate) fn pieces(text: &str, separator: char) -> Result<Vec<&str>, NotationError> {
    let mut pieces = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if characters.next().is_none() => return Err(NotationError::Backslash),
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            found if found == separator && depth == 0 => {
                pieces.push(&text[start..at]);
                start = at + found.len_utf8();
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(NotationError::Bracket);
    }
    pieces.push(&text[start..]);
    Ok(pieces)
}

/// Options as written, in order; a flag of the table may stand alone.
///
/// The error is the part that is no option.
pub fn given(
    parts: impl IntoIterator<Item = Part>,
    table: &[OptionSpec],
) -> Result<Vec<(String, String)>, String> {
    let flag = |name: &str| table.iter().any(|spec| spec.name == name && spec.form == Form::Flag);
    let mut given: Vec<(String, String)> = Vec::new();
    for part in parts {
        match part.key {
            Some(key) => given.push((key, part.value)),
            None if flag(&part.value) => given.push((part.value, "yes".to_owned())),
            None => {
                let hint = hint(&part.value, &given, table);
                return Err(format!("{:?}: expected option=value{hint}", part.value));
            }
        }
    }
    Ok(given)
}

/// Returns a hint at the option that a part was meant to be, for a part that is none.
fn hint(part: &str, before: &[(String, String)], table: &[OptionSpec]) -> String {
    let first = table.iter().find(|spec| spec.form != Form::Flag);
    let given = |spec: &OptionSpec| before.iter().any(|(name, _)| name == spec.name);
    match (first, before.last()) {
        (Some(first), _)
            if !given(first) && first.form != Form::Text && first.parse(part).is_ok() =>
        {
            format!("; write {}={part}", first.name)
        }
        // A value that was cut in two, such as a URL.
        (_, Some((option, value))) => {
            format!("; a colon inside a value is written \\:, as in {option}={value}\\:{part}")
        }
        (Some(first), None) => format!(", such as {}={}", first.name, first.example),
        (None, None) => String::new(),
    }
}

/// Adds those of `others` whose names are not among `given` yet.
pub fn complete(given: &mut Vec<(String, String)>, mut others: Vec<(String, String)>) {
    others.retain(|(option, _)| !given.iter().any(|(known, _)| known == option));
    given.append(&mut others);
}

fn part(piece: &str) -> Result<Part, NotationError> {
    let mut key = None;
    let mut value = String::with_capacity(piece.len());
    let mut characters = piece.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => value.push(characters.next().ok_or(NotationError::Backslash)?),
            '=' if key.is_none() => key = Some(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    Ok(Part { key, value })
}

/// A text that cannot be cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotationError {
    /// The text ends in a lone backslash.
    Backslash,
    /// A bracket is never closed.
    Bracket,
}

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotationError::Backslash => r"ends in a lone backslash; write \\ for one",
            NotationError::Bracket => r"a [ is never closed; write \[ for a plain one",
        })
    }
}

/// A time as people say it: `340ms`, `12.3s`, `2m 05s`, `1h 02m 05s`.
pub fn time(time: Duration) -> String {
    let millis = (time.as_secs_f64() * 1e3).round() as u64;
    let tenths = (time.as_secs_f64() * 10.0).round() as u64;
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        _ if millis < 1_000 => format!("{millis}ms"),
        _ if tenths < 600 => format!("{}.{}s", tenths / 10, tenths % 10),
        _ if seconds < 3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m {:02}s", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> Vec<(Option<String>, String)> {
        parts(text, ':').unwrap().into_iter().map(|part| (part.key, part.value)).collect()
    }

    fn pair(key: &str, value: &str) -> (Option<String>, String) {
        (Some(key.to_owned()), value.to_owned())
    }

    #[test]
    fn colons_separate_and_the_first_equals_sign_names() {
        assert_eq!(
            flat("delay:sleep=2s:a=b=c"),
            [(None, "delay".to_owned()), pair("sleep", "2s"), pair("a", "b=c")]
        );
        assert_eq!(flat(""), [(None, String::new())]);
    }

    #[test]
    fn backslashes_and_brackets_keep_colons() {
        assert_eq!(flat(r"text=a\:b\=c\\"), [pair("text", r"a:b=c\")]);
        assert_eq!(flat("source=[2001:db8::]/32"), [pair("source", "[2001:db8::]/32")]);
        assert_eq!(flat(r"match=\[a:b"), [pair("match", "[a"), (None, "b".to_owned())]);
    }

    #[test]
    fn what_is_left_open_is_an_error() {
        assert_eq!(parts(r"a\", ':'), Err(NotationError::Backslash));
        assert_eq!(parts("a=[b:c", ':'), Err(NotationError::Bracket));
    }
}
