//! The dialects by whose rules a message is read.
//!
//! They never look at a message.

use chenapan_core::choices;

choices! {
    /// Rules by which a message is read.
    pub enum Dialect {
        /// Rules of the dialect that the first frame of JSON speaks.
        Auto = "auto",
        /// JSON-RPC 1.0 (2005), strictly.
        V1 = "v1",
        /// JSON-RPC 2.0, strictly.
        V2 = "v2",
        /// Either of them, or a mixture.
        Loose = "loose",
    }
}

// `choices!` derives the same for every type of choices, and a default is not among that.
#[expect(clippy::derivable_impls)]
impl Default for Dialect {
    fn default() -> Self {
        Dialect::Auto
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.name().parse(), Ok(dialect));
        }
        assert_eq!(
            "2.0".parse::<Dialect>(),
            Err("\"2.0\" is none of auto, v1, v2, loose".to_owned())
        );
    }
}
