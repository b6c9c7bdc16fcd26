use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "nap" {
        /// Time to hold it.
        sleep: std::time::Duration = "fast",
    }
}

fn main() {}
