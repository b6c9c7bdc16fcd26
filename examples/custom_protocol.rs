//! A program that is chenapan with one protocol more: every rule then works on whole lines.
//!
//! ```sh
//! cargo run --example custom_protocol -- help lines
//! printf 'one\ntwo\nthree\n' |
//!     cargo run --example custom_protocol -- apply --protocol lines --behavior drop:label=two
//! ```
//!
//! Each line of the client asks for one line of the server, in the same order, and `replies` says so.
//! That is all the bookkeeping there is: the engine remembers what was asked, gives a reply the label
//! of its request (so `label=get` and `delay:label=get:direction=downstream` mean what they say), and
//! lets an error that a rule makes wait for the replies before it, and counts what is `unanswered`, the
//! `slowest` reply and the `latency` by label. It enters requests where they leave for the server; one
//! that counted them in `handle` would be wrong after the first one that a rule has refused, dropped or
//! repeated.

use chenapan_core::bytes::BytesMut;
use chenapan_core::{
    Description, Direction, Handled, Kind, Malformed, Protocol, ProtocolEntry, Refusal, Replies,
    Unit, Want, plugin,
};
use std::process::ExitCode;

plugin! {
    /// Lines that end in a line feed, one for each line of the client. The label of a request is its
    /// first word, and a reply has that of its request.
    pub struct Lines = "lines" {
        /// Start of an error reply.
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
        Ok(Handled::Unit(match direction {
            Direction::Upstream => {
                let text = String::from_utf8_lossy(&line).into_owned();
                Unit::request(line).labelled(text.split_whitespace().next())
            }
            Direction::Downstream => Unit::response(line),
        }))
    }

    fn describe(&self) -> Description {
        Description::new().kinds(&[Kind::Request], &[Kind::Response]).replies(Replies::InOrder)
    }

    fn refuse(&self, _: &Unit, refusal: &Refusal) -> Option<BytesMut> {
        let (code, text) = (refusal.code.unwrap_or(1), refusal.message.as_str());
        Some(format!("{} {code} {text}\n", self.error).as_str().into())
    }
}

fn main() -> ExitCode {
    chenapan::cli::main(chenapan::registry().protocol(ProtocolEntry::of::<Lines>()))
}
