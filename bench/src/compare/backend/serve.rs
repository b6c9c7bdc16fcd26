//! The backend's own process: a few threads, each with its own poller over one shared listener.

use crate::compare::backend::Service;
use crate::compare::poller::{Interest, Poller, Ready};
use crate::compare::{bench, port};
use anyhow::Context;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;

/// Serves until the process that started this one is gone.
pub(crate) fn serve(service: Service) -> anyhow::Result<()> {
    let listener = port::listen().context("could not listen")?;
    listener.set_nonblocking(true)?;
    for _ in 0..bench::lanes() {
        let mut lane = Lane::new(service, listener.try_clone()?)?;
        thread::spawn(move || {
            if let Err(error) = lane.run() {
                eprintln!("compare: backend: {error}");
            }
        });
    }
    println!("{}", listener.local_addr()?.port());
    io::copy(&mut io::stdin(), &mut io::sink()).context("could not wait for the end")?;
    Ok(())
}

struct Lane {
    service: Service,
    listener: TcpListener,
    poller: Poller,
    // By file descriptor, which is their token too.
    sockets: Vec<Option<TcpStream>>,
    // The beginning of a line of each.
    lines: Vec<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Lane {
    fn new(service: Service, listener: TcpListener) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, LISTENER, Interest::IN | Interest::EXCLUSIVE)?;
        let buffer = vec![0x5a; 256 * 1024];
        let (sockets, lines) = (Vec::new(), Vec::new());
        Ok(Self { service, listener, poller, sockets, lines, buffer })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut ready = Ready::new();
        loop {
            self.poller.wait(&mut ready)?;
            for token in ready.tokens() {
                match usize::try_from(token) {
                    Ok(index) if token != LISTENER => self.serve(index),
                    // Whoever connected may be gone again: no reason to stop.
                    _ => drop(self.accept()),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let (socket, _) = self.listener.accept()?;
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let interest = match self.service {
            Service::Source => Interest::OUT,
            Service::Echo | Service::Calls => Interest::IN,
        };
        let token = socket.as_raw_fd();
        self.poller.add(&socket, token as u64, interest)?;
        let index = token as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
            self.lines.resize_with(index + 1, Vec::new);
        }
        self.lines[index].clear();
        self.sockets[index] = Some(socket);
        Ok(())
    }

    fn serve(&mut self, index: usize) {
        let Some(place) = self.sockets.get_mut(index) else {
            return;
        };
        let Some(socket) = place else {
            return;
        };
        let served = match self.service {
            Service::Source => socket.write(&self.buffer),
            Service::Echo => echo(socket, &mut self.buffer),
            Service::Calls => answer(socket, &mut self.buffer, &mut self.lines[index]),
        };
        match served {
            Ok(1..) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => {}
            Ok(0) | Err(_) => *place = None,
        }
    }
}

fn echo(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let count = socket.read(buffer)?;
    // Requests are small and wait for their answer, so that there is always room for it.
    socket.write_all(&buffer[..count])?;
    Ok(count)
}

fn answer(socket: &mut TcpStream, buffer: &mut [u8], lines: &mut Vec<u8>) -> io::Result<usize> {
    let count = socket.read(buffer)?;
    lines.extend_from_slice(&buffer[..count]);
    let end = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let mut replies = Vec::with_capacity(end);
    for line in lines[..end].split_inclusive(|&byte| byte == b'\n') {
        let id = line.iter().rposition(|&byte| byte == b':').map_or(0, |at| at + 1);
        replies
            .extend_from_slice(br#"{"jsonrpc":"2.0","result":{"hash":"0x1f3a","ok":true},"id":"#);
        replies.extend_from_slice(&line[id..]);
    }
    lines.drain(..end);
    socket.write_all(&replies)?;
    Ok(count)
}

const LISTENER: u64 = u64::MAX;
