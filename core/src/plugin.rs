//! Description that every plug-in gives of itself, and the macro that writes it.

mod constant;
mod mistake;

use crate::choices;
use crate::options::{OptionError, OptionSpec, Values};
use crate::unit::Direction;

pub use constant::{Told, directions_or_both, first, first_of, sound};

/// Description that every plug-in gives of itself; written by [`plugin!`](crate::plugin!).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no plug-in",
    label = "not declared by `plugin!`",
    note = "`chenapan_core::plugin!` declares a plug-in with its name, its options and their documentation"
)]
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

    /// Returns its options as a user would write them, in the order of the table; none where one has
    /// a value that no text gives.
    fn written(&self) -> Option<Vec<(&'static str, String)>> {
        None
    }

    /// Returns one with the default of each option; an option that must be given has its example.
    ///
    /// It is what `..` stands for where a plug-in is made by value and has such an option; the others
    /// have [`Default`].
    ///
    /// ```
    /// use chenapan_core::{Pattern, Plugin, plugin};
    ///
    /// plugin! {
    ///     /// Looks for something.
    ///     pub struct Look = "look" {
    ///         /// Pattern to look for.
    ///         pattern as "for": Pattern = like "GET",
    ///         /// Number of times.
    ///         times: u64 = "3",
    ///     }
    /// }
    ///
    /// let look = Look { pattern: Pattern::new("PUT")?, ..Look::example() };
    /// assert_eq!(look.times, 3);
    /// let written = look.written().unwrap();
    /// assert_eq!(written, [("for", "PUT".to_owned()), ("times", "3".to_owned())]);
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If a default or an example is no value of its option; see `testing::sound` (feature `testing`).
    fn example() -> Self {
        example()
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
    pub fn include(self, direction: Direction) -> bool {
        match self {
            Directions::Upstream => direction == Direction::Upstream,
            Directions::Downstream => direction == Direction::Downstream,
            Directions::Both => true,
        }
    }
}

impl From<Direction> for Directions {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Upstream => Directions::Upstream,
            Direction::Downstream => Directions::Downstream,
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
/// Options are public fields, and a plug-in whose options all have a default has [`Default`]: so one can
/// be made by value, `This { max_size: 7, ..This::default() }`. See [`Plugin::example`] for the others.
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
/// Options are `bool`, whole numbers (`u16`, `u32`, `u64`, `usize`, `i64`), `f64`, `Duration`, `String`,
/// `PathBuf`, `IpAddr`, `SocketAddr`, `Bytes`, [`Chance`](crate::Chance), [`Size`](crate::Size),
/// [`Rate`](crate::Rate), [`Pattern`](crate::Pattern), [`FieldName`](crate::FieldName), and an `Option` or
/// a `Vec` of one of these.
///
/// # Mistakes
///
/// The compiler tells what is wrong: an option without documentation or default, an attribute, `pub`, a
/// type that is no option, a name that cannot be typed, and a default that is no value of its type.
///
/// ```compile_fail
/// chenapan_core::plugin! {
///     /// Does this and that.
///     pub struct This = "this" {
///         /// Time to wait.
///         sleep: std::time::Duration = "fast",
///     }
/// }
/// // error: the default of option `sleep` is no std::time::Duration: "fast"
/// ```
///
/// It cannot read a default of the types `Pattern`, `IpAddr`, `SocketAddr`, `FieldName` and those of one's
/// own: `testing::sound::<This>()` (feature `testing`) does, and so does a
/// [`Registry`](crate::Registry) in a debug build.
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
        // Public, so that others can make one by value; hidden, since it is nobody's business.
        #[allow(private_interfaces)]
        $visibility struct $plugin {
            $( $(#[doc = $help])+ pub $field: $type, )*
            $( $( $(#[$attribute])* #[doc(hidden)] pub $state: $state_type, )* )?
        }

        $crate::plugin_default! { $plugin $( [$($example)?; $($default)?] )* }

        impl $crate::Plugin for $plugin {
            const NAME: &'static str = $name;
            const ABOUT: &'static str = concat!($($about, "\n"),+);
            const DIRECTIONS: $crate::Directions =
                $crate::private::directions_or_both(&[$($crate::Directions::$directions)?]);
            const OPTIONS: &'static [$crate::OptionSpec] = &[
                $( $crate::OptionSpec::new(
                    $crate::option_name!($($given,)? stringify!($field)),
                    concat!($($help, "\n"),+),
                    <$type as $crate::FromValue>::FORM,
                    $crate::private::first(&[$($example,)? $($default,)?]),
                )
                .with(
                    <$type as $crate::FromValue>::OPTIONAL,
                    <$type as $crate::FromValue>::REPEATED,
                    $crate::private::first_of(&[$($default)?]),
                ), )*
            ];

            #[allow(unused_variables)]
            fn configure(values: &$crate::Values) -> Self {
                Self {
                    // One mistake in a type is told once, since both places name the same trait.
                    $( $field: values.read(
                        $crate::option_name!($($given,)? stringify!($field)),
                        <$type as $crate::FromValue>::from_value,
                    ), )*
                    $( $( $state: ::core::default::Default::default(), )* )?
                }
            }

            fn written(&self) -> Option<Vec<(&'static str, String)>> {
                $crate::private::written(
                    Self::OPTIONS,
                    [$( <$type as $crate::FromValue>::texts(&self.$field) ),*],
                )
            }

            $(
                fn check(&self) -> ::core::result::Result<(), $crate::OptionError> {
                    $check(self)
                }
            )?
        }

        const _: () = $crate::private::sound(
            $name,
            concat!(
                "the name ", stringify!($name), " cannot be typed: small letters, digits and hyphens can, after a \
                 letter"
            ),
            <$plugin as $crate::Plugin>::OPTIONS,
            &[
                $( $crate::private::Told {
                    name: concat!(
                        "the name of option `", stringify!($field), "` cannot be typed: small letters, digits and \
                         hyphens can, after a letter"
                    ),
                    default: concat!(
                        "the default of option `", stringify!($field), "` is no ", stringify!($type), ": ",
                        stringify!($($default)?)
                    ),
                    example: concat!(
                        "the example of option `", stringify!($field), "` is no ", stringify!($type), ": ",
                        stringify!($($example)?)
                    ),
                }, )*
            ],
        );
    };
    ($($wrong:tt)*) => { $crate::plugin_mistake! { $($wrong)* } };
}

/// The default of a plug-in, where each of its options has one; takes the example and the default of
/// each.
#[doc(hidden)]
#[macro_export]
macro_rules! plugin_default {
    ($plugin:ident) => {
        impl ::core::default::Default for $plugin {
            fn default() -> Self {
                $crate::private::example()
            }
        }
    };
    ($plugin:ident [$($example:literal)?; $default:literal] $($rest:tt)*) => {
        $crate::plugin_default! { $plugin $($rest)* }
    };
    ($plugin:ident [$($example:literal)?;] $($rest:tt)*) => {};
}

/// The names of options before their texts; none where an option has no text.
pub fn written(
    options: &[OptionSpec],
    texts: impl IntoIterator<Item = Option<Vec<String>>>,
) -> Option<Vec<(&'static str, String)>> {
    let mut written = Vec::new();
    for (spec, texts) in options.iter().zip(texts) {
        written.extend(texts?.into_iter().map(|text| (spec.name, text)));
    }
    Some(written)
}

/// One with the default of each option, or else the example.
pub fn example<T: Plugin>() -> T {
    let required = T::OPTIONS.iter().filter(|spec| spec.default.is_none());
    match Values::parse(T::OPTIONS, required.map(|spec| (spec.name, spec.example))) {
        Ok(values) => T::configure(&values),
        Err(error) => panic!("{}: {error}", T::NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::paragraphs;
    use crate::{FromValue, Pattern, Size, Written, choices};
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
    fn what_was_made_by_value_is_written_as_a_user_would() {
        let sample = Sample {
            sleep: Duration::from_millis(1_500),
            how: How::Zero,
            at: Some(Size(2_048)),
            more: vec![3, 1],
            ..Sample::example()
        };
        let name = |(name, text): &(&'static str, String)| format!("{name}={text}");
        let told = |sample: &Sample| {
            sample.written().map(|written| written.iter().map(name).collect::<Vec<_>>().join(" "))
        };
        // A type of its own that does not write itself.
        assert_eq!(told(&sample), None);
        let plain = Plain { max_size: 9, at: "/a b".into(), ..Plain::default() };
        let written = plain.written().unwrap();
        assert_eq!(
            written.iter().map(name).collect::<Vec<_>>().join(" "),
            "max-size=9 port=80 share=-1.5 how-many=3 at=/a b source=2001:db8::1 to=none"
        );
        let read = written.iter().map(|(name, text)| (*name, &**text));
        let again = Plain::configure(&Values::parse(Plain::OPTIONS, read).unwrap());
        assert_eq!(again.written(), Some(written));
    }

    #[test]
    fn a_text_that_would_mean_no_value_is_none() {
        assert_eq!(Some("none".to_owned()).texts(), None);
        assert_eq!(vec!["a".to_owned(), "none".to_owned()].texts(), None);
        assert_eq!(None::<u64>.texts(), Some(vec!["none".to_owned()]));
        assert_eq!(Vec::<u64>::new().texts(), Some(vec!["none".to_owned()]));
        assert_eq!(vec![3_u64, 1].texts(), Some(vec!["3".to_owned(), "1".to_owned()]));
        assert_eq!("none".to_owned().texts(), Some(vec!["none".to_owned()]));
        assert_eq!(How::Zero.texts(), Some(vec!["zero".to_owned()]));
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
