//! The API from outside: over a socket, in the words of HTTP.

mod bounds;
mod client;
mod metrics;
mod load;
mod toxiproxy;
mod v1;
