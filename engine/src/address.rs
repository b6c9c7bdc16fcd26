//! Addresses: text in four styles, the one model that it says, and that model as JSON.
//!
//! Nothing here opens a file or a socket, or asks the environment.

mod canonical;
mod error;
pub mod kind;
mod model;
pub mod read;

pub use canonical::Canonical;
pub use error::{EndpointError, without_password};
pub use kind::Kinds;
pub use model::{
    Auth, Connect, Family, HeaderVersion, Host, Inherited, Listen, ListenPlace, OptionValue,
    Options, Socks, SocksHop, Target,
};
pub use read::{Tokens, quote, tokens};
