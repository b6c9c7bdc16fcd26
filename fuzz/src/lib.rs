//! What must hold for any bytes, by codec; the targets only choose a decoder.
//!
//! Nothing here knows right bytes from wrong ones: that is for the tests of the codecs.

pub mod json_rpc;
pub mod json_rpc_handler;
pub mod proxy;
