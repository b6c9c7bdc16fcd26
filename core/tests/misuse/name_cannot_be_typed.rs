use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap = "my Bad:name" {}
}

fn main() {}
