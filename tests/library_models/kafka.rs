//! The frame of Kafka's messages: a length, and an id by which a response finds its request.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Correlation, Description, Direction, Handled, Kind, Malformed, Protocol, Refusal, Replies,
    Size, Unit, Want, plugin,
};

plugin! {
    /// Messages behind four bytes of size. The label of a request is its API, and a response has that of its
    /// request.
    pub struct Kafka = "kafka" {
        /// Size of the largest message.
        max_size: Size = "1MiB",
    }
}

fn api(key: u8) -> &'static str {
    match key {
        0 => "Produce",
        1 => "Fetch",
        3 => "Metadata",
        _ => "Unknown",
    }
}

impl Protocol for Kafka {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let Some(size) = input.first_chunk::<4>() else {
            return Ok(Handled::Incomplete(Want::Bytes(4 - input.len())));
        };
        let (head, whole) = match direction {
            Direction::Upstream => (12, u32::from_be_bytes(*size).saturating_add(4) as usize),
            Direction::Downstream => (8, u32::from_be_bytes(*size).saturating_add(4) as usize),
        };
        if whole < head || whole > self.describe().longest {
            return Err(Malformed::new("no size of a message", 0));
        }
        if input.len() < whole {
            return Ok(Handled::Incomplete(Want::Bytes(whole - input.len())));
        }
        let bytes = input.split_to(whole);
        let id = Correlation::of(&bytes[head - 4..head]);
        let unit = match direction {
            Direction::Upstream => {
                let label = api(bytes[5]);
                let request = Unit::request(bytes).label(label).field("size", 0..4);
                request.field("api-key", 4..6).field("api-version", 6..8)
            }
            Direction::Downstream => Unit::response(bytes).field("size", 0..4),
        };
        let unit = unit.field("correlation-id", head - 4..head).field("body", head..whole);
        Ok(Handled::Unit(unit.correlation(id)))
    }

    fn describe(&self) -> Description {
        Description::new()
            .kinds(&[Kind::Request], &[Kind::Response])
            .fields(&["size", "api-key", "api-version", "correlation-id", "body"])
            .replies(Replies::ById)
            .longest(usize::try_from(self.max_size.0).unwrap_or(usize::MAX).saturating_add(4))
    }

    fn refuse(&self, unit: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let code = i16::try_from(refusal.code.unwrap_or(-1)).unwrap_or(-1);
        let reply = [&6_u32.to_be_bytes()[..], unit.value("correlation-id")?, &code.to_be_bytes()];
        Some(BytesMut::from(&*reply.concat()))
    }

    fn seal(&self, unit: &mut Unit) {
        let size = unit.bytes.len().saturating_sub(4) as u32;
        if unit.named("size").is_some_and(|field| !field.wrong)
            && let Some(field) = unit.value_mut("size")
        {
            field.copy_from_slice(&size.to_be_bytes());
        }
    }
}
