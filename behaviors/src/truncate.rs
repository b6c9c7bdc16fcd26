//! Loses the end of units.

use chenapan_core::{Behavior, Context, Size, Step, Unit, Verdict, plugin};

plugin! {
    /// Cuts every unit to its first bytes.
    ///
    /// A unit of up to `keep` bytes passes whole. Of a longer unit only the first `keep` bytes
    /// pass, and then the connection is closed; with `close=no` the rest of the unit is lost and
    /// the next unit follows. Lengths and checksums inside the unit stay as they are, unless `seal`
    /// is set: then what is left is a whole message. Over plain TCP a unit is whatever one read
    /// returned; to cut a stream at an exact place use `limit`.
    pub struct Truncate = "truncate", Downstream {
        /// Number of bytes of each unit that pass.
        keep: Size = "16B",
        /// Closes the connection after the first unit that was cut.
        close: bool = "yes",
        /// Corrects lengths and checksums of what is left.
        seal: bool = "no",
    }
}

impl Behavior for Truncate {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let lost = (unit.bytes.len() as u64).saturating_sub(self.keep.0);
        if lost == 0 {
            return Verdict::Forward;
        }
        // Something is lost, so `keep` is less than a length.
        let keep = self.keep.0 as usize;
        if keep == 0 {
            return if self.close { Verdict::Close } else { Verdict::Drop };
        }
        if self.seal {
            unit.splice(keep..unit.bytes.len(), b"");
            cx.protocol.seal(unit);
        } else {
            // A piece of the message, and nobody's reply.
            let front = unit.split_to(keep);
            *unit = front;
        }
        if self.close {
            return Verdict::Play(vec![Step::Send(unit.take()), Step::Close]);
        }
        cx.record(unit.offset + keep as u64, format!("cut {lost} bytes"));
        Verdict::Forward
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::Damage;
    use chenapan_core::testing::{Judge, configured, judge};

    #[test]
    fn the_start_passes_and_the_connection_closes() {
        let mut truncate = configured::<Truncate>(&[("keep", "5")]);
        let (Verdict::Play(steps), _) = judge(&mut truncate, b"hello world") else { panic!() };
        assert!(matches!(&steps[0], Step::Send(unit) if unit.bytes == "hello"));
        assert_eq!(steps[1..], [Step::Close]);
    }

    #[test]
    fn without_close_only_the_rest_is_lost() {
        let mut truncate = configured::<Truncate>(&[("keep", "5"), ("close", "no")]);
        let mut judge = Judge::new(1);
        let (verdict, unit) = judge.data(&mut truncate, b"hello world");
        assert_eq!((verdict, &unit.bytes[..], unit.offset), (Verdict::Forward, &b"hello"[..], 0));
        assert_eq!(judge.damage, [Damage::new(5, "cut 6 bytes")]);
    }

    #[test]
    fn a_unit_that_fits_passes_whole() {
        let mut truncate = configured::<Truncate>(&[("keep", "5")]);
        assert_eq!(judge(&mut truncate, b"hello"), (Verdict::Forward, b"hello".to_vec()));
        assert_eq!(judge(&mut truncate, b""), (Verdict::Forward, Vec::new()));
    }

    #[test]
    fn nothing_kept_is_nothing_sent() {
        let nothing = ("keep", "0");
        let mut closing = configured::<Truncate>(&[nothing]);
        assert_eq!(judge(&mut closing, b"hello").0, Verdict::Close);
        let mut losing = configured::<Truncate>(&[nothing, ("close", "no")]);
        assert_eq!(judge(&mut losing, b"hello").0, Verdict::Drop);
    }
}
