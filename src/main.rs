//! The program; see the library for everything else.

fn main() {}
