//! A program that is chenapan with one protocol more: every rule then works on whole lines.
//!
//! ```sh
//! cargo run --example custom_protocol -- help lines
//! printf 'one\ntwo\nthree\n' |
//!     cargo run --example custom_protocol -- apply --protocol lines --behavior drop:label=two
//! ```

use bytes::BytesMut;
use chenapan_core::{
    Direction, Handled, Kind, Malformed, Protocol, ProtocolEntry, Refusal, Unit, Want, plugin,
};
use std::process::ExitCode;

plugin! {
    /// Lines that end in a line feed; each one's label is its first word.
    pub struct Lines = "lines" {
        /// What an error reply starts with.
        error: String = "ERR",
        ;
        // How far each direction was searched already: linear on slow senders.
        searched: [usize; 2],
    }
}

impl Protocol for Lines {
    fn handle(&mut self, direction: Direction, input: &mut BytesMut) -> Result<Handled, Malformed> {
        let searched = &mut self.searched[direction as usize];
        let Some(end) = input[*searched..].iter().position(|&byte| byte == b'\n') else {
            *searched = input.len();
            return Ok(Handled::Incomplete(Want::Bytes(1)));
        };
        let line = input.split_to(*searched + end + 1);
        *searched = 0;
        let kind = match direction {
            Direction::Upstream => Kind::Request,
            Direction::Downstream => Kind::Response,
        };
        let word = String::from_utf8_lossy(&line).split_whitespace().next().map(Box::from);
        Ok(Handled::Unit(Unit { label: word, ..Unit::new(kind, line) }))
    }

    fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let (code, text) = (refusal.code.unwrap_or(1), refusal.message.as_str());
        Some(format!("{} {code} {text}\n", self.error).as_str().into())
    }
}

fn main() -> ExitCode {
    chenapan::cli::main(chenapan::registry().protocol(ProtocolEntry::of::<Lines>()))
}
