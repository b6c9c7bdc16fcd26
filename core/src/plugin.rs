//! Description that every plug-in gives of itself, and the macro that writes it.

use crate::choices;
use crate::options::{OptionError, OptionSpec, Values};

/// Description that every plug-in gives of itself; written by [`plugin!`](crate::plugin!).
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

    /// Checks that the options make sense together; called once, after [`Plugin::configure`].
    ///
    /// # Errors
    ///
    /// The first option that does not go with the others.
    fn check(&self) -> Result<(), OptionError> {
        Ok(())
    }
}

choices! {
    /// One direction, or both.
    pub enum Directions {
        /// Source to backend.
        Upstream = "upstream",
        /// Backend to source.
        Downstream = "downstream",
        /// Each way, with a state of its own each.
        Both = "both",
    }
}

impl Directions {
    /// Returns `true` if `direction` is one of the directions.
    pub fn include(self, direction: crate::Direction) -> bool {
        match self {
            Directions::Upstream => direction == crate::Direction::Upstream,
            Directions::Downstream => direction == crate::Direction::Downstream,
            Directions::Both => true,
        }
    }
}

/// Declares a plug-in: its struct, its name, its options and their documentation in one place.
///
/// Each field is an option and needs a doc comment; `= "1s"` is its default as a user would write
/// it, `= like "1s"` says that it must be given, and `= like "1s" "0s"` shows in examples another
/// value than the default. `as "name"` gives the option another name than
/// its field, an `Option` may be `"none"`, and a `Vec` takes one value each time it is given. An option
/// that is one of a few texts has a type that [`choices!`](crate::choices!) declares; any other type of
/// one's own implements [`Written`](crate::Written).
/// Fields after a lone `;` are state: no options, and born from [`Default`]. A behavior that acts
/// in one direction unless told otherwise says so after its name: `"abort", Upstream`.
/// `check = This::check` behind the struct names the function that looks at all options together.
///
/// Instances are clones of one that was configured for the rule, so an [`Arc`](std::sync::Arc)
/// in the state is shared by all connections of a rule, and everything else is not.
///
/// ```
/// chenapan_core::plugin! {
///     /// Does this and that.
///     pub struct This = "this" {
///         /// How much of it.
///         max_size: u32 = "100",
///         ;
///         seen: u64,
///     }
/// }
/// # use chenapan_core::Plugin;
/// assert_eq!(This::OPTIONS[0].name, "max-size");
/// ```
///
/// A mistake is told in words: an option without documentation does not compile,
///
/// ```compile_fail
/// chenapan_core::plugin! {
///     /// Does this and that.
///     pub struct This = "this" {
///         much: u64 = "100",
///     }
/// }
/// ```
///
/// nor one without a default, or of a type that is no option:
///
/// ```compile_fail
/// chenapan_core::plugin! {
///     /// Does this and that.
///     pub struct This = "this" {
///         /// How much of it.
///         much: u64,
///     }
/// }
/// ```
///
/// ```compile_fail
/// chenapan_core::plugin! {
///     /// Does this and that.
///     pub struct This = "this" {
///         /// How much of it.
///         much: std::ops::Range<u64> = "1..2",
///     }
/// }
/// ```
#[macro_export]
macro_rules! plugin {
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $plugin:ident = $name:literal $(, $directions:ident)? {
            $(
                $(#[doc = $help:literal])+
                $field:ident $(as $given:literal)? : $type:ty =
                    $(like $example:literal)? $($default:literal)?
            ),* $(,)?
            $(; $( $(#[$attribute:meta])* $state:ident : $state_type:ty ),* $(,)? )?
        }
        $(check = $check:path)?
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
                    name: $crate::option_name!($($given,)? stringify!($field)),
                    help: concat!($($help, "\n"),+),
                    form: <$type as $crate::FromValue>::FORM,
                    optional: <$type as $crate::FromValue>::OPTIONAL,
                    repeated: <$type as $crate::FromValue>::REPEATED,
                    default: $crate::private::first_of(&[$($default)?]),
                    example: $crate::private::first(&[$($example,)? $($default,)?]),
                }, )*
            ];

            #[allow(unused_variables)]
            fn configure(values: &$crate::Values) -> Self {
                Self {
                    $( $field: values
                        .get($crate::option_name!($($given,)? stringify!($field))), )*
                    $( $( $state: ::core::default::Default::default(), )* )?
                }
            }

            $(
                fn check(&self) -> ::core::result::Result<(), $crate::OptionError> {
                    $check(self)
                }
            )?
        }
    };
    ($($wrong:tt)*) => {
        compile_error!(
            "this is no plug-in: expected `/// Documentation.` and `pub struct Name = \"name\" { ... }`, with \
             `/// Documentation.` and `option: Type = \"default\",` for each option. Usual mistakes: an \
             option or the struct without a doc comment; no default (`= \"1s\"`, or `= like \"1s\"` for one \
             that must be given); `pub`, a derive or a generic parameter; a default on a field of the state, \
             which stands after a lone `;`"
        );
    };
}

/// The name of an option: the first that is given, with hyphens for underscores.
#[doc(hidden)]
#[macro_export]
macro_rules! option_name {
    ($($name:expr),+) => {{
        const NAME: &str = $crate::private::first(&[$($name),+]);
        const BYTES: [u8; NAME.len()] = $crate::private::kebab(NAME);
        const TEXT: &str = $crate::private::kebab_text(&BYTES, NAME);
        TEXT
    }};
}

/// A name with hyphens for its underscores, as bytes.
pub const fn kebab<const LENGTH: usize>(name: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let mut at = 0;
    while at < LENGTH {
        let byte = name.as_bytes()[at];
        bytes[at] = if byte == b'_' { b'-' } else { byte };
        at += 1;
    }
    bytes
}

/// Those bytes as text again.
pub const fn kebab_text(bytes: &'static [u8], name: &'static str) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => name,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::paragraphs;
    use crate::{Pattern, Size, Written, choices};
    use std::net::{IpAddr, SocketAddr};
    use std::path::PathBuf;
    use std::time::Duration;

    choices! {
        /// Change of a byte.
        enum How {
            /// One of its bits flips.
            Flip = "flip",
            /// It becomes 0.
            Zero = "zero" | "null",
        }
    }

    plugin! {
        /// Tries everything.
        ///
        /// Twice.
        struct Sample = "sample", Upstream {
            /// Time
            /// to hold.
            sleep: Duration = "250ms",
            /// Pattern to look for.
            looking_for as "match": Pattern = like "GET",
            /// Change to make.
            how: How = "flip",
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

    plugin! {
        /// Takes the types of the standard library.
        struct Plain = "plain" {
            /// A size.
            max_size: u32 = "7",
            /// A port.
            port: u16 = "80",
            /// A share.
            share: f64 = "-1.5",
            /// Number of them.
            how_many: usize = "3",
            /// A place.
            at: PathBuf = "/tmp/x",
            /// From where.
            source: IpAddr = "2001:db8::1",
            /// To where.
            to: Option<SocketAddr> = "none",
        }
    }

    #[test]
    fn types_of_the_standard_library_are_options_and_names_have_hyphens() {
        let of = |given: &[(&str, &str)]| {
            Values::parse(Plain::OPTIONS, given.iter().copied())
                .map(|values| Plain::configure(&values))
                .map_err(|error| error.to_string())
        };
        let plain = of(&[("max-size", "9"), ("to", "[::1]:80")]).unwrap();
        assert_eq!((plain.max_size, plain.port, plain.share, plain.how_many), (9, 80, -1.5, 3));
        assert_eq!((plain.at, plain.source.to_string()), ("/tmp/x".into(), "2001:db8::1".into()));
        assert_eq!(plain.to.unwrap().port(), 80);
        assert!(of(&[("max_size", "9")]).unwrap_err().contains("did you mean \"max-size\"?"));
        for (name, text, expected) in [
            ("port", "65536", "0 to 65535"),
            ("port", "+1", "whole number"),
            ("share", "nan", "such as 1.5"),
            ("source", "localhost", "203.0.113.7"),
            ("to", "::1:80", "its port"),
        ] {
            assert!(of(&[(name, text)]).unwrap_err().contains(expected), "{name}={text}");
        }
        let sound = crate::options::sound;
        assert_eq!(sound(Plain::NAME, Plain::ABOUT, Plain::OPTIONS), Ok(()));
        assert_eq!(sound(Sample::NAME, Sample::ABOUT, Sample::OPTIONS), Ok(()));
    }

    #[test]
    fn the_table_says_what_the_struct_says() {
        let names: Vec<_> = Sample::OPTIONS.iter().map(|spec| spec.name).collect();
        assert_eq!(names, ["sleep", "match", "how", "at", "more", "parity"]);
        assert_eq!(Sample::DIRECTIONS, Directions::Upstream);
        assert_eq!(paragraphs(Sample::ABOUT), ["Tries everything.", "Twice."]);
        assert_eq!(Sample::OPTIONS[0].summary(), "Time to hold.");
        assert_eq!(Sample::OPTIONS[1].default, None);
        assert_eq!(Sample::OPTIONS[1].example, "GET");
        assert_eq!(Sample::OPTIONS[2].texts().collect::<Vec<_>>(), ["flip", "zero"]);

        let values = Values::parse(Sample::OPTIONS, [("match", "a+"), ("at", "7")]).unwrap();
        let sample = Sample::configure(&values);
        assert_eq!(sample.sleep, Duration::from_millis(250));
        assert_eq!((sample.at, sample.count), (Some(Size(7)), 0));
        assert!(sample.looking_for.is_match(b"caat"));
        assert_eq!(sample.how, How::Flip);
    }
}
