//! Puts TLVs into another order.

use super::{header, rename};
use crate::proxy_protocol::{ProxyHeader, Tolerance};
use bytes::BytesMut;
use chenapan_core::{
    Behavior, Context, Dice, Interest, Kind, Scope, Unit, Verdict, choices, plugin,
};

plugin! {
    /// Puts the TLVs of a PROXY header of version 2 into another order; each stays as it is.
    ///
    /// A checksum that was right is corrected. A header with fewer than two TLVs passes as it is.
    pub struct ReorderTlvs = "reorder-tlvs", Upstream {
        /// New order of the TLVs.
        how: Order = "reverse",
    }
}

choices! {
    /// New order of TLVs.
    pub enum Order {
        /// The last comes first.
        Reverse = "reverse",
        /// Any other order, drawn.
        Shuffle = "shuffle",
    }
}

impl Behavior for ReorderTlvs {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(ProxyHeader::V2(received)) = header(unit, Tolerance::Accept) else {
            return Verdict::Forward;
        };
        let tlvs = received.tlvs();
        let size: usize = tlvs.map(|tlv| 3 + tlv.value.len()).sum();
        // The header ends in its TLVs, and in stray bytes. They are moved as they came: what was read is
        // without the lies of earlier rules.
        let at = unit.bytes.len() - received.stray().len() - size;
        let mut rest = &unit.bytes[at..at + size];
        let mut order = Vec::new();
        for tlv in tlvs {
            let (first, others) = rest.split_at(3 + tlv.value.len());
            order.push(first);
            rest = others;
        }
        match self.how {
            Order::Reverse => order.reverse(),
            Order::Shuffle => shuffle(&mut order, &mut cx.dice),
        }
        let mut moved = BytesMut::with_capacity(size);
        for tlv in &order {
            moved.extend_from_slice(tlv);
        }
        let count = order.len();
        if unit.bytes[at..at + moved.len()] == moved {
            return Verdict::Forward;
        }
        let wrong = unit.named("checksum").is_some_and(|field| field.wrong);
        unit.splice(at..at + moved.len(), &moved);
        rename(unit);
        if wrong {
            unit.keep_wrong("checksum");
        }
        cx.protocol.seal(unit);
        cx.record(unit.offset + at as u64, format!("{count} TLVs in another order"));
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).needs("tlv-type")
    }
}

/// Any other order: never the one that was.
fn shuffle(order: &mut [&[u8]], dice: &mut Dice) {
    let before = order.to_vec();
    for last in (1..order.len()).rev() {
        order.swap(last, dice.below(last as u64 + 1) as usize);
    }
    if order == before && order.len() > 1 {
        order.rotate_left(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{LINE, PLAIN, SUMMED, after};
    use super::*;
    use crate::proxy_protocol::{Checksum, Profile, unpack};

    fn kinds(how: &str, bytes: &[u8]) -> Vec<u8> {
        let (bytes, told) = after::<ReorderTlvs>(&[("how", how)], bytes);
        let (header, size) = unpack(&bytes, &Profile::default()).unwrap();
        assert_eq!((size, header.checksum()), (SUMMED.len(), Checksum::Right));
        assert_eq!(bytes[..28], SUMMED[..28]);
        assert_eq!(told, ["28 3 TLVs in another order"]);
        header.tlvs().map(|tlv| tlv.kind).collect()
    }

    #[test]
    fn the_order_changes_and_the_values_do_not() {
        assert_eq!(kinds("reverse", SUMMED), [0x02, 0x01, 0x03]);
        let mut shuffled = kinds("shuffle", SUMMED);
        assert_ne!(shuffled, [0x03, 0x01, 0x02]);
        shuffled.sort_unstable();
        assert_eq!(shuffled, [0x01, 0x02, 0x03]);
    }

    #[test]
    fn nothing_to_reorder_is_no_fault() {
        assert_eq!(after::<ReorderTlvs>(&[], PLAIN), (PLAIN.to_vec(), vec![]));
        assert_eq!(after::<ReorderTlvs>(&[], LINE), (LINE.to_vec(), vec![]));
    }
}
