use chenapan_core::plugin;

plugin! {
    /// Holds every unit for a while.
    pub struct Nap<T> = "nap" {
        ;
        held: Vec<T>,
    }
}

fn main() {}
