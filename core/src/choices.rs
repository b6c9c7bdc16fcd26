//! Types whose values are a few texts, and the macro that declares them.

use crate::choice::{Choice, find};
use crate::name::same;

/// A type whose values are a few texts; written by [`choices!`](crate::choices!).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of texts",
    note = "`chenapan_core::choices!` declares one"
)]
pub trait Choices: Copy + 'static {
    /// The texts, in documentation order.
    const CHOICES: &'static [Choice];
    /// The values, in the same order.
    const VALUES: &'static [Self];

    /// Reads one.
    ///
    /// # Errors
    ///
    /// The known texts, and the one that was probably meant.
    fn read(text: &str) -> Result<Self, String> {
        find(Self::CHOICES, text).map(|at| Self::VALUES[at])
    }
}

/// Declares a type that is one of a few texts: its values, their texts and their documentation in one
/// place.
///
/// It can be the type of an option of [`plugin!`](crate::plugin!), and of anything else that users write:
/// what it takes, what help, schemas and completions show, and what an unknown text is told come from
/// here. Each choice needs a doc comment; `| "other"` after its text is another text that means the same,
/// which is read and not shown.
///
/// ```
/// chenapan_core::choices! {
///     /// Change of a byte.
///     pub enum How {
///         /// One of its bits flips.
///         Flip = "flip",
///         /// It becomes 0.
///         Zero = "zero" | "null",
///     }
/// }
///
/// chenapan_core::plugin! {
///     /// Damages bytes.
///     pub struct Damage = "damage" {
///         /// Change of each byte.
///         how: How = "flip",
///     }
/// }
///
/// assert_eq!("null".parse(), Ok(How::Zero));
/// assert_eq!(How::Zero.to_string(), "zero");
/// let wrong = "flap".parse::<How>().unwrap_err();
/// assert_eq!(wrong, r#""flap" is none of flip, zero; did you mean "flip"?"#);
/// ```
///
/// A struct around a type that exists already names some of its values:
///
/// ```
/// use std::net::Ipv4Addr;
///
/// chenapan_core::choices! {
///     /// Address to state; none is the real one.
///     pub struct Stated: Option<Ipv4Addr> {
///         /// The real one.
///         "auto" = None,
///         /// This machine.
///         "local" = Some(Ipv4Addr::LOCALHOST),
///     }
/// }
///
/// let Stated(address) = "local".parse().unwrap();
/// assert_eq!(address, Some(Ipv4Addr::LOCALHOST));
/// ```
///
/// A mistake is told in words: a choice without documentation does not compile,
///
/// ```compile_fail
/// chenapan_core::choices! {
///     /// Change of a byte.
///     pub enum How {
///         Flip = "flip",
///     }
/// }
/// ```
///
/// nor one without its text, or two of one text:
///
/// ```compile_fail
/// chenapan_core::choices! {
///     /// Change of a byte.
///     pub enum How {
///         /// One of its bits flips.
///         Flip,
///     }
/// }
/// ```
///
/// ```compile_fail
/// chenapan_core::choices! {
///     /// Change of a byte.
///     pub enum How {
///         /// One of its bits flips.
///         Flip = "flip",
///         /// It becomes 0.
///         Zero = "flip",
///     }
/// }
/// ```
#[macro_export]
macro_rules! choices {
    (
        $(#[doc = $about:literal])+
        $visibility:vis enum $choices:ident {
            $( $(#[doc = $help:literal])+ $value:ident = $text:literal $(| $alias:literal)* ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $choices {
            $( $(#[doc = $help])+ $value, )+
        }

        #[allow(dead_code)]
        impl $choices {
            /// All of them, in documentation order.
            $visibility const ALL: [Self; [$($choices::$value),+].len()] = [$($choices::$value),+];

            /// Returns the text for it.
            $visibility const fn name(self) -> &'static str {
                match self {
                    $( $choices::$value => $text, )+
                }
            }
        }

        impl ::core::fmt::Display for $choices {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.name())
            }
        }

        $crate::choices! {
            @table $choices: $( [$($help)+] $text $(| $alias)* => $choices::$value, )+
        }
    };
    (
        $(#[doc = $about:literal])+
        $visibility:vis struct $choices:ident : $type:ty {
            $( $(#[doc = $help:literal])+ $text:literal $(| $alias:literal)* = $value:expr ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        $visibility struct $choices($visibility $type);

        $crate::choices! {
            @table $choices: $( [$($help)+] $text $(| $alias)* => $choices($value), )+
        }
    };
    (
        @table $choices:ident:
        $( [$($help:literal)+] $text:literal $(| $alias:literal)* => $value:expr, )+
    ) => {
        impl $crate::Choices for $choices {
            const CHOICES: &'static [$crate::Choice] = &[
                $( $crate::Choice::new($text, &[$($alias),*], concat!($($help, "\n"),+)), )+
            ];
            const VALUES: &'static [Self] = &[$($value),+];
        }

        // A text that means two things could only mean the first.
        const _: () = $crate::private::texts_differ(&[$($text, $($alias,)*)+]);

        impl $crate::FromValue for $choices {
            const FORM: $crate::Form = $crate::Form::Choice(<Self as $crate::Choices>::CHOICES);

            fn from_value(value: &$crate::Value) -> Option<Self> {
                match value {
                    $crate::Value::Choice(at) => {
                        <Self as $crate::Choices>::VALUES.get(*at).copied()
                    }
                    _ => None,
                }
            }

            fn texts(&self) -> Option<Vec<String>> {
                let mut values = <Self as $crate::Choices>::VALUES.iter();
                let choice = &<Self as $crate::Choices>::CHOICES[values.position(|value| value == self)?];
                Some(Vec::from([String::from(choice.text)]))
            }
        }

        impl ::core::str::FromStr for $choices {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                <Self as $crate::Choices>::read(text)
            }
        }
    };
    ($($wrong:tt)*) => {
        compile_error!(
            "these are no choices: expected `/// Documentation.` and `enum Name { ... }`, with `/// Documentation.` \
             and `Value = \"text\",` for each choice, or `struct Name: Type { ... }` with `\"text\" = value,`. Usual \
             mistakes: a choice or the type without a doc comment; no text; a derive or a generic parameter"
        );
    };
}

/// Stops the compiler where two of some texts are one.
pub const fn texts_differ(texts: &[&str]) {
    let mut at = 0;
    while at < texts.len() {
        let mut before = 0;
        while before < at {
            assert!(
                !same(texts[before].as_bytes(), texts[at].as_bytes()),
                "two choices have one text"
            );
            before += 1;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// Size of a shirt.
        enum Shirt {
            /// Fits children.
            Small = "small" | "s",
            /// Fits
            /// most.
            Medium = "medium",
            /// Fits the others.
            ExtraLarge = "extra-large" | "xl",
        }
    }

    choices! {
        /// Number of sleeves.
        struct Sleeves: u8 {
            /// Two of them.
            "usual" | "two" = 2,
            /// None at all.
            "none" = 0,
        }
    }

    #[test]
    fn texts_and_aliases_are_read_and_only_texts_are_shown() {
        for shirt in Shirt::ALL {
            assert_eq!(shirt.to_string().parse(), Ok(shirt));
        }
        assert_eq!("xl".parse(), Ok(Shirt::ExtraLarge));
        assert_eq!(Shirt::CHOICES[1].summary(), "Fits most.");
        let wrong = |text: &str| text.parse::<Shirt>().unwrap_err();
        assert_eq!(wrong("xs"), r#""xs" is none of small, medium, extra-large"#);
        assert!(wrong("Smal").ends_with(r#"did you mean "small"?"#));
        assert!(wrong("med").ends_with(r#"did you mean "medium"?"#));
        assert_eq!(format!("{:>7}", Shirt::Small), "  small");
    }

    #[test]
    fn choices_may_be_values_of_another_type() {
        assert_eq!("two".parse(), Ok(Sleeves(2)));
        assert_eq!("none".parse(), Ok(Sleeves(0)));
        assert!("three".parse::<Sleeves>().unwrap_err().contains("none of usual, none"));
    }
}
