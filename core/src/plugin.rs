//! What every plug-in says about itself, and the macro that writes it.

use crate::options::{OptionSpec, Values};
use crate::value::{Chance, FieldName, Form, OwnForm, Pattern, Rate, Size, Value};
use bytes::Bytes;
use std::time::Duration;

/// What every plug-in says about itself; written by [`plugin!`](crate::plugin!).
pub trait Plugin: Sized {
    /// Its name in configurations, in kebab-case.
    const NAME: &'static str;
    /// Its documentation, as written; the first line is its summary.
    const ABOUT: &'static str;
    /// The directions in which a behavior acts unless a rule says otherwise.
    const DIRECTIONS: Directions;
    /// Its options.
    const OPTIONS: &'static [OptionSpec];

    /// Builds it from checked values.
    fn configure(values: &Values) -> Self;
}

/// One direction, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Directions {
    /// Source to backend.
    Upstream,
    /// Backend to source.
    Downstream,
    /// Each way, with a state of its own each.
    Both,
}

impl Directions {
    /// Whether `direction` is one of them.
    pub fn include(self, direction: crate::Direction) -> bool {
        match self {
            Directions::Upstream => direction == crate::Direction::Upstream,
            Directions::Downstream => direction == crate::Direction::Downstream,
            Directions::Both => true,
        }
    }

    /// The word for it in options and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Directions::Upstream => "upstream",
            Directions::Downstream => "downstream",
            Directions::Both => "both",
        }
    }
}

/// A type that can be a plug-in's option.
pub trait FromValue: Sized {
    /// The form its text takes.
    const FORM: Form;
    /// Whether it may be left unset.
    const OPTIONAL: bool = false;
    /// Whether it may be given more than once.
    const REPEATED: bool = false;

    /// Takes it out of a value of that form.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty => $form:ident),+ $(,)?) => {$(
        impl FromValue for $type {
            const FORM: Form = Form::$form;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$form(inner) => Some(inner.clone()),
                    _ => None,
                }
            }
        }
    )+};
}

from_value! {
    bool => Flag,
    u64 => Count,
    i64 => Number,
    Chance => Chance,
    Duration => Time,
    Size => Size,
    Rate => Rate,
    String => Text,
    Bytes => Bytes,
    Pattern => Pattern,
}

impl Written for FieldName {
    const NAME: &'static str = "field";

    fn read(text: &str) -> Result<Self, String> {
        let (name, nth) = match text.split_once('#') {
            Some((name, number)) => (name, number.parse().ok().filter(|nth| *nth > 0)),
            None => (text, Some(1)),
        };
        let nth = nth.ok_or("expected a field such as checksum or tlv-value#2")?;
        Ok(FieldName { name: name.to_owned(), nth })
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const FORM: Form = T::FORM;
    const OPTIONAL: bool = true;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::None => Some(None),
            value => T::from_value(value).map(Some),
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const FORM: Form = T::FORM;
    const REPEATED: bool = true;

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::List(values) => values.iter().map(T::from_value).collect(),
            _ => None,
        }
    }
}

/// A type of a plug-in's own that can be an option: it is written as text and reads itself.
pub trait Written: Sized {
    /// The placeholder for it in help texts.
    const NAME: &'static str;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// What was expected instead, such as `expected an address such as 203.0.113.7`.
    fn read(text: &str) -> Result<Self, String>;
}

impl<T: Written> FromValue for T {
    const FORM: Form = Form::Own(&OwnForm { name: T::NAME, check: |text| T::read(text).map(drop) });

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => T::read(text).ok(),
            _ => None,
        }
    }
}

/// Declares a plug-in: its struct, its name, its options and their documentation in one place.
///
/// Each field is an option and needs a doc comment; `= "1s"` is its default as a user would write
/// it, `= like "1s"` says that it must be given, and `= like "1s" "0s"` shows in examples another
/// value than the default. `as "name"` gives the option another name than
/// its field, `in &["a", "b"]` lists the only texts allowed, an `Option` may be `"none"`, and a
/// `Vec` takes one value each time it is given. Types of one's own implement [`Written`](crate::Written).
/// Fields after a lone `;` are state: no options, and born from [`Default`]. A behavior that acts
/// in one direction unless told otherwise says so after its name: `"abort", Upstream`.
///
/// Instances are clones of one that was configured for the rule, so an [`Arc`](std::sync::Arc)
/// in the state is shared by all connections of a rule, and everything else is not.
#[macro_export]
macro_rules! plugin {
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $plugin:ident = $name:literal $(, $directions:ident)? {
            $(
                $(#[doc = $help:literal])+
                $field:ident $(as $given:literal)? : $type:ty =
                    $(like $example:literal)? $($default:literal)? $(in $choices:expr)?
            ),* $(,)?
            $(; $( $(#[$attribute:meta])* $state:ident : $state_type:ty ),* $(,)? )?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $visibility struct $plugin {
            $( $(#[doc = $help])+ pub $field: $type, )*
            $( $( $(#[$attribute])* $state: $state_type, )* )?
        }

        impl $crate::Plugin for $plugin {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = concat!($($about, "\n"),+);
            const DIRECTIONS: $crate::Directions =
                $crate::private::directions_or_both(&[$($crate::Directions::$directions)?]);
            const OPTIONS: &'static [$crate::OptionSpec] = &[
                $( $crate::OptionSpec {
                    name: $crate::private::first(&[$($given,)? stringify!($field)]),
                    help: concat!($($help, "\n"),+),
                    form: <$type as $crate::FromValue>::FORM,
                    optional: <$type as $crate::FromValue>::OPTIONAL,
                    repeated: <$type as $crate::FromValue>::REPEATED,
                    default: $crate::private::first_of(&[$($default)?]),
                    example: $crate::private::first(&[$($example,)? $($default,)?]),
                    choices: $crate::private::choices(&[$($choices)?]),
                }, )*
            ];

            #[allow(unused_variables)]
            fn configure(values: &$crate::Values) -> Self {
                Self {
                    $( $field: values
                        .get($crate::private::first(&[$($given,)? stringify!($field)])), )*
                    $( $( $state: ::core::default::Default::default(), )* )?
                }
            }
        }
    };
}

/// The direction after a plug-in's name, or both.
pub const fn directions_or_both(given: &[Directions]) -> Directions {
    if given.is_empty() { Directions::Both } else { given[0] }
}

/// The first of some texts.
pub const fn first(texts: &[&'static str]) -> &'static str {
    texts[0]
}

/// The first of some texts, if any.
pub const fn first_of(texts: &[&'static str]) -> Option<&'static str> {
    if texts.is_empty() { None } else { Some(texts[0]) }
}

/// The list of choices, or an empty one.
pub const fn choices(given: &[&'static [&'static str]]) -> &'static [&'static str] {
    if given.is_empty() { &[] } else { given[0] }
}

/// A doc comment as one line of text.
pub(crate) fn one_line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The paragraphs of a doc comment, each as one line.
pub(crate) fn paragraphs(doc: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in doc.lines().map(str::trim) {
        let last = paragraphs.len() - 1;
        match (line, paragraphs[last].as_str()) {
            ("", "") => {}
            ("", _) => paragraphs.push(String::new()),
            (line, "") => paragraphs[last].push_str(line),
            (line, _) => {
                paragraphs[last].push(' ');
                paragraphs[last].push_str(line);
            }
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

#[cfg(test)]
mod tests {
    use super::*;

    plugin! {
        /// Tries everything.
        ///
        /// Twice.
        struct Sample = "sample", Upstream {
            /// How long
            /// to hold.
            sleep: Duration = "250ms",
            /// What to look for.
            looking_for as "match": Pattern = like "GET",
            /// Which way.
            how: String = "flip" in &["flip", "zero"],
            /// From where.
            at: Option<Size> = "none",
            /// Some more.
            more: Vec<u64> = "none",
            /// Yes or even.
            parity: Parity = "even",
            ;
            count: u64,
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    enum Parity {
        Even,
        Odd,
    }

    impl Written for Parity {
        const NAME: &'static str = "parity";

        fn read(text: &str) -> Result<Self, String> {
            match text {
                "even" => Ok(Parity::Even),
                "odd" => Ok(Parity::Odd),
                _ => Err("expected even or odd".to_owned()),
            }
        }
    }

    #[test]
    fn what_is_repeated_adds_up_and_what_is_written_reads_itself() {
        let of = |given: &[(&str, &str)]| {
            let given = given.iter().copied().chain([("match", "x")]);
            Values::parse(Sample::OPTIONS, given).map(|values| Sample::configure(&values))
        };
        let sample = of(&[("more", "3"), ("more", "1"), ("parity", "odd")]).unwrap();
        assert_eq!((sample.more, sample.parity), (vec![3, 1], Parity::Odd));
        let sample = of(&[]).unwrap();
        assert_eq!((sample.more, sample.parity), (Vec::new(), Parity::Even));
        let wrong = of(&[("parity", "odder")]).unwrap_err().to_string();
        assert_eq!(wrong, r#"option "parity": expected even or odd"#);
        assert!(of(&[("more", "3"), ("more", "x")]).is_err());
        assert!(of(&[("at", "3"), ("at", "4")]).is_err());
    }

    #[test]
    fn the_table_says_what_the_struct_says() {
        let names: Vec<_> = Sample::OPTIONS.iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["sleep", "match", "how", "at", "more", "parity"]);
        assert_eq!(Sample::DIRECTIONS, Directions::Upstream);
        assert_eq!(paragraphs(Sample::ABOUT), ["Tries everything.", "Twice."]);
        assert_eq!(Sample::OPTIONS[0].summary(), "How long to hold.");
        assert_eq!(Sample::OPTIONS[1].default, None);
        assert_eq!(Sample::OPTIONS[1].example, "GET");
        assert_eq!(Sample::OPTIONS[2].choices, ["flip", "zero"]);

        let values = Values::parse(Sample::OPTIONS, [("match", "a+"), ("at", "7")]).unwrap();
        let sample = Sample::configure(&values);
        assert_eq!(sample.sleep, Duration::from_millis(250));
        assert_eq!((sample.at, sample.count), (Some(Size(7)), 0));
        assert!(sample.looking_for.is_match(b"caat"));
        assert_eq!(sample.how, "flip");
    }
}
