//! Bytes without structure.

use bytes::BytesMut;
use chenapan_core::{Description, Direction, Handled, Malformed, Protocol, plugin};

plugin! {
    /// Any service: bytes without structure, in both directions.
    ///
    /// A unit is whatever one read returned. Rules that count or draw by unit therefore repeat
    /// exactly only if the reads do; rules addressed by byte always repeat exactly.
    pub struct Tcp = "tcp" {}
}

impl Protocol for Tcp {
    fn handle(&mut self, _: Direction, _: &mut BytesMut) -> Result<Handled, Malformed> {
        Ok(Handled::Opaque)
    }

    fn describe(&self) -> Description {
        Description::opaque()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chenapan_core::testing::{at_every_split, configured};

    #[test]
    fn every_byte_is_opaque() {
        let protocol = || Box::new(configured::<Tcp>(&[])) as Box<dyn Protocol>;
        let units = at_every_split(protocol, Direction::Upstream, b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(units.unwrap()[0].bytes, "GET / HTTP/1.0\r\n\r\n");
    }
}
