//! The short way to a proxy: what it is made of, said one after the other.
//!
//! It starts nothing itself; that is up to [`Control`].

use crate::config::{Config, ConfiguredProtocol, Limits, ProtocolError};
use crate::control::Control;
use crate::endpoint::{Connect, EndpointError, Listen};
use crate::error::{Error, Result};
use crate::handle::Running;
use crate::notation;
use crate::rule::{IntoRules, Rule, RuleError, Rules};
use chenapan_core::Registry;
use std::fmt;
use std::path::PathBuf;

/// Number of entries of the journal that are kept unless told otherwise.
pub(crate) const ENTRIES: usize = 16_384;

/// Returns a builder of a proxy before a backend.
///
/// It listens at a port of 127.0.0.1 that the system chooses, speaks plain tcp, has no rules and the seed
/// 0, unless it is told otherwise.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let backend = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let backend = backend.local_addr()?;
/// let proxy = chenapan_engine::proxy(backend).rule("delay:sleep=250ms:chance=30%").seed(42).start().await?;
/// assert!(proxy.address().ip().is_loopback());
/// # Ok::<(), chenapan_engine::Error>(()) }).unwrap();
/// ```
pub fn proxy(backend: impl ToString) -> Builder {
    Builder::new(Some(backend.to_string()))
}

/// Returns a builder of a proxy between streams in memory, in virtual time; see [`memory`](crate::memory).
///
/// It speaks plain tcp, has no rules and the seed 0, unless it is told otherwise. It is started by
/// [`pair`](Builder::pair) or [`memory`](Builder::memory).
pub fn in_memory() -> Builder {
    Builder::new(None)
}

/// A proxy that is not started yet. Whatever is wrong with it is an error of [`start`](Self::start).
#[must_use = "nothing is started before start()"]
pub struct Builder {
    name: String,
    listen: Vec<String>,
    /// Without one it is in memory.
    backend: Option<String>,
    protocol: Speaks,
    rules: Vec<Written>,
    limits: Limits,
    registry: Registry,
    seed: Option<u64>,
    evidence: Evidence,
    control: Option<Control>,
}

/// Rules that are read when all is known.
type Written = Box<dyn FnOnce(&Registry) -> std::result::Result<Vec<Rule>, RuleError> + Send>;

/// The protocol of a proxy that is not started yet.
struct Speaks {
    /// Its name, which may have options.
    text: String,
    options: Vec<(String, String)>,
    /// A protocol by value, in place of that.
    given: Option<ConfiguredProtocol>,
}

/// Places where the journal goes.
struct Evidence {
    file: Option<PathBuf>,
    kept: usize,
}

impl Builder {
    fn new(backend: Option<String>) -> Self {
        Self {
            name: String::new(),
            listen: Vec::new(),
            backend,
            protocol: Speaks { text: "tcp".to_owned(), options: Vec::new(), given: None },
            rules: Vec::new(),
            limits: Limits::default(),
            registry: crate::registry(),
            seed: None,
            evidence: Evidence { file: None, kept: ENTRIES },
            control: None,
        }
    }

    /// A proxy among others of a control.
    pub(crate) fn within(control: Control, backend: String) -> Self {
        Self { control: Some(control), ..Self::new(Some(backend)) }
    }

    /// Gives it a name, for the log and the journal. Its draws depend on it, too: two proxies of one
    /// control draw independently where their names differ.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Adds an address to listen at, in place of the one that it would have otherwise.
    pub fn listen(mut self, address: impl ToString) -> Self {
        self.listen.push(address.to_string());
        self
    }

    /// Sets the protocol, by its name or in its one-line form: `json-rpc:framing=newline`.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol.text = protocol.into();
        self
    }

    /// Sets an option of the protocol that is named.
    pub fn option(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.protocol.options.push((name.into(), value.to_string()));
        self
    }

    /// Sets the protocol to a value, such as one of one's own, in place of a named one.
    pub fn speaking(mut self, protocol: impl Into<ConfiguredProtocol>) -> Self {
        self.protocol.given = Some(protocol.into());
        self
    }

    /// Adds a rule behind those that were added before: a text in the one-line form (also a mix such as
    /// `20:delay,5:drop`), a [`Rule`], or a [`Mix`](crate::rule::Mix).
    pub fn rule(mut self, rule: impl IntoRules + Send + 'static) -> Self {
        self.rules.push(Box::new(move |registry| rule.into_rules(registry)));
        self
    }

    /// Adds rules behind those that were added before.
    pub fn rules<R: IntoRules + Send + 'static>(self, rules: impl IntoIterator<Item = R>) -> Self {
        rules.into_iter().fold(self, Self::rule)
    }

    /// Changes the limits of its connections.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = chenapan_engine::proxy("127.0.0.1:6379")
    ///     .limits(|limits| limits.connect_timeout = Duration::from_secs(1));
    /// # drop(builder);
    /// ```
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Takes protocols and behaviors from this registry, which usually is
    /// [`registry`](crate::registry) with some of one's own.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Sets the seed, which decides every draw. Proxies of a control have the seed of that.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Writes the journal to a file, too. Proxies of a control have the file of that.
    pub fn journal(mut self, file: impl Into<PathBuf>) -> Self {
        self.evidence.file = Some(file.into());
        self
    }

    /// Keeps this many of the newest entries of the journal in memory, in place of 16384.
    pub fn keep(mut self, entries: usize) -> Self {
        self.evidence.kept = entries;
        self
    }

    /// Starts the proxy. It ends when what this returns is dropped.
    ///
    /// # Errors
    ///
    /// The first of its settings that cannot be used, or a rule that could never act on its protocol; a
    /// listener cannot be bound; or there is no tokio runtime.
    ///
    /// # Panics
    ///
    /// The runtime was built without IO or time.
    pub async fn start(self) -> Result<Running> {
        self.start_here()
    }

    pub(crate) fn start_here(mut self) -> Result<Running> {
        let control = self.control.take();
        let (seed, kept) = (self.seed, self.evidence.kept);
        let file = self.evidence.file.take();
        let registry = self.registry.clone();
        let (listen, backend) = self.addresses()?;
        let config = self.config(listen, backend)?;
        let own = control.is_none();
        let control = match control {
            Some(control) => {
                if seed.is_some_and(|seed| seed != control.seed()) || file.is_some() {
                    let what = "seed and journal are those of the control: set them there";
                    return Err(Error::new(what));
                }
                control
            }
            None => Control::seeded(seed.unwrap_or_default())?,
        };
        if let Some(file) = file {
            control.journal(&file).map_err(|error| Error::of("journal", error))?;
        }
        let proxy = control.add_keeping(config, kept)?;
        Ok(Running::new(proxy, control, own, registry))
    }

    /// Starts the proxy between these endpoints in memory, on the clock of the runtime.
    #[track_caller]
    pub(crate) fn start_between(self, listen: Listen, backend: Connect) -> Result<Running> {
        let written = self.backend.is_some() || !self.listen.is_empty();
        if written || self.evidence.file.is_some() {
            return Err(Error::new(
                "a proxy in memory has neither addresses nor a file for its journal: begin with \
                 in_memory(), and set none",
            ));
        }
        let control = Control::in_memory(self.seed.unwrap_or_default())?;
        let (kept, registry) = (self.evidence.kept, self.registry.clone());
        let proxy = control.add_keeping(self.config(vec![listen], backend)?, kept)?;
        Ok(Running::new(proxy, control, true, registry))
    }

    /// Reads the addresses that were written.
    fn addresses(&self) -> Result<(Vec<Listen>, Connect)> {
        let free = ["127.0.0.1:0".to_owned()];
        let listen = if self.listen.is_empty() { &free[..] } else { &self.listen };
        let listen = listen.iter().map(|address| address.parse::<Listen>());
        let listen = listen.collect::<std::result::Result<_, _>>();
        let Some(backend) = &self.backend else {
            return Err(Error::new("a proxy in memory is started by pair() or memory()"));
        };
        let backend = backend.parse::<Connect>();
        Ok((
            listen.map_err(|error| Error::of("listen", error))?,
            backend.map_err(|error| Error::of("backend", error))?,
        ))
    }

    /// Reads what else was written.
    fn config(self, listen: Vec<Listen>, backend: Connect) -> Result<Config> {
        let rules = self.rules.into_iter().map(|rule| rule(&self.registry));
        let rules = rules.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Config {
            name: self.name,
            listen,
            backend,
            protocol: self.protocol.configure(&self.registry)?,
            rules: Rules::new(rules.into_iter().flatten()),
            limits: self.limits,
            enabled: true,
        })
    }
}

impl Speaks {
    fn configure(self, registry: &Registry) -> Result<ConfiguredProtocol> {
        let Self { text, mut options, given } = self;
        if let Some(given) = given {
            return match options.first() {
                None => Ok(given),
                Some((name, _)) => Err(Error::new(format!(
                    "option {name:?}: the protocol was given as a value, which has its options already"
                ))),
            };
        }
        let named = ConfiguredProtocol::parse(&text, registry)?;
        if options.is_empty() {
            return Ok(named);
        }
        let entry = registry.find_protocol(named.name());
        let entry = entry.map_err(|error| Error::of("protocol", error))?;
        notation::complete(&mut options, named.given().to_vec());
        Ok(ConfiguredProtocol::with(entry, options)?)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("name", &self.name)
            .field("listen", &self.listen)
            .field("backend", &self.backend)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Returns a builder of a proxy of this control before a backend; see [`proxy`].
    pub fn proxy(&self, backend: impl ToString) -> Builder {
        Builder::within(self.clone(), backend.to_string())
    }
}

impl From<RuleError> for Error {
    fn from(error: RuleError) -> Self {
        Self::of("rule", error)
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::of("protocol", error)
    }
}

impl From<EndpointError> for Error {
    fn from(error: EndpointError) -> Self {
        Self::of("address", error)
    }
}
