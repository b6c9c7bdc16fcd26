//! Ends a connection after a number of bytes.

use crate::ending::Ending;
use chenapan_core::{Behavior, Context, Interest, Scope, Size, Step, Unit, Verdict, plugin};

plugin! {
    /// Passes a number of bytes on and then closes the connection.
    ///
    /// Exactly `bytes` bytes pass in this direction, however they were cut, and the connection is
    /// closed with the last of them. With 0 it is closed when the first byte arrives. Only bytes
    /// that reach this rule count.
    pub struct Limit = "limit", Downstream {
        /// Number of bytes that pass.
        bytes: Size = like "1000" "0B",
        ;
        ending: Ending,
    }
}

impl Behavior for Limit {
    fn on_unit(&mut self, unit: &mut Unit, _: &mut Context<'_>) -> Verdict {
        self.ending.on_unit(unit, Some(self.bytes), Step::Close)
    }

    fn interest(&self) -> Interest {
        self.ending.interest(Some(self.bytes))
    }

    fn scope(&self) -> Scope<'_> {
        Scope::default().bodies(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuts::at_every_cut;

    #[test]
    fn exactly_so_many_bytes_pass_however_they_are_cut() {
        let outcome = at_every_cut::<Limit>(&[("bytes", "7")], b"hello world");
        assert_eq!((&outcome.bytes[..], outcome.last), (&b"hello w"[..], Some(Step::Close)));
    }

    #[test]
    fn fewer_bytes_pass_untouched() {
        let outcome = at_every_cut::<Limit>(&[("bytes", "100")], b"hello world");
        assert_eq!((&outcome.bytes[..], outcome.last), (&b"hello world"[..], None));
    }

    #[test]
    fn by_default_nothing_passes() {
        let outcome = at_every_cut::<Limit>(&[], b"hello");
        assert_eq!((&outcome.bytes[..], outcome.last), (&b""[..], Some(Step::Close)));
    }
}
