//! Errors that a protocol has words for, as values: rules are checked against them.

/// Error that a protocol knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCode {
    /// Its name in rules, such as `service-unavailable`.
    pub name: &'static str,
    /// Its code.
    pub code: i64,
}

impl ErrorCode {
    /// An error of this name and code.
    pub const fn new(name: &'static str, code: i64) -> Self {
        Self { name, code }
    }
}

/// Codes and particulars of the error replies that a protocol makes; see
/// [`Description::errors`](crate::Description::errors).
///
/// ```
/// use chenapan_core::{ErrorCode, Errors};
///
/// const CODES: &[ErrorCode] = &[ErrorCode::new("not-found", 404)];
/// let errors = Errors::any().named(CODES).between(400, 599).details(&["retry-after"]);
/// assert_eq!((errors.code("not-found"), errors.code("404")), (Some(404), Some(404)));
/// assert_eq!((errors.code("7"), errors.code("lost")), (None, None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Errors {
    /// Errors that have a name.
    pub names: &'static [ErrorCode],
    /// Least and greatest code.
    pub bounds: [i64; 2],
    /// Names of the particulars that it has words for ([`Refusal::details`](crate::Refusal::details)).
    pub details: &'static [&'static str],
}

impl Errors {
    /// Errors of any code, without names and particulars.
    pub const fn any() -> Self {
        Self { names: &[], bounds: [i64::MIN, i64::MAX], details: &[] }
    }

    /// Returns the errors with these names.
    #[must_use]
    pub const fn named(self, names: &'static [ErrorCode]) -> Self {
        Self { names, ..self }
    }

    /// Returns the errors with codes from `least` to `greatest` only.
    #[must_use]
    pub const fn between(self, least: i64, greatest: i64) -> Self {
        Self { bounds: [least, greatest], ..self }
    }

    /// Returns the errors with words for these particulars.
    #[must_use]
    pub const fn details(self, details: &'static [&'static str]) -> Self {
        Self { details, ..self }
    }

    /// Returns the code that a text stands for, by number or by name.
    pub fn code(&self, text: &str) -> Option<i64> {
        let named = self.names.iter().find(|error| error.name == text).map(|error| error.code);
        let [least, greatest] = self.bounds;
        let number = text.parse().ok().filter(|code| (least..=greatest).contains(code));
        named.or(number)
    }
}

impl Default for Errors {
    fn default() -> Self {
        Self::any()
    }
}
