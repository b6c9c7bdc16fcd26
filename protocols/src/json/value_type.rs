//! The types of JSON values.
//!
//! It never looks further than the first byte of a value.

/// Type of a value in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
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

impl ValueType {
    /// By the first byte of a value's text.
    pub(crate) fn of(raw: &str) -> Self {
        match raw.as_bytes().first() {
            Some(b'"') => ValueType::Text,
            Some(b'{') => ValueType::Object,
            Some(b'[') => ValueType::Array,
            Some(b't' | b'f') => ValueType::Bool,
            Some(b'-' | b'0'..=b'9') => ValueType::Number,
            _ => ValueType::Null,
        }
    }
}
