//! The types of JSON values.
//!
//! It never looks further than the first byte of a value.

/// Type of a value in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Sort {
    /// By the first byte of a value's text.
    pub(crate) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'"') => Sort::Text,
            Some(b'{') => Sort::Object,
            Some(b'[') => Sort::Array,
            Some(b't' | b'f') => Sort::Bool,
            Some(b'-' | b'0'..=b'9') => Sort::Number,
            _ => Sort::Null,
        }
    }
}
