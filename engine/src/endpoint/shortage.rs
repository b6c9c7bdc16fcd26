//! Shortages of this machine: errors that are nobody else's fault.

use rustix::io::Errno;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};

/// An error because descriptors, ports or memory have run out here: it passes.
#[derive(Debug)]
struct Shortage(String);

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Shortage {}

/// The error in these words, which is a shortage.
pub(super) fn shortage(kind: io::ErrorKind, words: String) -> io::Error {
    io::Error::new(kind, Shortage(words))
}

/// Returns `true` if an error is a passing shortage of this machine, and nobody else's fault.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    short.iter().any(|errno| code == Some(errno.raw_os_error()))
        || error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Shortage>)
}

/// An error of connecting, which is a shortage where all local ports towards this address are in
/// use. The same number is what the system says where it has no address of that family.
pub(super) fn connecting(error: io::Error, to: SocketAddr) -> io::Error {
    let reaches = || {
        let any: SocketAddr = match to.is_ipv4() {
            true => ([0, 0, 0, 0], 0).into(),
            false => ([0; 16], 0).into(),
        };
        // Nothing is sent.
        UdpSocket::bind(any).and_then(|socket| socket.connect(to)).is_ok()
    };
    match error.kind() {
        io::ErrorKind::AddrNotAvailable if to.port() != 0 && reaches() => {
            let words = "all local ports towards it are in use".to_owned();
            shortage(io::ErrorKind::AddrNotAvailable, words)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_words;
    use super::*;

    #[test]
    fn shortages_stay_that_in_other_words() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS] {
            let error = in_words("backend x", &io::Error::from(errno));
            assert!(is_shortage(&in_words("again", &error)), "{error}");
        }
        for errno in [Errno::CONNREFUSED, Errno::TIMEDOUT, Errno::HOSTUNREACH, Errno::ACCESS] {
            assert!(!is_shortage(&in_words("backend x", &io::Error::from(errno))));
        }
    }

    #[test]
    fn an_address_that_cannot_be_had_is_no_shortage() {
        let gone = || io::Error::from(Errno::ADDRNOTAVAIL);
        assert!(is_shortage(&connecting(gone(), "127.0.0.1:9".parse().unwrap())));
        assert!(!is_shortage(&connecting(gone(), "127.0.0.1:0".parse().unwrap())));
        let refused = io::Error::from(Errno::CONNREFUSED);
        assert!(!is_shortage(&connecting(refused, "127.0.0.1:9".parse().unwrap())));
    }
}
