//! Options tables, and the check of what a user gave against them.

use crate::choice::Choice;
use crate::from_value::FromValue;
use crate::name::{is_name, same};
use crate::nearest::nearest;
use crate::synonyms::instead;
use crate::value::{Form, Value};
use std::fmt;

/// One row of a plug-in's options table, written by [`plugin!`](crate::plugin!).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OptionSpec {
    /// Its name, in kebab-case.
    pub name: &'static str,
    /// Its documentation, as written.
    pub help: &'static str,
    /// The form that the option's text must have.
    pub form: Form,
    /// Set when the option may be left unset, written `none`.
    pub optional: bool,
    /// Set when the option may be given more than once; `none` is then the empty list.
    pub repeated: bool,
    /// The value that holds where nothing is given; none where one must be given.
    pub default: Option<&'static str>,
    /// A value as a user would write it.
    pub example: &'static str,
}

impl OptionSpec {
    /// An option that must be given, with a value as a user would write it.
    ///
    /// ```
    /// use chenapan_core::{Form, OptionSpec};
    ///
    /// const SLEEP: OptionSpec =
    ///     OptionSpec::new("sleep", " Time to wait.", Form::Time, "1s").optional().default("none");
    /// assert!(SLEEP.may_be("none") && SLEEP.may_be("250ms") && !SLEEP.may_be("fast"));
    /// ```
    pub const fn new(
        name: &'static str,
        help: &'static str,
        form: Form,
        example: &'static str,
    ) -> Self {
        let (optional, repeated) = (false, false);
        Self { name, help, form, optional, repeated, default: None, example }
    }

    /// Returns the option with a value that holds where nothing is given.
    #[must_use]
    pub const fn default(self, text: &'static str) -> Self {
        Self { default: Some(text), ..self }
    }

    /// Returns the option as one that may be left unset, written `none`.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    /// Returns the option as one that may be given more than once.
    #[must_use]
    pub const fn repeated(self) -> Self {
        Self { repeated: true, ..self }
    }

    /// Returns the option as the type of a plug-in's field has it.
    #[doc(hidden)]
    pub const fn with(self, optional: bool, repeated: bool, default: Option<&'static str>) -> Self {
        Self { optional, repeated, default, ..self }
    }

    /// Reads a text as this option's value.
    ///
    /// # Errors
    ///
    /// The expected form, without the option's name.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        if text == "none" && (self.optional || self.repeated) {
            return Ok(if self.repeated { Value::List(Vec::new()) } else { Value::None });
        }
        let value = self.form.parse(text)?;
        Ok(if self.repeated { Value::List(vec![value]) } else { value })
    }

    /// Returns `false` for a text that [`OptionSpec::parse`] refuses, as far as the compiler can tell;
    /// see [`Form::may_be`].
    pub const fn may_be(&self, text: &str) -> bool {
        let unset = (self.optional || self.repeated) && same(text.as_bytes(), b"none");
        unset || self.form.may_be(text)
    }

    /// Its choices; empty where any text of its form is allowed.
    pub fn choices(&self) -> &'static [Choice] {
        match self.form {
            Form::Choice(choices) => choices,
            _ => &[],
        }
    }

    /// The texts of its choices.
    pub fn texts(&self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        self.choices().iter().map(|choice| choice.text)
    }

    /// Its documentation in one line.
    pub fn summary(&self) -> String {
        crate::text::one_line(self.help)
    }
}

/// Checks that a plug-in's name and options can be written and read as they are documented.
///
/// # Errors
///
/// The first thing that cannot, in words for its author.
pub(crate) fn sound(name: &str, about: &str, table: &[OptionSpec]) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("{name:?} is no name: small letters, digits and hyphens are"));
    }
    if about.trim().is_empty() {
        return Err(format!("{name}: there is no documentation"));
    }
    for (at, spec) in table.iter().enumerate() {
        let option = spec.name;
        let wrong = |what: String| Err(format!("{name}, option {option:?}: {what}"));
        if !is_name(option) {
            return wrong("is no name: small letters, digits and hyphens are".to_owned());
        }
        if table[..at].iter().any(|other| other.name == option) {
            return wrong("there are two of this name".to_owned());
        }
        if spec.help.trim().is_empty() {
            return wrong("there is no documentation".to_owned());
        }
        let texts = [("default", spec.default), ("example", Some(spec.example))];
        for (which, text) in texts {
            if let Some(Err(fault)) = text.map(|text| spec.parse(text)) {
                return wrong(format!("its {which} is no value of it: {fault}"));
            }
        }
    }
    Ok(())
}

/// Checked and complete option values, in the order of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Values {
    named: Vec<(&'static str, Value)>,
}

impl Values {
    /// Checks what was given against a table and fills in the defaults.
    ///
    /// # Errors
    ///
    /// The first option that is unknown, given twice, missing or has a wrong value.
    pub fn parse<'a>(
        table: &'static [OptionSpec],
        given: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, OptionError> {
        let mut values: Vec<Option<Value>> = vec![None; table.len()];
        for (name, text) in given {
            let fail = |fault| OptionError { option: name.to_owned(), fault };
            let Some(at) = table.iter().position(|spec| spec.name == name) else {
                return Err(fail(Fault::unknown(name, table.iter().map(|spec| spec.name))));
            };
            let value = table[at].parse(text).map_err(|wrong| fail(Fault::Value(wrong)))?;
            match (&mut values[at], value) {
                (Some(Value::List(known)), Value::List(more)) => known.extend(more),
                (Some(_), _) => return Err(fail(Fault::Twice)),
                (place, value) => *place = Some(value),
            }
        }
        let named = table.iter().zip(values).map(|(spec, value)| {
            let fail = |fault| OptionError { option: spec.name.to_owned(), fault };
            let value = match (value, spec.default) {
                (Some(value), _) => value,
                (None, Some(text)) => {
                    spec.parse(text).map_err(|wrong| fail(Fault::Value(wrong)))?
                }
                (None, None) => return Err(fail(Fault::Missing(spec.example))),
            };
            Ok((spec.name, value))
        });
        Ok(Self { named: named.collect::<Result<_, _>>()? })
    }

    /// The value of an option of the table.
    ///
    /// # Panics
    ///
    /// If the table has no such option, or not of this type: `plugin!` writes both sides.
    pub fn get<T: FromValue>(&self, name: &str) -> T {
        self.read(name, T::from_value)
    }

    #[doc(hidden)]
    pub fn read<T>(&self, name: &str, read: fn(&Value) -> Option<T>) -> T {
        let found = self.named.iter().find(|(known, _)| *known == name);
        found
            .and_then(|(_, value)| read(value))
            .unwrap_or_else(|| panic!("option {name:?} is not in the table, or of another type"))
    }
}

/// An option that cannot be used as given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionError {
    /// The option's name, as given.
    pub option: String,
    /// The fault of the option.
    pub fault: Fault,
}

/// Fault of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no option of this name.
    Unknown {
        /// The known name that looks most like it.
        near: Option<&'static str>,
        /// All known names.
        known: Vec<&'static str>,
    },
    /// It was given twice.
    Twice,
    /// It must be given; an example of a value.
    Missing(&'static str),
    /// Its value is wrong: what was expected.
    Value(String),
}

impl Fault {
    /// The fault of a name that is none of `known`.
    pub fn unknown(name: &str, known: impl Iterator<Item = &'static str>) -> Self {
        let known: Vec<_> = known.collect();
        Fault::Unknown { near: nearest(name, known.iter().copied()), known }
    }
}

impl OptionError {
    /// An option with a fault.
    pub fn new(option: impl Into<String>, fault: Fault) -> Self {
        Self { option: option.into(), fault }
    }

    /// An option whose value is wrong: what was expected, or with what it does not go together.
    pub fn value(option: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self { option: option.into(), fault: Fault::Value(wrong.into()) }
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "option {:?}: ", self.option)?;
        match &self.fault {
            Fault::Missing(example) => {
                write!(f, "must be given, for example {}={example}", self.option)
            }
            Fault::Unknown { known, .. } if instead(&self.option).is_some() => {
                let written = instead(&self.option).unwrap_or_default();
                // The behavior may be right, and only its option have another name.
                let own = written.split([':', ' ']).find(|part| {
                    part.split_once('=').is_some_and(|(name, _)| known.contains(&name))
                });
                match own {
                    Some(own) => write!(f, "no such option; write {own}"),
                    None => write!(f, "no such option; {written}"),
                }?;
                match known.is_empty() {
                    true => Ok(()),
                    false => write!(f, "; known are {}", known.join(", ")),
                }
            }
            fault => fault.fmt(f),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Unknown { near: Some(near), .. } => {
                write!(f, "no such option; did you mean {near:?}?")
            }
            Fault::Unknown { known, .. } if known.is_empty() => {
                f.write_str("no such option; there are none")
            }
            Fault::Unknown { known, .. } => {
                write!(f, "no such option; known are {}", known.join(", "))
            }
            Fault::Twice => f.write_str("given twice"),
            Fault::Missing(example) => write!(f, "must be given, for example {example}"),
            Fault::Value(wrong) => f.write_str(wrong),
        }
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices;
    use crate::value::Size;
    use std::time::Duration;

    choices! {
        /// Change of a byte.
        enum How {
            /// One of its bits flips.
            Flip = "flip",
            /// It becomes 0.
            Zero = "zero",
        }
    }

    const TABLE: &[OptionSpec] = &[
        OptionSpec {
            name: "sleep",
            help: " How long.",
            form: Form::Time,
            optional: false,
            repeated: false,
            default: Some("1s"),
            example: "1s",
        },
        OptionSpec {
            name: "at",
            help: " Where.",
            form: Form::Size,
            optional: true,
            repeated: false,
            default: Some("none"),
            example: "1KiB",
        },
        OptionSpec {
            name: "how",
            help: " In which way.",
            form: How::FORM,
            optional: false,
            repeated: false,
            default: None,
            example: "flip",
        },
    ];

    fn error(given: &[(&str, &str)]) -> String {
        Values::parse(TABLE, given.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn defaults_fill_what_was_not_given() {
        let values = Values::parse(TABLE, [("how", "zero")]).unwrap();
        assert_eq!(values.get::<Duration>("sleep"), Duration::from_secs(1));
        assert_eq!(values.get::<Option<Size>>("at"), None);
        assert_eq!(values.get::<How>("how"), How::Zero);
        let values = Values::parse(TABLE, [("how", "zero"), ("at", "2")]).unwrap();
        assert_eq!(values.get::<Option<Size>>("at"), Some(Size(2)));
    }

    #[test]
    fn errors_name_the_option_and_what_would_do() {
        assert_eq!(
            error(&[("slep", "1")]),
            r#"option "slep": no such option; did you mean "sleep"?"#
        );
        assert_eq!(
            error(&[("colour", "1")]),
            r#"option "colour": no such option; known are sleep, at, how"#
        );
        assert_eq!(error(&[("at", "1"), ("at", "2")]), r#"option "at": given twice"#);
        assert_eq!(error(&[]), r#"option "how": must be given, for example how=flip"#);
        assert_eq!(
            error(&[("how", "flop")]),
            r#"option "how": "flop" is none of flip, zero; did you mean "flip"?"#
        );
    }

    #[test]
    fn what_cannot_be_written_or_read_is_not_sound() {
        let told = |name, spec: OptionSpec| sound(name, " Something.", &[spec]).unwrap_err();
        let good = TABLE[0];
        assert_eq!(sound("nap", " Naps.", TABLE), Ok(()));
        assert!(sound("my Bad:name", " Naps.", TABLE).unwrap_err().contains("is no name"));
        assert!(sound("nap", "", TABLE).unwrap_err().contains("no documentation"));
        let fast = OptionSpec { default: Some("fast"), ..good };
        assert!(told("nap", fast).contains("its default is no value of it"));
        let flop = OptionSpec { default: Some("flop"), ..TABLE[2] };
        assert!(told("nap", flop).contains("did you mean \"flip\"?"));
        assert!(told("nap", OptionSpec { name: "max_size", ..good }).contains("is no name"));
        assert!(told("nap", OptionSpec { help: " ", ..good }).contains("no documentation"));
        let twice = sound("nap", " Naps.", &[good, good]).unwrap_err();
        assert!(twice.contains("two of this name"), "{twice}");
    }
}
