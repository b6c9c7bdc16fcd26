//! Behaviors that only mean something to headers of the PROXY protocol.
//!
//! They never touch what is no such header, and leave alone what they cannot read.

mod bad_checksum;
mod oversize_tlv;
mod reorder_tlvs;
mod spoof;
mod swap_version;

use super::{Header, Profile, Tolerance, Verification, fields, hop, unpack};
use bytes::BytesMut;
use chenapan_core::{Field, Kind, Unit};

pub use bad_checksum::BadChecksum;
pub use oversize_tlv::OversizeTlv;
pub use reorder_tlvs::ReorderTlvs;
pub use spoof::Spoof;
pub use swap_version::SwapVersion;

/// The header that a unit is, whole and well-formed but for its checksum.
fn header(unit: &Unit) -> Option<Header> {
    if unit.kind != Kind::Header {
        return None;
    }
    let profile = Profile { checksum: Verification::Skip, limit: usize::MAX, ..Profile::default() };
    let (header, size) = unpack(&unit.bytes, &profile).ok()?;
    (size == unit.bytes.len()).then_some(header)
}

/// Puts another header into a unit; whether that changed anything.
fn put(header: &Header, unit: &mut Unit) -> bool {
    let Some(made) = hop::unit(header) else { return false };
    let changed = made.bytes != unit.bytes;
    unit.bytes = made.bytes;
    unit.fields = made.fields;
    changed
}

/// Names the fields anew after TLVs were added, taken away or moved.
fn rename(unit: &mut Unit) {
    let profile = Profile {
        checksum: Verification::Skip,
        tlvs: Tolerance::Accept,
        limit: usize::MAX,
        ..Profile::default()
    };
    if let Ok((header, _)) = unpack(&unit.bytes, &profile) {
        unit.fields = fields(&header);
    }
}

/// Whether a unit is a binary header that can still be told as one.
fn binary(unit: &Unit) -> bool {
    unit.kind == Kind::Header && unit.named("signature").is_some()
}

/// Adds a TLV behind all others, with whatever length it shall state.
fn append(unit: &mut Unit, kind: u8, length: u16, value: &[u8]) {
    let at = unit.bytes.len();
    let mut tlv = BytesMut::with_capacity(3 + value.len());
    tlv.extend_from_slice(&[kind]);
    tlv.extend_from_slice(&length.to_be_bytes());
    tlv.extend_from_slice(value);
    unit.bytes.unsplit(tlv);
    unit.fields.push(Field::new("tlv-type", at..at + 1));
    unit.fields.push(Field::new("tlv-length", at + 1..at + 3));
    unit.fields.push(Field::new("tlv-value", at + 3..at + 3 + value.len()));
}

#[cfg(test)]
pub(super) mod sample {
    //! Headers for tests, and a way to show them.

    use crate::proxy::{ProxyV2, fields};
    use bytes::BytesMut;
    use chenapan_core::testing::{Judge, configured};
    use chenapan_core::{Behavior, Kind, Plugin, Unit, Verdict};

    /// 203.0.113.7:51234 to 198.51.100.9:8443, a checksum, ALPN `h2`, the authority `a.example`.
    pub(crate) const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\
        \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\
        \x03\0\x04\x57\x28\x37\x7e\x01\0\x02h2\x02\0\x09a.example";

    /// The same without TLVs.
    pub(crate) const PLAIN: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";

    pub(crate) const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

    pub(crate) fn unit(bytes: &[u8]) -> Unit {
        let mut unit = Unit::new(Kind::Header, BytesMut::from(bytes));
        unit.fields = fields(&super::header(&unit).expect("a header"));
        unit
    }

    /// What becomes of a header, and what is recorded.
    pub(crate) fn after<B: Plugin + Behavior>(
        options: &[(&str, &str)],
        bytes: &[u8],
    ) -> (Vec<u8>, Vec<String>) {
        let mut judge = Judge::new(1).with_protocol(Box::new(configured::<ProxyV2>(&[])));
        let (verdict, unit) = judge.unit(&mut configured::<B>(options), unit(bytes));
        assert_eq!(verdict, Verdict::Forward);
        for field in &unit.fields {
            assert!(field.range.end <= unit.bytes.len(), "{field:?}");
        }
        let told = judge.damage.into_iter();
        (
            unit.bytes.to_vec(),
            told.map(|damage| format!("{} {}", damage.offset, damage.what)).collect(),
        )
    }

    #[test]
    fn the_sample_is_right() {
        use crate::proxy::{Profile, unpack};
        for bytes in [SUMMED, PLAIN, LINE] {
            let (_, size) = unpack(bytes, &Profile::default()).unwrap();
            assert_eq!(size, bytes.len());
        }
    }
}
