//! Types that options can have.

use crate::value::{Chance, FieldName, Form, OwnForm, Pattern, Rate, Size, Value};
use crate::write;
use bytes::Bytes;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A type that can be a plug-in's option.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an option of a plug-in",
    label = "no option has this type",
    note = "options are bool, u16, u32, u64, usize, i64, f64, Duration, String, PathBuf, IpAddr, SocketAddr, \
            Bytes, Chance, Size, Rate, Pattern, FieldName, or an Option or a Vec of one of these",
    note = "a set of texts is an option where `chenapan_core::choices!` declares it, and any other type of your \
            own where it implements `chenapan_core::Written`; a field that is no option stands after a lone `;`, \
            with its type alone"
)]
pub trait FromValue: Sized {
    /// The form its text takes.
    const FORM: Form;
    /// Set when the option may be left unset.
    const OPTIONAL: bool = false;
    /// Set when the option may be given more than once.
    const REPEATED: bool = false;

    /// Takes it out of a value of that form.
    fn from_value(value: &Value) -> Option<Self>;

    /// Returns the texts that give this value, one for each time that the option is given; none
    /// where no text does.
    fn texts(&self) -> Option<Vec<String>> {
        None
    }
}

macro_rules! from_value {
    ($($type:ty => $form:ident, $write:expr;)+) => {$(
        impl FromValue for $type {
            const FORM: Form = Form::$form;

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$form(inner) => Some(inner.clone()),
                    _ => None,
                }
            }

            fn texts(&self) -> Option<Vec<String>> {
                let write: fn(&Self) -> String = $write;
                Some(vec![write(self)])
            }
        }
    )+};
}

from_value! {
    bool => Flag, |flag| if *flag { "yes" } else { "no" }.to_owned();
    u64 => Count, ToString::to_string;
    i64 => Number, ToString::to_string;
    f64 => Decimal, ToString::to_string;
    Chance => Chance, |chance| write::chance(*chance);
    Duration => Time, |time| write::time(*time);
    Size => Size, |size| write::size(*size);
    Rate => Rate, |rate| write::size(Size(rate.0)) + "/s";
    String => Text, String::clone;
    Bytes => Bytes, |bytes| write::bytes(bytes);
    Pattern => Pattern, ToString::to_string;
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

    fn write(&self) -> Option<String> {
        Some(match self.nth {
            1 => self.name.clone(),
            nth => format!("{}#{nth}", self.name),
        })
    }
}

macro_rules! written {
    ($($type:ty, $name:literal, $expected:literal, $write:expr;)+) => {$(
        impl Written for $type {
            const NAME: &'static str = $name;

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected {}", $expected))
            }

            fn write(&self) -> Option<String> {
                let write: fn(&Self) -> Option<String> = $write;
                write(self)
            }
        }
    )+};
}

written! {
    IpAddr, "address", "an address such as 203.0.113.7 or 2001:db8::7", |ip| Some(ip.to_string());
    SocketAddr, "address", "an address with its port, such as 203.0.113.7:80 or [2001:db8::7]:80",
        |address| Some(address.to_string());
    PathBuf, "path", "a path", |path| path.to_str().map(str::to_owned);
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl FromValue for $type {
            const FORM: Form = Form::UpTo(<$type>::MAX as u64);

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::Count(count) => (*count).try_into().ok(),
                    _ => None,
                }
            }

            fn texts(&self) -> Option<Vec<String>> {
                Some(vec![self.to_string()])
            }
        }
    )+};
}

numbers!(u16, u32, usize);

/// The text for no value at all.
const NONE: &str = "none";

/// Returns the text of one value; none where it would be taken for no value.
fn one<T: FromValue>(value: &T) -> Option<String> {
    let mut texts = value.texts()?;
    texts.pop().filter(|text| texts.is_empty() && text != NONE)
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

    fn texts(&self) -> Option<Vec<String>> {
        let text = self.as_ref().map_or_else(|| Some(NONE.to_owned()), one)?;
        Some(vec![text])
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

    fn texts(&self) -> Option<Vec<String>> {
        match self.as_slice() {
            [] => Some(vec![NONE.to_owned()]),
            values => values.iter().map(one).collect(),
        }
    }
}

/// A type of a plug-in's own that can be an option: it is written as text and reads itself.
///
/// The compiler cannot read it: a default that is no value of it is found where the plug-in is added to a
/// [`Registry`](crate::Registry) in a debug build, or by `testing::sound`.
///
/// ```
/// use chenapan_core::{Written, plugin};
///
/// /// A place on a chess board.
/// #[derive(Clone, Debug)]
/// pub struct Square(char, u8);
///
/// impl Written for Square {
///     const NAME: &'static str = "square";
///     const PATTERN: Option<&'static str> = Some("^[a-h][1-8]$");
///
///     fn read(text: &str) -> Result<Self, String> {
///         match text.as_bytes() {
///             [file @ b'a'..=b'h', rank @ b'1'..=b'8'] => Ok(Square(char::from(*file), rank - b'0')),
///             _ => Err("expected a square such as e4".to_owned()),
///         }
///     }
/// }
///
/// plugin! {
///     /// Moves there.
///     pub struct Move = "move" {
///         /// The place to move to.
///         to: Square = "e4",
///     }
/// }
/// # chenapan_core::testing::sound::<Move>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an option of a plug-in",
    label = "no option has this type",
    note = "options are bool, u16, u32, u64, usize, i64, f64, Duration, String, PathBuf, IpAddr, SocketAddr, \
            Bytes, Chance, Size, Rate, Pattern, FieldName, or an Option or a Vec of one of these",
    note = "a set of texts is an option where `chenapan_core::choices!` declares it, and any other type of your \
            own where it implements `chenapan_core::Written`; a field that is no option stands after a lone `;`, \
            with its type alone"
)]
pub trait Written: Sized {
    /// The placeholder for it in help texts.
    const NAME: &'static str;
    /// Regular expression that all its texts match, for schemas.
    const PATTERN: Option<&'static str> = None;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// The expected form, such as `expected an address such as 203.0.113.7`.
    fn read(text: &str) -> Result<Self, String>;

    /// Returns a text from which [`read`](Self::read) makes this value again; none where there is no
    /// such text. A rule that was made of values is shown by it.
    fn write(&self) -> Option<String> {
        None
    }
}

impl<T: Written> FromValue for T {
    const FORM: Form = Form::Own(&OwnForm {
        name: T::NAME,
        check: |text| T::read(text).map(drop),
        pattern: T::PATTERN,
    });

    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => T::read(text).ok(),
            _ => None,
        }
    }

    fn texts(&self) -> Option<Vec<String>> {
        Some(vec![self.write()?])
    }
}
