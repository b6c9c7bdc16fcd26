//! Behaviors that only mean something to headers of the PROXY protocol.
//!
//! They never touch what is no such header, and leave alone what they cannot read.

pub mod bad_checksum;
pub mod oversize_tlv;
pub mod reorder_tlvs;
mod spoof;
mod swap_version;

use super::{
    Addresses, Profile, ProxyCommand, ProxyHeader, Tolerance, Transport, Verification, checksum,
    fields, stage, unpack, v2,
};
use bytes::BytesMut;
use chenapan_core::{Field, Kind, Unit};

pub use bad_checksum::BadChecksum;
pub use oversize_tlv::OversizeTlv;
pub use reorder_tlvs::ReorderTlvs;
pub use spoof::Spoof;
pub use swap_version::SwapVersion;

/// The header that a unit is, as it would be without the lies in its length and checksum.
fn header(unit: &Unit, tlvs: Tolerance) -> Option<ProxyHeader> {
    if unit.kind != Kind::Header {
        return None;
    }
    let mut honest = Unit::new(unit.kind, unit.bytes.clone()).fields(unit.fields.clone());
    honest.fields.iter_mut().filter(|field| field.name == "length").for_each(|field| {
        field.wrong = false;
    });
    checksum::seal_unit(&mut honest);
    let profile =
        Profile { checksum: Verification::Skip, tlvs, limit: usize::MAX, ..Profile::default() };
    let (header, size) = unpack(&honest.bytes, &profile).ok()?;
    (size == unit.bytes.len()).then_some(header)
}

/// Puts another header into a unit; whether that changed anything. A length or checksum that was
/// wrong on purpose stays wrong.
fn put(header: &ProxyHeader, unit: &mut Unit) -> bool {
    let Some(mut made) = stage::unit(header) else { return false };
    let sealed = |field: &&Field| matches!(field.name, "length" | "checksum");
    for field in unit.fields.iter().filter(sealed).filter(|field| field.wrong) {
        let before = unit.bytes.get(field.range.clone());
        let same = made
            .fields
            .iter_mut()
            .find(|new| new.name == field.name && new.range.len() == field.range.len());
        if let (Some(before), Some(new)) = (before, same) {
            new.wrong = true;
            made.bytes[new.range.clone()].copy_from_slice(before);
        }
    }
    let changed = made.bytes != unit.bytes;
    unit.bytes = made.bytes;
    unit.fields = made.fields;
    changed
}

/// Makes a binary header state these addresses; all else stays as it is, byte for byte.
fn restate(unit: &mut Unit, received: &v2::Header, addresses: &Addresses) {
    let known = received.addresses().is_some();
    if !known {
        // What nobody can make out would be taken for TLVs from now on.
        let end = end(unit);
        unit.splice(end..unit.bytes.len(), &[]);
    }
    let transport = match received.transport() {
        Transport::Unspec => Transport::Stream,
        transport => transport,
    };
    let mut block = BytesMut::new();
    v2::block(addresses, &mut block);
    let range = received.address_block();
    unit.bytes[12] = unit.bytes[12] & 0xf0 | ProxyCommand::Proxy as u8;
    unit.bytes[13] = (addresses.family() as u8) << 4 | transport as u8;
    let same = range.len() == block.len();
    let range = v2::FIXED + range.start..v2::FIXED + range.end;
    match same {
        // The fields keep their places.
        true => unit.bytes[range].copy_from_slice(&block),
        false => unit.splice(range, &block),
    }
    checksum::seal_unit(unit);
    rename(unit);
}

/// Names the fields anew after TLVs were added, taken away or moved.
fn rename(unit: &mut Unit) {
    if let Some(header) = header(unit, Tolerance::Accept) {
        let before = std::mem::replace(&mut unit.fields, fields(&header));
        // Nothing is wrong but what was: the checksum may still be that of other bytes.
        unit.fields.iter_mut().for_each(|field| field.wrong = false);
        for field in before.iter().filter(|field| field.wrong) {
            unit.keep_wrong(field.name);
        }
    }
}

/// Returns `true` if a unit is a binary header that can still be told as one.
fn binary(unit: &Unit) -> bool {
    unit.kind == Kind::Header && unit.named("signature").is_some()
}

/// Returns the end of the TLVs of a header: behind them are stray bytes, or nothing.
fn end(unit: &Unit) -> usize {
    let lies = unit.fields.iter().any(|field| field.wrong && field.name == "tlv-length");
    let stray = match header(unit, Tolerance::Accept) {
        // A TLV that lies about its length is none that could be told from stray bytes.
        Some(ProxyHeader::V2(header)) if !lies => header.stray().len(),
        _ => 0,
    };
    unit.bytes.len() - stray
}

/// Adds a TLV behind all others, with whatever length it shall state from now on; returns where.
fn append(unit: &mut Unit, kind: u8, length: u16, value: &[u8]) -> usize {
    let at = end(unit);
    let mut tlv = BytesMut::with_capacity(3 + value.len());
    tlv.extend_from_slice(&[kind]);
    tlv.extend_from_slice(&length.to_be_bytes());
    tlv.extend_from_slice(value);
    unit.splice(at..at, &tlv);
    unit.fields.push(Field::new("tlv-type", at..at + 1));
    let lies = usize::from(length) != value.len();
    unit.fields.push(Field::new("tlv-length", at + 1..at + 3).wrong(lies));
    unit.fields.push(Field::new("tlv-value", at + 3..at + 3 + value.len()));
    at
}

#[cfg(test)]
mod odd;

#[cfg(test)]
pub(super) mod sample {
    //! Headers for tests, and a way to show them.

    use crate::proxy_protocol::{ProxyV2, Tolerance, fields};
    use bytes::BytesMut;
    use chenapan_core::testing::{Judge, configured};
    use chenapan_core::{Behavior, Kind, Plugin, Unit, Verdict};

    /// 203.0.113.7:51234 to 198.51.100.9:8443, a checksum, ALPN `h2`, the authority `a.example`.
    pub(crate) const SUMMED: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\
        \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\
        \x03\0\x04\x57\x28\x37\x7e\x01\0\x02h2\x02\0\x09a.example";

    /// A header of version 2 without TLVs.
    pub(crate) const PLAIN: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb";

    pub(crate) const LINE: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.9 51234 8443\r\n";

    pub(crate) fn unit(bytes: &[u8]) -> Unit {
        let mut unit = Unit::new(Kind::Header, BytesMut::from(bytes));
        unit.fields = fields(&super::header(&unit, Tolerance::Refuse).expect("a header"));
        unit
    }

    /// Returns the bytes that become of a header, and the damage that is recorded.
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
        use crate::proxy_protocol::{Profile, unpack};
        for bytes in [SUMMED, PLAIN, LINE] {
            let (_, size) = unpack(bytes, &Profile::default()).unwrap();
            assert_eq!(size, bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    //! Faults one after the other.

    use super::sample::{PLAIN, SUMMED, unit};
    use crate::proxy_protocol::{Profile, ProxyV2, Unpack, unpack};
    use chenapan_core::testing::{Judge, configured};
    use chenapan_core::{Behavior, Unit, Verdict};

    fn spoof() -> Box<dyn Behavior> {
        Box::new(configured::<super::Spoof>(&[("source", "10.0.0.1")]))
    }

    fn bad_checksum(how: &str) -> Box<dyn Behavior> {
        Box::new(configured::<super::BadChecksum>(&[("how", how)]))
    }

    fn reorder() -> Box<dyn Behavior> {
        Box::new(configured::<super::ReorderTlvs>(&[]))
    }

    fn oversize(options: &[(&str, &str)]) -> Box<dyn Behavior> {
        Box::new(configured::<super::OversizeTlv>(options))
    }

    fn all(behaviors: Vec<Box<dyn Behavior>>, mut unit: Unit) -> Unit {
        for mut behavior in behaviors {
            let mut judge = Judge::new(1).with_protocol(Box::new(configured::<ProxyV2>(&[])));
            let (verdict, after) = judge.unit(&mut *behavior, unit);
            assert_eq!(verdict, Verdict::Forward);
            unit = after;
        }
        unit
    }

    #[test]
    fn a_wrong_checksum_stays_wrong_whatever_follows() {
        let profile = Profile { limit: 100_000, ..Profile::default() };
        let more: [fn() -> Box<dyn Behavior>; 3] = [spoof, reorder, || oversize(&[("size", "9")])];
        for how in ["flip", "zero", "swap", "range", "unzeroed"] {
            for more in more {
                let unit = all(vec![bad_checksum(how), more()], unit(SUMMED));
                let unpacked = unpack(&unit.bytes, &profile);
                assert!(matches!(unpacked, Err(Unpack::Checksum(_))), "{how}: {unpacked:?}");
            }
        }
    }

    #[test]
    fn a_lie_in_the_length_stays_and_the_header_can_still_be_spoofed() {
        let mut lying = unit(SUMMED);
        lying.bytes[15] += 5;
        lying.keep_wrong("length");
        let after = all(vec![spoof(), bad_checksum("flip")], lying);
        assert_eq!((after.bytes[15], &after.bytes[16..20]), (SUMMED[15] + 5, &[10, 0, 0, 1][..]));
    }

    #[test]
    fn nothing_is_added_where_no_checksum_can_stand() {
        let lying = all(vec![oversize(&[("lie", "yes")])], unit(PLAIN));
        assert_eq!(all(vec![bad_checksum("flip")], lying.clone()), lying);
        let full = all(vec![oversize(&[("size", "10MiB")])], unit(SUMMED));
        assert_eq!(all(vec![bad_checksum("flip")], full.clone()).bytes.len(), full.bytes.len());
        let full = all(vec![oversize(&[("size", "10MiB")])], unit(PLAIN));
        assert_eq!(all(vec![bad_checksum("flip")], full.clone()), full);
    }

    #[test]
    fn headers_in_ruins_are_survived() {
        for gone in ["signature", "length", "tlv-type", "tlv-length", "family", "source-address"] {
            for how in ["flip", "missing", "short", "long", "range", "unzeroed"] {
                let mut ruin = unit(SUMMED);
                let range = ruin.named(gone).unwrap().range.clone();
                ruin.splice(range, b"");
                let behaviors =
                    vec![bad_checksum(how), spoof(), reorder(), oversize(&[]), bad_checksum(how)];
                let _ = all(behaviors, ruin);
            }
        }
        let mut stump = unit(SUMMED);
        stump.splice(0..31, b"");
        let _ = all(vec![bad_checksum("range"), bad_checksum("missing")], stump);
    }

    #[test]
    fn sealing_makes_the_lengths_of_vectors_right_too() {
        let mut unit = unit(SUMMED);
        let range = unit.named("authority").unwrap().range.clone();
        unit.splice(range, b"evil.example.org");
        super::checksum::seal_unit(&mut unit);
        let (header, size) = unpack(&unit.bytes, &Profile::default()).unwrap();
        assert_eq!(
            (size, header.tlvs().first(2)),
            (unit.bytes.len(), Some(&b"evil.example.org"[..]))
        );
    }
}
