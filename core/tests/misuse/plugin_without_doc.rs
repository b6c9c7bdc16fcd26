use chenapan_core::plugin;

plugin! {
    pub struct Nap = "nap" {}
}

fn main() {}
