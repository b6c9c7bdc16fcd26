//! A program that is chenapan with one behavior more.
//!
//! ```sh
//! cargo run --example custom_behavior -- help shout
//! echo hello | cargo run --example custom_behavior -- apply --behavior shout:only=data
//! ```

use chenapan_core::{Behavior, BehaviorEntry, Context, Unit, Verdict, plugin};
use std::process::ExitCode;

plugin! {
    /// Turns small letters into capital ones.
    ///
    /// With `step=2` only every second letter is turned.
    pub struct Shout = "shout", Upstream {
        /// Step from one letter to the next: 1 is all of them, 2 every second one.
        step: u64 = "1",
        ;
        letters: u64,
    }
}

impl Behavior for Shout {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        for (at, byte) in unit.bytes.iter_mut().enumerate() {
            self.letters += u64::from(byte.is_ascii_lowercase());
            if byte.is_ascii_lowercase() && self.letters.is_multiple_of(self.step.max(1)) {
                byte.make_ascii_uppercase();
                // What is changed in place counts, and is journalled, because it is recorded.
                cx.record(unit.offset + at as u64, "shout");
            }
        }
        Verdict::Forward
    }
}

fn main() -> ExitCode {
    // Its options are in the flags, in `help shout` and in the schema: nothing else is needed.
    chenapan::cli::main(chenapan::registry().behavior(BehaviorEntry::of::<Shout>()))
}
