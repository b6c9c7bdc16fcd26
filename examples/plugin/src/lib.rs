//! A protocol and a behavior in a package of their own, which depends on `chenapan-core` alone.
//!
//! A program or a test adds them to its registry with `ProtocolEntry::of` and `BehaviorEntry::of`.

use chenapan_core::bytes::{BufMut, BytesMut};
use chenapan_core::{Behavior, Context, Direction, Handled, Malformed, Protocol};
use chenapan_core::{Unit, Verdict, Want, plugin};

/// Bytes of the length before each frame.
const HEAD: usize = 2;

plugin! {
    /// Frames after their length, which has two bytes and counts neither of them.
    pub struct Frames = "frames" {}
}

impl Protocol for Frames {
    fn handle(&mut self, _: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(head) = input.first_chunk::<HEAD>() else {
            return Ok(Handled::Incomplete(Want::Bytes(HEAD - input.len())));
        };
        let end = HEAD + usize::from(u16::from_be_bytes(*head));
        if input.len() < end {
            return Ok(Handled::Incomplete(Want::Bytes(end - input.len())));
        }
        Ok(Handled::Unit(Unit::request(input.split_to(end))))
    }
}

plugin! {
    /// Puts bytes behind a frame that its length does not tell of.
    pub struct Excess = "excess" {
        /// Number of zero bytes, at most 65535.
        bytes: u64 = "1",
    }
}

impl Behavior for Excess {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let end = unit.bytes.len();
        unit.bytes.put_bytes(0, u16::try_from(self.bytes).unwrap_or(u16::MAX).into());
        cx.record(unit.offset + end as u64, "excess");
        Verdict::Forward
    }
}

#[cfg(test)]
mod tests {
    use super::{Excess, Frames};
    use chenapan_core::Direction::Upstream;
    use chenapan_core::testing::{at_every_split, configured, judge, sound};

    #[test]
    fn frames_end_where_their_length_says() {
        sound::<Frames>();
        let units =
            at_every_split(|| Box::new(Frames::default()), Upstream, b"\0\x02ab\0\0\0\x01c");
        let bytes: Vec<_> = units.unwrap().iter().map(|unit| unit.bytes.to_vec()).collect();
        assert_eq!(bytes, [&b"\0\x02ab"[..], b"\0\0", b"\0\x01c"]);
    }

    #[test]
    fn excess_leaves_the_length_as_it_was() {
        sound::<Excess>();
        let mut excess: Excess = configured(&[("bytes", "3")]);
        assert_eq!(judge(&mut excess, b"\0\x02ab").1, b"\0\x02ab\0\0\0");
    }
}
