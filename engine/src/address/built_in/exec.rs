//! `exec:`, a program that is started for each connection.

use super::{Kind, Make, ObjectField, Objects, Use};
use crate::address::arguments::Arguments;
use crate::address::canonical::Canonical;
use crate::address::command;
use crate::address::error::{Code, Fault, quoted};
use crate::address::fields::{Field, Fields};
use crate::address::model::Place;
use crate::address::notation::Notation;
use crate::address::tokens::Piece;
use crate::address::usage::Usage;
use crate::address::{Connect, Target};
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommandLine(pub(crate) Vec<String>);

pub(super) const KIND: Kind = Kind {
    names: &["exec"],
    instead: "to listen on standard input and output use stdio:",
    listen: None,
    connect: Some(Use {
        usage: Usage {
            about: "A program, started per connection; all after the colon is its command line.",
            example: "exec:npx -y some-server",
            positionals: &["command"],
            parameters: &[],
            surplus: None,
        },
        notation: Notation { typed: line, object: words, ..Notation::PLAIN },
        make: Make::Place(connect),
    }),
    objects: Objects::Canonical(&[ObjectField {
        name: "command",
        about: "A command line, or its words.",
        is_list: true,
    }]),
};

/// Takes all that stands behind the colon.
fn line(given: &mut Arguments, rest: Option<Piece<'_>>) -> Result<(), Fault> {
    let Some(rest) = rest else { return Ok(()) };
    let whole = rest.start - given.kind.len() - 1..rest.place().end;
    add(given, command::words(rest)?, &whole)
}

/// Takes a command line, or its words.
fn words(given: &mut Arguments, fields: &mut Fields) -> Result<(), Fault> {
    let Some(field) = fields.take("command") else { return Ok(()) };
    let place = field.place.clone();
    let words = match &field.value {
        Value::Array(words) => {
            let word = |value: &Value| {
                Field { value: value.clone(), ..field.clone() }.text().map(|(text, _)| text)
            };
            words.iter().map(word).collect::<Result<_, _>>()?
        }
        _ => {
            let (text, place) = field.text()?;
            let words = command::words(Piece { text: &text, start: 0 });
            words.map_err(|fault| Fault { place, ..fault })?
        }
    };
    given.end = place.clone();
    add(given, words, &place)
}

fn add(given: &mut Arguments, words: Vec<String>, place: &Range<usize>) -> Result<(), Fault> {
    words.into_iter().try_for_each(|word| given.add("command", word, place.clone()))
}

fn connect(given: &mut Arguments) -> Result<Connect, Fault> {
    let words = given.take_all("command");
    if words.first().is_none_or(|word| word.value.is_empty()) {
        let message = "exec needs a command, as in exec:npx -y some-server";
        return Err(Fault::new(Code::MissingCommand, given.end.clone(), message));
    }
    if let Some(word) = words.iter().find(|word| word.value.contains('\0')) {
        let message = format!("command: {} has a zero byte in it", quoted(&word.value));
        return Err(Fault::new(Code::BadValue, word.place.clone(), message));
    }
    let words = words.into_iter().map(|word| word.value).collect();
    Ok(Connect::new(Target::new(CommandLine(words))))
}

impl Place for CommandLine {
    fn canonical(&self, form: &mut Canonical) {
        form.kind("exec");
        form.field("command", self.0.clone());
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exec:{}", self.0.join(" "))
    }
}
