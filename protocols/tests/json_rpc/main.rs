//! The JSON-RPC codec from outside: the tables of messages, framers at every cut, any bytes.

mod framers;
mod http;
mod large;
mod messages;
mod random;
mod stream;
