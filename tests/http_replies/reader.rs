//! A reader of HTTP replies that forgives nothing.

/// A reader of replies that forgives nothing.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A reply: its status, its type and its body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Why there is no further reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end inside of one.
    Ends,
    Wrong(String),
}

impl<'a> Reader<'a> {
    /// All final replies, or what is wrong.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Vec<Reply>, (Vec<Reply>, Fault)> {
        let mut reader = Self { bytes, at: 0 };
        let mut found = Vec::new();
        while reader.at < bytes.len() {
            match reader.reply() {
                Ok(reply) if reply.status < 200 => {}
                Ok(reply) => found.push(reply),
                Err(fault) => return Err((found, fault)),
            }
        }
        Ok(found)
    }

    fn line(&mut self) -> Result<&'a str, Fault> {
        let rest = &self.bytes[self.at..];
        let end = rest.windows(2).position(|two| two == b"\r\n").ok_or_else(|| {
            // What can be no line any more is not just the start of one.
            if rest.contains(&b'\n') || rest.len() > 4_096 {
                self.wrong("no line")
            } else {
                Fault::Ends
            }
        })?;
        let line = str::from_utf8(&rest[..end]).map_err(|_| self.wrong("no text"))?;
        if line.contains(['\r', '\n']) {
            return Err(self.wrong("a bare line end"));
        }
        self.at += end + 2;
        Ok(line)
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], Fault> {
        let taken = self.bytes.get(self.at..self.at + size).ok_or(Fault::Ends)?;
        self.at += size;
        Ok(taken)
    }

    fn wrong(&self, what: &str) -> Fault {
        let near = self.bytes.get(self.at..).unwrap_or_default();
        let near = &near[..near.len().min(60)];
        Fault::Wrong(format!("{what} at byte {}: {:?}", self.at, String::from_utf8_lossy(near)))
    }

    fn reply(&mut self) -> Result<Reply, Fault> {
        let start = b"HTTP/1.1 ";
        let rest = &self.bytes[self.at..];
        if !rest.iter().zip(start).all(|(byte, wanted)| byte == wanted) {
            return Err(self.wrong("no status line"));
        }
        let line = self.line()?;
        let status = line.get(9..12).and_then(|digits| digits.parse().ok());
        let status: u16 = status.ok_or_else(|| self.wrong("no status"))?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| self.wrong("no header"))?;
            let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            if name.is_empty() || !name.bytes().all(token) {
                return Err(self.wrong("no name"));
            }
            if name.eq_ignore_ascii_case("content-length") {
                let value = value.trim().parse::<usize>().ok();
                if length.is_some() || value.is_none() {
                    return Err(self.wrong("two lengths, or none"));
                }
                length = value;
            }
            if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim() == "chunked";
            }
        }
        let body = match (status, chunked, length) {
            (100..=199 | 204 | 304, _, Some(_)) => {
                return Err(self.wrong("a length without a body"));
            }
            (100..=199 | 204 | 304, false, None) => Vec::new(),
            (_, true, Some(_)) => return Err(self.wrong("chunks and a length")),
            (_, true, None) => self.chunks()?,
            (_, false, Some(length)) => self.take(length)?.to_vec(),
            (_, false, None) => return Err(self.wrong("no length")),
        };
        Ok(Reply { status, body })
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let hex = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit());
            let size = usize::from_str_radix(line, 16).ok().filter(|_| hex);
            let size = size.ok_or_else(|| self.wrong("no size of a chunk"))?;
            body.extend_from_slice(self.take(size)?);
            match self.take(2)? {
                b"\r\n" if size == 0 => return Ok(body),
                b"\r\n" => {}
                _ => return Err(self.wrong("no end of a chunk")),
            }
        }
    }
}

#[test]
fn the_reader_forgives_nothing() {
    let right = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(Reader::read(right.as_bytes()).unwrap().len(), 1);
    for wrong in [
        "62\r\ndata: x\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noknot",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        let fault = Reader::read(wrong.as_bytes()).map(|_| ()).map_err(|(_, fault)| fault);
        assert!(matches!(fault, Err(Fault::Wrong(_))), "{wrong:?}: {fault:?}");
    }
    let half = Reader::read(&right.as_bytes()[..30]).map(|_| ()).map_err(|(_, fault)| fault);
    assert_eq!(half, Err(Fault::Ends));
}
