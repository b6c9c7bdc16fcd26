//! Results of the codec as one object of JSON.
//!
//! The names and their order are a promise to other programs.

use super::receiver::Unpacked;
use crate::json::write::{ObjectWriter, array, hex, string};
use crate::proxy_protocol::{Addresses, ProxyHeader, Unpack, Want, details};
use std::fmt::{self, Write};

/// Writes the result as one object.
pub(super) fn write(out: &mut dyn Write, unpacked: &Unpacked) -> fmt::Result {
    let mut object = ObjectWriter::new(out);
    match unpacked {
        Ok((header, consumed)) => {
            object.text("kind", "accept")?;
            members(&mut object, header, *consumed)?;
        }
        Err(Unpack::Incomplete(want)) => {
            object.text("kind", "incomplete")?;
            match want {
                Want::Line { at_most } => object.raw("want_line", at_most)?,
                want => object.raw("want_bytes", want.at_least())?,
            }
        }
        Err(Unpack::Syntax { message, offset }) => {
            reject(&mut object, "syntax", message, *offset)?;
        }
        Err(Unpack::Checksum(wrong)) => {
            let (found, expected) = (wrong.found, wrong.expected);
            let message = format!("checksum 0x{found:08x} should be 0x{expected:08x}");
            reject(&mut object, "checksum", &message, wrong.offset)?;
            members(&mut object, &ProxyHeader::V2(wrong.header.clone()), wrong.consumed)?;
        }
    }
    object.end()
}

fn reject(object: &mut ObjectWriter<'_>, error: &str, message: &str, offset: usize) -> fmt::Result {
    object.text("kind", "reject")?;
    object.text("error", error)?;
    object.text("message", message)?;
    object.raw("offset", offset)
}

/// One end as the object states it: an address and a port, or a path in hex.
type End = (Option<String>, Option<u16>);

fn ends(header: &ProxyHeader) -> [End; 2] {
    let path = |path: &[u8]| {
        (Some(path.iter().map(|byte| format!("{byte:02x}")).collect::<String>()), None)
    };
    match header.addresses() {
        None => [(None, None), (None, None)],
        Some(Addresses::Inet(pair)) => [
            (Some(pair.source.to_string()), Some(pair.source_port)),
            (Some(pair.destination.to_string()), Some(pair.destination_port)),
        ],
        Some(Addresses::Inet6(pair)) => [
            (Some(pair.source.to_string()), Some(pair.source_port)),
            (Some(pair.destination.to_string()), Some(pair.destination_port)),
        ],
        Some(Addresses::Unix(pair)) => {
            [path(pair.source.trimmed()), path(pair.destination.trimmed())]
        }
    }
}

fn members(object: &mut ObjectWriter<'_>, header: &ProxyHeader, consumed: usize) -> fmt::Result {
    object.raw("version", header.version())?;
    object.text("command", header.command().name())?;
    object.text("family", header.family().name())?;
    object.text("transport", header.transport().name())?;
    let names = [("src", "sport"), ("dst", "dport")];
    for ((address, port), (address_name, port_name)) in ends(header).into_iter().zip(names) {
        object.text_or_null(address_name, address.as_deref())?;
        match port {
            Some(port) => object.raw(port_name, port)?,
            None => object.raw(port_name, "null")?,
        }
    }
    array(object.name("tlvs")?, header.tlvs(), |out, tlv| {
        write!(out, "[{},", tlv.kind)?;
        hex(out, tlv.value)?;
        out.write_char(']')
    })?;
    object.text("crc", header.checksum().name())?;
    object.raw("consumed", consumed)?;
    array(object.name("details")?, details(header), |out, (name, text)| {
        out.write_char('[')?;
        string(out, name)?;
        out.write_char(',')?;
        string(out, &text)?;
        out.write_char(']')
    })
}
