//! Properties that must hold for any bytes, by codec, and for sessions; targets choose a decoder.
//!
//! Nothing here knows right bytes from wrong ones: that is for the tests of the codecs.

#[cfg(all(fuzzing, target_os = "linux"))]
mod fixed;
pub mod json_rpc;
pub mod json_rpc_handler;
pub mod proxy;

/// Sessions with hostile peers: written for the tests of the program, which run some of them.
#[path = "../../tests/sessions"]
pub mod session {
    mod choices;
    mod cuts;
    mod house;
    mod peers;
    mod run;

    pub use run::{check, told};
}
