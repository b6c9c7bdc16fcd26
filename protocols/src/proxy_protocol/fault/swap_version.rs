//! Says the same in the other version.

use super::{header, put};
use crate::proxy_protocol::template::{Source, Template, Version};
use crate::proxy_protocol::{ProxyHeader, Tolerance};
use chenapan_core::{Behavior, Context, Interest, Kind, Scope, Unit, Verdict, plugin};

plugin! {
    /// Turns a PROXY header of version 1 into one of version 2, or the reverse.
    ///
    /// The header is right, only not of the version that was expected. What version 1 cannot say
    /// (TLVs, UNIX paths, LOCAL) is lost.
    pub struct SwapVersion = "swap-version", Upstream {}
}

impl Behavior for SwapVersion {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(received) = header(unit, Tolerance::Accept) else {
            return Verdict::Forward;
        };
        let (version, what) = match received {
            ProxyHeader::V1(_) => (Version::Two, "version 1 becomes 2"),
            ProxyHeader::V2(_) => (Version::One, "version 2 becomes 1"),
        };
        let made = Template::plain(version).make(&Source::header(&received, cx.connection.number));
        if made.is_ok_and(|made| put(&made, unit)) {
            cx.record(unit.offset, what);
        }
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).needs("source-address")
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{LINE, PLAIN, SUMMED, after};
    use super::*;

    #[test]
    fn each_version_becomes_the_other_one() {
        let (bytes, told) = after::<SwapVersion>(&[], LINE);
        assert_eq!((&bytes[..], &told[..]), (PLAIN, &["0 version 1 becomes 2".to_owned()][..]));
        assert_eq!(after::<SwapVersion>(&[], PLAIN).0, LINE);
        assert_eq!(after::<SwapVersion>(&[], SUMMED).0, LINE);
    }

    #[test]
    fn what_has_no_addresses_has_none_in_the_other_version() {
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        assert_eq!(after::<SwapVersion>(&[], local).0, b"PROXY UNKNOWN\r\n");
        let unspec = b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
        assert_eq!(after::<SwapVersion>(&[], b"PROXY UNKNOWN\r\n").0, unspec);
    }
}
