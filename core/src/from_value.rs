//! Types that options can have.

use crate::value::{Chance, FieldName, Form, OwnForm, Pattern, Rate, Size, Value};
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

macro_rules! written {
    ($($type:ty, $name:literal, $expected:literal;)+) => {$(
        impl Written for $type {
            const NAME: &'static str = $name;

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!("expected {}", $expected))
            }
        }
    )+};
}

written! {
    IpAddr, "address", "an address such as 203.0.113.7 or 2001:db8::7";
    SocketAddr, "address", "an address with its port, such as 203.0.113.7:80 or [2001:db8::7]:80";
    PathBuf, "path", "a path";
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Written for $type {
            const NAME: &'static str = "count";

            fn read(text: &str) -> Result<Self, String> {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = text.parse().ok().filter(|_| digits);
                number.ok_or_else(|| format!("expected a whole number from 0 to {}", <$type>::MAX))
            }
        }
    )+};
}

numbers!(u16, u32, usize);

impl Written for f64 {
    const NAME: &'static str = "number";

    fn read(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| "expected a number such as 1.5 or -2".to_owned())
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
    /// Regular expression that all its texts match, for schemas.
    const PATTERN: Option<&'static str> = None;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// The expected form, such as `expected an address such as 203.0.113.7`.
    fn read(text: &str) -> Result<Self, String>;
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
}
