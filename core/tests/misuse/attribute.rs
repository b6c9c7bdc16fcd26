use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    #[derive(PartialEq)]
    pub struct Nap = "nap" {}
}

fn main() {}
