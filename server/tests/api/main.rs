//! The API from outside: over a socket, in the words of HTTP.

mod bounds;
mod client;
mod dashboard;
mod lasting;
mod load;
mod metrics;
mod statsd;
mod toxiproxy;
mod v1;
mod vaurien;
