//! Addresses: text in four styles, the one model that it says, and that model as JSON.
//!
//! Nothing here opens a file or a socket, or asks the environment.

mod arguments;
pub mod built_in;
mod canonical;
mod command;
pub mod custom;
mod error;
mod fields;
mod hop;
mod host;
pub mod kind;
mod local;
mod model;
mod notation;
mod options;
mod parameters;
mod read;
mod tokens;
mod url;
mod usage;
mod values;

pub use canonical::Canonical;
pub use custom::Kinds;
pub use error::{EndpointError, without_password};
pub(crate) use hop::Resolve;
pub use hop::{Auth, Socks, SocksHop};
pub use host::{Family, Host};
pub use local::Local;
pub use model::{Connect, HeaderVersion, Listen, ListenPlace, Target};
pub(crate) use model::{Connects, Opens};
pub use options::{OptionValue, Options};
pub(crate) use parameters::TlsVersion;
pub use tokens::{Tokens, quote, tokens};
