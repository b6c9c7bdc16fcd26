//! Adds a TLV that is too large.

use super::{append, binary, rename};
use crate::proxy_protocol::tlv::NOOP;
use crate::proxy_protocol::tlv_text;
use crate::proxy_protocol::v2::FIXED;
use chenapan_core::{
    Behavior, Context, Interest, Kind, Scope, Size, Unit, Verdict, Written, plugin,
};

plugin! {
    /// Adds a large TLV to a PROXY header of version 2, or one that says it is large.
    ///
    /// The rest of the header stays right: its length and checksum include the TLV. A header can
    /// hold at most 65535 bytes after its first sixteen; the rest is left out.
    pub struct OversizeTlv = "oversize-tlv", Upstream {
        /// Length of its value, or the length that it states.
        size: Size = "4KiB",
        /// Its type: a name such as noop or unique-id, or a number such as 0xE0.
        kind as "type": TlvType = "noop",
        /// Only states the length: there is no value, and the TLV runs over the end of the header.
        lie: bool = "no",
    }
}

/// The type of a TLV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlvType(pub u8);

impl Behavior for OversizeTlv {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        if !binary(unit) {
            return Verdict::Forward;
        }
        let whole = unit.bytes.len();
        let room = (FIXED + usize::from(u16::MAX)).saturating_sub(whole + 3);
        let size = usize::try_from(self.size.0).unwrap_or(usize::MAX);
        let size = size.min(if self.lie { usize::from(u16::MAX) } else { room });
        if whole + 3 > FIXED + usize::from(u16::MAX) {
            return Verdict::Forward;
        }
        let TlvType(kind) = self.kind;
        // At most 65535, see above.
        let length = size as u16;
        let at = match self.lie {
            true => append(unit, kind, length, &[]),
            false => append(unit, kind, length, &vec![0; size]),
        };
        cx.protocol.seal(unit);
        if !self.lie {
            rename(unit);
        }
        let says = if self.lie { "says it has" } else { "has" };
        cx.record(unit.offset + at as u64, format!("TLV 0x{kind:02x} {says} {size} bytes"));
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).needs("tlv-type")
    }
}

impl Default for TlvType {
    fn default() -> Self {
        Self(NOOP)
    }
}

impl Written for TlvType {
    const NAME: &'static str = "type";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains('=') {
            return Err("expected a name such as noop, or a number such as 0xE0".to_owned());
        }
        tlv_text::kind(text.trim()).map(TlvType).ok_or_else(|| {
            format!("no TLV is called {text:?}; expected a name such as noop, or 0xE0")
        })
    }

    fn write(&self) -> Option<String> {
        Some(format!("0x{:02X}", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{LINE, PLAIN, SUMMED, after};
    use super::*;
    use crate::proxy_protocol::{Checksum, Profile, Unpack, unpack};

    fn large() -> Profile {
        Profile { limit: usize::MAX, ..Profile::default() }
    }

    #[test]
    fn the_header_grows_by_the_tlv_and_stays_right() {
        let (bytes, told) = after::<OversizeTlv>(&[], SUMMED);
        let (header, size) = unpack(&bytes, &large()).unwrap();
        assert_eq!((size, header.checksum()), (SUMMED.len() + 3 + 4_096, Checksum::Right));
        assert_eq!((&bytes[16..31], &bytes[35..52]), (&SUMMED[16..31], &SUMMED[35..52]));
        assert!(matches!(unpack(&bytes, &Profile::default()), Err(Unpack::Syntax { .. })));
        assert_eq!(told, ["52 TLV 0x04 has 4096 bytes"]);
    }

    #[test]
    fn a_liar_has_nothing_behind_it() {
        let options = [("lie", "yes"), ("size", "300"), ("type", "0xe0")];
        let (bytes, told) = after::<OversizeTlv>(&options, PLAIN);
        assert_eq!(bytes[28..], *b"\xe0\x01\x2c");
        assert_eq!(bytes[15], 15);
        assert!(matches!(unpack(&bytes, &large()), Err(Unpack::Syntax { .. })));
        assert_eq!(told, ["28 TLV 0xe0 says it has 300 bytes"]);
    }

    #[test]
    fn a_header_never_grows_beyond_what_its_length_can_say() {
        let (bytes, _) = after::<OversizeTlv>(&[("size", "10MiB")], SUMMED);
        assert_eq!(bytes.len(), 65_551);
        assert_eq!(unpack(&bytes, &large()).unwrap().1, 65_551);
    }

    #[test]
    fn types_are_names_or_numbers() {
        let read = |text: &str| TlvType::read(text).map(|kind| kind.0).ok();
        assert_eq!(read("noop"), Some(4));
        assert_eq!(read("unique-id"), Some(5));
        assert_eq!(read("ssl"), Some(0x20));
        assert_eq!(read("0xE0"), Some(0xe0));
        assert_eq!((read("nop"), read("0xE00"), read("a=b")), (None, None, None));
        assert_eq!(after::<OversizeTlv>(&[], LINE), (LINE.to_vec(), vec![]));
    }
}
