//! A protocol with its name and options, as configurations name it.

use crate::notation;
use chenapan_core::{
    Instances, OptionError, Plugin, Protocol, ProtocolEntry, Registry, UnknownName,
};
use chenapan_protocols::Tcp;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A protocol that was chosen by name and configured by options; tcp unless another one is chosen.
///
/// ```
/// # use chenapan_engine::config::ConfiguredProtocol;
/// let registry = chenapan_engine::registry();
/// let protocol = ConfiguredProtocol::parse("proxy-v2:header=add", &registry)?;
/// assert_eq!(protocol.name(), "proxy-v2");
/// assert_eq!(protocol.to_string(), "proxy-v2:header=add");
/// # Ok::<(), chenapan_engine::config::ProtocolError>(())
/// ```
#[derive(Clone)]
pub struct ConfiguredProtocol {
    name: &'static str,
    /// Options as they were written.
    given: Vec<(String, String)>,
    instances: Arc<dyn Instances<dyn Protocol>>,
    /// Text in the one-line form; `None` for a protocol that was not chosen by its name.
    text: Option<String>,
}

/// A protocol that cannot be configured as written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// There is no such protocol.
    #[error(transparent)]
    Name(#[from] UnknownName),
    /// An option is wrong.
    #[error("{protocol:?}: {fault}")]
    Option {
        /// The protocol's name.
        protocol: &'static str,
        /// Cause of the error.
        fault: OptionError,
    },
    /// The text behind the name is no list of options.
    #[error("{text:?}: {what}")]
    Options {
        /// The text as it was written.
        text: String,
        /// Cause of the error.
        what: String,
    },
    /// The text is no protocol.
    #[error("{0}")]
    Text(String),
}

impl ProtocolError {
    /// Returns the cause alone, for those who show what was written beside it.
    pub fn cause(&self) -> String {
        match self {
            Self::Option { fault, .. } => fault.to_string(),
            Self::Options { what, .. } => what.clone(),
            Self::Name(_) | Self::Text(_) => self.to_string(),
        }
    }
}

impl ConfiguredProtocol {
    /// Reads the one-line form: `NAME`, or `NAME:option=value:...`.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be read.
    pub fn parse(text: &str, registry: &Registry) -> Result<Self, ProtocolError> {
        Self::parse_with(text, registry, |_| Vec::new())
    }

    /// Reads the one-line form, and takes options that it leaves out from `defaults`.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be read.
    pub fn parse_with(
        text: &str,
        registry: &Registry,
        defaults: impl FnOnce(&ProtocolEntry) -> Vec<(String, String)>,
    ) -> Result<Self, ProtocolError> {
        let parts = notation::parts(text, ':');
        let parts = parts.map_err(|error| ProtocolError::Text(error.to_string()))?;
        let mut parts = parts.into_iter();
        let name = parts.next().map(|part| part.value).unwrap_or_default();
        let entry = registry.find_protocol(&name)?;
        let mut given = notation::given(parts, entry.options)
            .map_err(|what| ProtocolError::Options { text: text.to_owned(), what })?;
        notation::complete(&mut given, defaults(entry));
        Self::with(entry, given)
    }

    /// Configures a protocol with options.
    ///
    /// # Errors
    ///
    /// The first option that cannot be used.
    pub fn with(
        entry: &ProtocolEntry,
        given: Vec<(String, String)>,
    ) -> Result<Self, ProtocolError> {
        let options = given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let instances = entry.configure(options);
        let wrong = |fault| ProtocolError::Option { protocol: entry.name, fault };
        let text = format!("{}{}", entry.name, crate::rule::one_line(entry.options, &given));
        Ok(Self { name: entry.name, instances: instances.map_err(wrong)?, given, text: Some(text) })
    }

    /// Returns the protocol's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the options as they were written.
    pub fn given(&self) -> &[(String, String)] {
        &self.given
    }

    /// Returns the one-line form, which gives the same protocol again; `None` for a protocol that was
    /// put in by value.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Returns the maker of instances.
    pub fn instances(&self) -> &Arc<dyn Instances<dyn Protocol>> {
        &self.instances
    }
}

impl Default for ConfiguredProtocol {
    fn default() -> Self {
        let (name, text) = (Tcp::NAME, Some(Tcp::NAME.to_owned()));
        Self { name, given: Vec::new(), instances: Arc::new(Tcp {}), text }
    }
}

impl Deref for ConfiguredProtocol {
    type Target = dyn Instances<dyn Protocol>;

    fn deref(&self) -> &Self::Target {
        &*self.instances
    }
}

/// A protocol by value has the name of its type.
impl<P: Instances<dyn Protocol> + 'static> From<P> for ConfiguredProtocol {
    fn from(protocol: P) -> Self {
        let instances: Arc<dyn Instances<dyn Protocol>> = Arc::new(protocol);
        Self { name: instances.type_name(), given: Vec::new(), instances, text: None }
    }
}

impl fmt::Display for ConfiguredProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.as_deref().unwrap_or(self.name))
    }
}

impl fmt::Debug for ConfiguredProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredProtocol")
            .field("name", &self.name)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}
