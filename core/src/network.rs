//! Networks as users write them: `10.0.0.0/8`.

use crate::Written;
use std::fmt;
use std::net::IpAddr;

/// A network, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Returns `true` if an address belongs to the network; an IPv4 address in IPv6 form counts as
    /// IPv4.
    pub fn includes(&self, address: IpAddr) -> bool {
        // A prefix of 0 shifts everything out.
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                (net.to_bits() ^ ip.to_bits()).checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                (net.to_bits() ^ ip.to_bits()).checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Network { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            IpAddr::V4(address) => write!(f, "{address}/{}", self.prefix),
            IpAddr::V6(address) => write!(f, "[{address}]/{}", self.prefix),
        }
    }
}

/// Networks with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(pub Vec<Network>);

impl Networks {
    /// Returns `true` if an address belongs to one of the networks.
    pub fn include(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.includes(address))
    }
}

impl Written for Network {
    const NAME: &'static str = "network";

    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong =
            || format!("{text:?} is no network; write it like 10.0.0.0/8 or [2001:db8::]/32");
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u32 = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| wrong())?,
            None => most,
        };
        if prefix > most {
            return Err(wrong());
        }
        // An IPv4 network in IPv6 form is one.
        Ok(match (address.to_canonical(), prefix.checked_sub(96)) {
            (mapped @ IpAddr::V4(_), Some(prefix)) if most == 128 => {
                Network { address: mapped, prefix }
            }
            _ => Network { address, prefix },
        })
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{network}")?;
        }
        Ok(())
    }
}

impl Written for Networks {
    const NAME: &'static str = "networks";

    fn read(text: &str) -> Result<Self, String> {
        text.split(',').map(Network::read).collect::<Result<_, _>>().map(Networks)
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_networks_and_addresses_are_ipv4() {
        let includes = |network: &str, address: &str| {
            Network::read(network).unwrap().includes(address.parse().unwrap())
        };
        assert!(includes("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(includes("[::ffff:10.0.0.0]/104", "10.1.2.3"));
        assert!(!includes("::ffff:10.0.0.0/104", "11.1.2.3"));
        assert!(includes("::/0", "2001:db8::1") && includes("0.0.0.0/0", "192.0.2.1"));
        assert!(!includes("2001:db8::/32", "2001:db9::1"));
    }

    #[test]
    fn networks_are_shown_as_they_are_read() {
        let shown = "10.0.0.0/8,[2001:db8::]/32,[::1]/128";
        let networks = Networks::read(shown).unwrap();
        assert_eq!(networks.to_string(), shown);
        assert_eq!(Network::from(IpAddr::from([10, 0, 0, 1])).to_string(), "10.0.0.1/32");
    }

    #[test]
    fn what_is_no_network_says_what_would_do() {
        for text in ["home", "10.0.0.0/33", "10.0.0.0/", "::/129", ""] {
            assert!(Network::read(text).unwrap_err().contains("10.0.0.0/8"), "{text:?}");
        }
        assert_eq!(Networks::read("10.0.0.0/8, ::1").unwrap().0.len(), 2);
    }
}
