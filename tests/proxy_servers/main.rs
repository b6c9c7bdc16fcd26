//! Real servers that read headers of the PROXY protocol, and real ones that send them, with the
//! program in between.

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod haproxy;
mod nginx;
