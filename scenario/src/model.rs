//! Model of a scenario, checked: proxies, services, phases, expectations.
//!
//! It holds no more than that; `read` makes it from a file, `runner` goes through it.

use super::abort::AbortWhen;
use super::calls::Calls;
use super::expect::Expectation;
use super::rules::{Ramp, RuleText};
use bytes::Bytes;
use chenapan_core::Pattern;
use chenapan_engine::config::{Config, ConfiguredProtocol};
use chenapan_engine::endpoint::Connect;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A scenario, checked.
#[derive(Debug)]
pub struct Scenario {
    /// Its name, or its file's.
    pub name: String,
    /// File that it was read from.
    pub file: PathBuf,
    /// Seed of every draw, where the file has one.
    pub seed: Option<u64>,
    /// The proxies that all phases share.
    pub proxies: Vec<ProxyPart>,
    /// The processes that all phases need.
    pub services: Vec<Service>,
    /// Condition under which all rules are taken away and the run ends.
    pub abort: Option<AbortWhen>,
    /// Phases, in order.
    pub phases: Vec<Phase>,
}

/// A proxy of a scenario.
#[derive(Debug)]
pub struct ProxyPart {
    /// Its file and line.
    pub place: String,
    /// Its configuration, without the rules of phases; its name stands for its address in texts.
    pub config: Config,
}

/// A process that a scenario needs.
#[derive(Debug)]
pub struct Service {
    /// Its name, in messages.
    pub name: String,
    /// Its file and line.
    pub place: String,
    /// The shell command.
    pub run: String,
    /// Its environment, beside that of the scenario.
    pub env: BTreeMap<String, String>,
    /// Sign that it is ready.
    pub ready: Ready,
    /// Longest time until it is ready.
    pub within: Duration,
}

/// Sign that a service is ready.
#[derive(Debug)]
pub enum Ready {
    /// It has started.
    Started,
    /// Something listens there.
    Tcp(Connect),
    /// Its output matches.
    Output(Pattern),
}

/// One step of a scenario.
#[derive(Debug)]
pub struct Phase {
    /// Its name, with what the matrix put in.
    pub name: String,
    /// Its file and line.
    pub place: String,
    /// Number of times that it is done.
    pub repeat: u64,
    /// The rules of each proxy while it lasts, by the proxy's index.
    pub rules: Vec<Vec<RuleText>>,
    /// Options that move while it lasts.
    pub ramps: Vec<Ramp>,
    /// Rules that hold from a time on, in order of time.
    pub schedule: Vec<(Duration, Vec<Vec<RuleText>>)>,
    /// The shell command to run.
    pub run: Option<Command>,
    /// The traffic to make.
    pub load: Option<Load>,
    /// Condition that it lasts until, beyond command and load.
    pub until: Option<Until>,
    /// Expectations at its end.
    pub expect: Vec<Expectation>,
    /// Set when rules may go without any traffic.
    pub idle: bool,
}

/// A shell command of a phase.
#[derive(Debug)]
pub struct Command {
    /// Its text, for the shell.
    pub text: String,
    /// Its environment, beside that of the scenario.
    pub env: BTreeMap<String, String>,
    /// Longest time that it may take.
    pub timeout: Duration,
}

/// The end of a phase.
#[derive(Debug)]
pub enum Until {
    /// So long after its start.
    Time(Duration),
    /// As soon as these hold, but no longer than this.
    Counts(Vec<Expectation>, Duration),
}

/// Traffic from the built-in client.
#[derive(Debug)]
pub struct Load {
    /// The proxy that it goes to, by its index.
    pub to: usize,
    /// Number of exchanges in all; `None` if a time ends the load.
    pub exchanges: Option<u64>,
    /// Time for which new exchanges are started.
    pub duration: Duration,
    /// Number of exchanges that are started a second, whatever became of the ones before.
    pub rate: Option<f64>,
    /// Largest number of exchanges at once.
    pub concurrency: usize,
    /// Protocol that makes the header in front, where there is one.
    pub header: Option<ConfiguredProtocol>,
    /// Bytes that are sent on each connection.
    pub send: Bytes,
    /// Calls of a protocol's client that are made on each connection instead of that.
    pub calls: Option<Calls>,
    /// When the answer is whole.
    pub receive: Receive,
    /// Check of the answer.
    pub verify: Verify,
    /// Longest time that an exchange may take.
    pub timeout: Duration,
}

/// When an answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receive {
    /// When the connection ends.
    Close,
    /// At its first line end.
    Line,
    /// After so many bytes.
    Bytes(usize),
    /// It is not waited for.
    Nothing,
}

/// Check of an answer.
#[derive(Clone, Debug)]
pub enum Verify {
    /// Anything, even nothing.
    Nothing,
    /// Something.
    Any,
    /// The bytes that were sent.
    Echo,
    /// Something that matches.
    Matches(Pattern),
    /// An HTTP answer of this status, whole by its own account.
    Status(u16),
}
