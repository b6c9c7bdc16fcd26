//! A whole session between hostile peers, with any rules, any protocol, and in virtual time.

#![no_main]

use chenapan_fuzz::session::{check, told};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if std::env::var_os("TELL").is_some() {
        eprintln!("{}", told(input));
    }
    check(input);
});
