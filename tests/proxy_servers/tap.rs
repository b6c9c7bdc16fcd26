//! Peers of the program when real servers send to it.

use crate::support::{Backend, bounded, connect};
use socket2::{Domain, Socket, Type};
use std::io::{Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// Bytes that a client sends behind the header.
pub(crate) const PAYLOAD: &[u8] = b"hello\nbye\n";
/// Answer to the payload.
pub(crate) const ANSWER: &[u8] = b"answer\n";

/// Stands before the program, hands on everything, and keeps what came from the front.
pub(crate) struct Tap {
    pub(crate) address: SocketAddr,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Tap {
    pub(crate) fn start(onward: SocketAddr) -> Self {
        let taken = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
        let keeps = taken.clone();
        let backend = Backend::start(move |mut front| {
            let mut back = connect(onward);
            let (mut from, mut to) = (back.try_clone().unwrap(), front.try_clone().unwrap());
            thread::spawn(move || {
                let _ = copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            let number = {
                let mut taken = keeps.lock().unwrap();
                taken.push(Vec::new());
                taken.len() - 1
            };
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = front.read(&mut piece) {
                keeps.lock().unwrap()[number].extend(&piece[..length]);
                if back.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
            let _ = back.shutdown(Shutdown::Write);
        });
        Self { address: backend.address, taken }
    }

    /// Returns the bytes of the first connection that brought this.
    pub(crate) fn with(&self, part: &[u8]) -> Vec<u8> {
        let taken = self.taken.lock().unwrap();
        let has = |bytes: &&Vec<u8>| bytes.windows(part.len()).any(|window| window == part);
        taken.iter().find(has).expect("a connection with this").clone()
    }
}

/// A backend that answers the payload, and all that it got with it.
pub(crate) fn recorder() -> (SocketAddr, Receiver<Vec<u8>>) {
    let (tells, told) = channel();
    let backend = Backend::start(move |mut stream| {
        let mut got = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stream.read(&mut piece) {
            got.extend(&piece[..length]);
            if got.ends_with(PAYLOAD) {
                tells.send(got).unwrap();
                stream.write_all(ANSWER).unwrap();
                return;
            }
        }
    });
    (backend.address, told)
}

/// Connects from an address that is nobody else's, so that it can be told from the others.
pub(crate) fn connect_from_afar(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 9], 0)).into()).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = socket.into();
    bounded(&stream);
    stream
}
