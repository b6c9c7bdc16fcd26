//! Real servers that read headers of the PROXY protocol, and real ones that send them, with the
//! program in between.

#[path = "../support/mod.rs"]
mod support;

mod apache;
mod cases;
mod haproxy;
mod lighttpd;
mod mail;
mod nginx;
mod senders;
mod tap;
mod varnish;
