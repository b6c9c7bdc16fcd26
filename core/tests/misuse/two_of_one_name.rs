use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "nap" {
        /// Time to hold it.
        max_sleep: u64 = "1",
        /// Time to hold it, too.
        sleep as "max-sleep": u64 = "1",
    }
}

fn main() {}
