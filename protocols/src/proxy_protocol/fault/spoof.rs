//! States another source.

use super::{header, put, restate};
use crate::proxy_protocol::template::{Source, Template, Version};
use crate::proxy_protocol::{AddressTemplate, Addresses, ProxyCommand, ProxyHeader, Tolerance, v1};
use chenapan_core::{Behavior, Context, Interest, Kind, OptionError, Scope, Unit, Verdict, plugin};

plugin! {
    /// Makes a PROXY header state another source; everything else in it stays as it is.
    ///
    /// A checksum that was right is corrected. An address without a port leaves the port as it is.
    /// If the new address is IPv6 and those of the header are not, both become IPv6. A header
    /// without addresses (LOCAL, UNSPEC, UNKNOWN) gets some.
    pub struct Spoof = "spoof", Upstream {
        /// The source to state; `{n}` is the number of the connection.
        source: AddressTemplate = "203.0.113.{n}",
        /// The destination to state, written in the same way; by default it stays.
        destination: Option<AddressTemplate> = "none",
    } check = Spoof::check
}

impl Behavior for Spoof {
    fn on_unit(&mut self, unit: &mut Unit, cx: &mut Context<'_>) -> Verdict {
        let Some(received) = header(unit, Tolerance::Accept) else {
            return Verdict::Forward;
        };
        let template = Template {
            command: Some(ProxyCommand::Proxy),
            source: Some(&self.source),
            destination: self.destination.as_ref(),
            ..Template::plain(Version::Two)
        };
        let basis = Source::header(&received, cx.connection.number);
        let Ok(Some(addresses)) = template.addresses(&basis) else {
            return Verdict::Forward;
        };
        if received.addresses() == Some(&addresses) {
            return Verdict::Forward;
        }
        match &received {
            ProxyHeader::V1(line) => {
                let family = line.addresses().map(Addresses::family);
                let same = family == Some(addresses.family());
                if !(same && respell(unit, line, &addresses)) {
                    // What a line cannot say it says by UNKNOWN.
                    let line = v1::Header::new(addresses.clone());
                    put(&line.unwrap_or_else(|_| v1::Header::unknown()).into(), unit);
                }
            }
            ProxyHeader::V2(header) => restate(unit, header, &addresses),
        }
        let what = addresses.source().map_or_else(String::new, |source| format!(": {source}"));
        cx.record(unit.offset, format!("source{what}"));
        Verdict::Forward
    }

    fn interest(&self) -> Interest {
        Interest::Units
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(&[Kind::Header]).needs("source-address")
    }
}

impl Spoof {
    /// Checks that the options make sense together.
    fn check(&self) -> Result<(), OptionError> {
        let template = Template {
            source: Some(&self.source),
            destination: self.destination.as_ref(),
            ..Template::plain(Version::Two)
        };
        let tried = template.make(&Source::connection(&chenapan_core::Connection::new(1)));
        tried.map(drop).map_err(|error| OptionError::value("destination", error.to_string()))
    }
}

/// Writes other addresses into a line, of which all that stays is left as it is spelt; whether all
/// of its fields were there.
fn respell(unit: &mut Unit, line: &v1::Header, addresses: &Addresses) -> bool {
    let ends = |addresses: &Addresses| {
        let (source, destination) = (addresses.source()?, addresses.destination()?);
        Some([
            ("destination-port", destination.port().to_string()),
            ("source-port", source.port().to_string()),
            ("destination-address", destination.ip().to_string()),
            ("source-address", source.ip().to_string()),
        ])
    };
    let Some((before, after)) = line.addresses().and_then(ends).zip(ends(addresses)) else {
        return false;
    };
    let others = before.into_iter().zip(after).filter(|(before, after)| before != after);
    let others: Vec<_> = others.map(|(_, after)| after).collect();
    if others.iter().any(|(name, _)| unit.named(name).is_none()) {
        return false;
    }
    for (name, text) in others {
        if let Some(field) = unit.named(name) {
            unit.splice(field.range.clone(), text.as_bytes());
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::sample::{LINE, PLAIN, SUMMED, after};
    use super::*;
    use crate::proxy_protocol::{Checksum, Profile, unpack};

    fn stated(bytes: &[u8]) -> [String; 2] {
        let (header, _) = unpack(bytes, &Profile::default()).unwrap();
        let addresses = header.addresses().unwrap();
        [addresses.source(), addresses.destination()].map(|end| end.unwrap().to_string())
    }

    #[test]
    fn the_source_changes_and_nothing_else_but_the_sum() {
        let (bytes, told) = after::<Spoof>(&[("source", "10.9.8.7")], SUMMED);
        assert_eq!((&bytes[..16], &bytes[20..31]), (&SUMMED[..16], &SUMMED[20..31]));
        assert_eq!(bytes[35..], SUMMED[35..]);
        assert_eq!(stated(&bytes), ["10.9.8.7:51234", "198.51.100.9:8443"]);
        let (header, _) = unpack(&bytes, &Profile::default()).unwrap();
        assert_eq!(header.checksum(), Checksum::Right);
        assert_eq!(told, ["0 source: 10.9.8.7:51234"]);
    }

    #[test]
    fn lines_ports_and_families_follow() {
        let (bytes, _) = after::<Spoof>(&[("source", "10.9.8.7:1")], LINE);
        assert_eq!(bytes, b"PROXY TCP4 10.9.8.7 198.51.100.9 1 8443\r\n");
        let (bytes, _) = after::<Spoof>(&[("source", "2001:db8::7")], PLAIN);
        assert_eq!(stated(&bytes), ["[2001:db8::7]:51234", "[::ffff:198.51.100.9]:8443"]);
        let (bytes, _) = after::<Spoof>(&[("destination", "[10.0.0.1:25]")], LINE);
        assert_eq!(stated(&bytes), ["203.0.113.1:51234", "10.0.0.1:25"]);
    }

    #[test]
    fn headers_without_addresses_get_some() {
        let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
        let (bytes, _) = after::<Spoof>(&[("source", "10.9.8.7:1")], local);
        assert_eq!(stated(&bytes), ["10.9.8.7:1", "0.0.0.0:0"]);
        let (bytes, _) = after::<Spoof>(&[("source", "10.9.8.7:1")], b"PROXY UNKNOWN\r\n");
        assert_eq!(bytes, b"PROXY TCP4 10.9.8.7 0.0.0.0 1 0\r\n");
    }

    #[test]
    fn what_says_so_already_is_no_fault() {
        let (bytes, told) = after::<Spoof>(&[("source", "203.0.113.7")], SUMMED);
        assert_eq!((&bytes[..], told.len()), (SUMMED, 0));
    }
}
