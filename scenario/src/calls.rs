//! A load of a protocol's client: several requests on one connection, each with its reply.
//!
//! It knows no protocol: the client comes from the registry.

use super::node::{Kind, Node};
use super::place::Wrong;
use bytes::BytesMut;
use chenapan_core::{Answer, Client, ClientEntry};
use std::borrow::Cow;
use std::sync::Arc;
use std::{fmt, io};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The requests of one connection.
#[derive(Clone)]
pub struct Calls {
    /// Name of the protocol whose client makes them.
    protocol: &'static str,
    client: Arc<dyn Client>,
    requests: u64,
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Calls");
        shown.field("protocol", &self.protocol).field("requests", &self.requests);
        shown.finish_non_exhaustive()
    }
}

impl Calls {
    /// Reads a client's options, or the text that is its first one.
    pub(crate) fn read(
        protocol: &'static str,
        entry: &ClientEntry,
        node: &Node,
    ) -> Result<Self, Wrong> {
        let mut given = Vec::new();
        let mut requests = 1;
        match &node.kind {
            Kind::Text(text) => {
                given.extend(entry.options.first().map(|spec| (spec.name, text.as_str())));
            }
            _ => {
                let mut fields = node.fields()?;
                if let Some(node) = fields.take("requests") {
                    requests = node.count()?;
                }
                for spec in entry.options {
                    if let Some(node) = fields.take(spec.name) {
                        given.push((spec.name, node.text()?));
                    }
                }
            }
        }
        let client = entry.configure(given);
        let client = client.map_err(|error| node.place.wrong(error.to_string()))?;
        Ok(Self { protocol, client: Arc::from(client), requests })
    }

    /// Asks one after the other; the judgement of all replies together, and how many bytes came.
    pub(crate) async fn talk(
        &self,
        first: &[u8],
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<(Result<(), Cow<'static, str>>, u64)> {
        let mut client = self.client.boxed_clone();
        let (mut input, mut received, mut right) = (BytesMut::new(), 0, Ok(()));
        writer.write_all(first).await?;
        for number in 1..=self.requests {
            let mut request = Vec::new();
            client.request(number, &mut request);
            writer.write_all(&request).await?;
            loop {
                match client.reply(number, &mut input).map_err(io::Error::other)? {
                    Some(Answer::Right) => break,
                    Some(Answer::Wrong(wrong)) => {
                        right = right.and(Err(wrong));
                        break;
                    }
                    None => {}
                }
                match reader.read_buf(&mut input).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => received += count as u64,
                }
            }
        }
        Ok((right, received))
    }
}
