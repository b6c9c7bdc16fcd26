use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "nap" {
        /// Time to hold it.
        sleep as "Sleep time": u64 = "1",
    }
}

fn main() {}
