use chenapan_core::{choices, plugin};

choices! {
    /// Change of a byte.
    pub enum How {
        /// One of its bits flips.
        Flip = "flip",
        /// It becomes 0.
        Zero = "zero",
    }
}

plugin! {
    /// Damages bytes.
    pub struct Damage = "damage" {
        /// Change of each byte.
        how: How = "flop",
    }
}

fn main() {}
