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
    At, Auth, Connect, Family, Header, Host, Inherited, Listen, Options, Setting, Socks, To, Via,
};
pub use read::{Tokens, quote, tokens};
