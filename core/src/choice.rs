//! One of a few texts, and the one that somebody meant.

use crate::nearest::nearest;
use crate::synonyms::instead;
use crate::text::one_line;

/// One of the texts that an option may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Choice {
    /// The text.
    pub text: &'static str,
    /// Other texts that mean it and that no documentation shows.
    pub aliases: &'static [&'static str],
    /// Its documentation, as written.
    pub help: &'static str,
}

impl Choice {
    /// A text with others that mean it, and its documentation.
    pub const fn new(
        text: &'static str,
        aliases: &'static [&'static str],
        help: &'static str,
    ) -> Self {
        Self { text, aliases, help }
    }

    /// Its documentation in one line.
    pub fn summary(&self) -> String {
        one_line(self.help)
    }
}

/// Returns the place of the choice that a text names.
pub(crate) fn find(choices: &[Choice], text: &str) -> Result<usize, String> {
    let names = |choice: &Choice| choice.text == text || choice.aliases.contains(&text);
    choices.iter().position(names).ok_or_else(|| {
        let known: Vec<_> = choices.iter().map(|choice| choice.text).collect();
        let known = known.join(", ");
        match meant(choices, text) {
            Some(near) => format!("{text:?} is none of {known}; did you mean {near:?}?"),
            None => format!("{text:?} is none of {known}"),
        }
    })
}

/// The choice that somebody means with a text that is none: one that looks like it, one that it
/// abbreviates, or one that other tools call so.
fn meant(choices: &[Choice], text: &str) -> Option<&'static str> {
    let texts = || choices.iter().map(|choice| choice.text);
    let longer = || texts().filter(|choice| text.len() > 1 && choice.starts_with(text));
    let elsewhere = || {
        let written = instead(text)?;
        let words = || written.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
        texts().find(|choice| words().any(|word| word == *choice))
    };
    nearest(text, texts())
        .or_else(|| longer().next().filter(|_| longer().count() == 1))
        .or_else(elsewhere)
}
