//! Work of the compiler on a declaration: the check of names and defaults.

use super::Directions;
use crate::name::{is_name, same};
use crate::options::OptionSpec;

/// The name of an option: the first that is given, with hyphens for underscores.
#[doc(hidden)]
#[macro_export]
macro_rules! option_name {
    ($($name:expr),+) => {{
        const NAME: &str = $crate::private::plain($crate::private::first(&[$($name),+]));
        const BYTES: [u8; NAME.len()] = $crate::private::kebab(NAME);
        const TEXT: &str = $crate::private::kebab_text(&BYTES, NAME);
        TEXT
    }};
}

/// The direction after a plug-in's name, or both.
pub const fn directions_or_both(given: &[Directions]) -> Directions {
    if given.is_empty() { Directions::Both } else { given[0] }
}

/// The first of some texts.
pub const fn first(texts: &[&'static str]) -> &'static str {
    assert!(!texts.is_empty(), "an option has neither a default nor an example");
    texts[0]
}

/// The first of some texts, if any.
pub const fn first_of(texts: &[&'static str]) -> Option<&'static str> {
    if texts.is_empty() { None } else { Some(texts[0]) }
}

/// Words for each mistake in an option.
#[allow(missing_debug_implementations)]
pub struct Told {
    /// Its name cannot be typed.
    pub name: &'static str,
    /// Its default is no value of it.
    pub default: &'static str,
    /// Its example is no value of it.
    pub example: &'static str,
}

/// Stops the compiler where a name cannot be typed, or a default or an example cannot be read.
#[track_caller]
pub const fn sound(name: &str, wrong_name: &str, options: &[OptionSpec], told: &[Told]) {
    assert!(is_name(name), "{}", wrong_name);
    let mut at = 0;
    while at < options.len() {
        let option = &options[at];
        assert!(is_name(option.name), "{}", told[at].name);
        if let Some(default) = option.default {
            assert!(option.may_be(default), "{}", told[at].default);
        }
        assert!(option.may_be(option.example), "{}", told[at].example);
        let mut before = 0;
        while before < at {
            let twice = same(options[before].name.as_bytes(), option.name.as_bytes());
            assert!(!twice, "two options of a plug-in have one name");
            before += 1;
        }
        at += 1;
    }
}
