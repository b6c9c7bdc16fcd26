//! `socks5://`, `socks4a://`, `socks4://` and `socks://`: a SOCKS proxy, then the target behind it.

use super::{Kind, Make, Objects, Use, tcp};
use crate::address::arguments::Arguments;
use crate::address::error::{Code, Fault};
use crate::address::hop::read as hop;
use crate::address::notation::Notation;
use crate::address::url::{self, Url};
use crate::address::usage::Usage;

pub(super) const KIND: Kind = Kind {
    names: &["socks5", "socks4a", "socks4", "socks"],
    instead: "a SOCKS proxy is on the way to a backend",
    listen: None,
    connect: Some(Use {
        usage: Usage {
            about: "Through a SOCKS proxy, as a URL: the proxy, then the target; socks detects \
                    the version.",
            example: "socks5://127.0.0.1:9050/db.example:5432?auth=random",
            positionals: &[],
            parameters: &[tcp::CONNECT, hop::MANNER],
            surplus: None,
        },
        notation: Notation {
            typed: |given, rest| {
                let start = rest.map_or(given.end.start, |rest| rest.start - 1) - given.kind.len();
                let name = given.kind;
                let message =
                    format!("a SOCKS proxy is written as a URL: {name}://PROXY:1080/HOST:PORT");
                Err(Fault::new(Code::BadUrl, start..given.end.end, message))
            },
            url: proxy_and_target,
            ..Notation::PLAIN
        },
        make: Make::Place(tcp::connect),
    }),
    objects: Objects::Instead("write kind: tcp, and via: {protocol: ..., host: ..., port: ...}"),
};

fn proxy_and_target(given: &mut Arguments, url: &Url<'_>) -> Result<(), Fault> {
    given.via = hop::proxy(given.kind, url)?;
    let target = url.path.map(|path| path.part(1..path.text.len()));
    let Some(target) = target.filter(|target| !target.text.is_empty()) else {
        let message = format!("there is no target; write {}://PROXY:PORT/HOST:PORT", given.kind);
        return Err(Fault::new(Code::MissingHost, given.end.clone(), message));
    };
    if let Some(at) = target.text.find('/') {
        let message = "nothing stands behind the target's port; write %2F for a plain slash";
        return Err(target.part(at..target.text.len()).fault(Code::BadUrl, message));
    }
    given.host_and_port(target, url::host_and_port(target)?, "host")
}
