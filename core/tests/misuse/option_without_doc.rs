use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "nap" {
        /// Time to hold it.
        sleep: u64 = "1",
        jitter: u64 = "0",
    }
}

fn main() {}
