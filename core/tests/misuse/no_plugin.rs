use chenapan_core::{Behavior, BehaviorEntry};

#[derive(Clone)]
struct Nap;

impl Behavior for Nap {}

fn main() {
    let _ = BehaviorEntry::of::<Nap>();
}
