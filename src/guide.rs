//! Pages for authors of plug-ins and of tests, as they are in the folder docs/ and in `chenapan help`.

#[doc = include_str!("../docs/in-a-test.md")]
pub mod in_a_test {}

#[doc = include_str!("../docs/write-a-behavior.md")]
pub mod write_a_behavior {}

#[doc = include_str!("../docs/write-a-protocol.md")]
pub mod write_a_protocol {}
