use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "nap" {
        /// Time to hold it.
        pub sleep: u64 = "1",
    }
}

fn main() {}
