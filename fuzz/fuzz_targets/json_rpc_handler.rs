//! Both directions of a connection of JSON-RPC, through the protocol that units come from.

#![no_main]

use chenapan_fuzz::json_rpc_handler::check;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| check(input));
