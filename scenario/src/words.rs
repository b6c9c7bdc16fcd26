//! Values of a scenario's keys that are one of a few words.

use chenapan_core::choices;

choices! {
    /// End of an answer that has a name.
    pub(crate) enum Whole {
        /// The connection ends.
        Close = "close",
        /// A line ends.
        Line = "line",
        /// No answer is waited for.
        Nothing = "nothing",
    }
}

choices! {
    /// Check of an answer that has a name.
    pub(crate) enum Answer {
        /// Anything will do, even nothing.
        Nothing = "none",
        /// Something has to come.
        Any = "any",
        /// The bytes that were sent have to come back.
        Echo = "echo",
    }
}
