//! The error of those who embed a proxy: what was being done, and why it could not be.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

/// An error of a proxy that is embedded in a program or in a test.
///
/// It says which setting is wrong and why. [`cause`](Self::cause) has the error behind it, such as a
/// [`RuleError`](crate::rule::RuleError) or an [`io::Error`].
pub struct Error {
    what: Cow<'static, str>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// Result of what may fail with an [`Error`].
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error without another one behind it.
    pub(crate) fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), cause: None }
    }

    /// An error of a setting.
    pub(crate) fn of(
        setting: &'static str,
        cause: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self { what: setting.into(), cause: Some(cause.into()) }
    }

    /// Returns the error behind this one, if there is any.
    ///
    /// ```
    /// # use chenapan_engine::{proxy, rule::RuleError};
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// let error = proxy("127.0.0.1:9").rule("dleay").start().await.unwrap_err();
    /// assert!(error.to_string().starts_with(r#"rule: behavior "dleay""#), "{error}");
    /// assert!(error.cause().unwrap().is::<RuleError>());
    /// # });
    /// ```
    pub fn cause(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) if self.what.is_empty() => cause.fmt(f),
            Some(cause) => write!(f, "{}: {cause}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A test that returns it shows it so: the words are what a reader needs.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The error behind this one is in its text already.
        self.cause.as_ref()?.source()
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::of("", error)
    }
}
