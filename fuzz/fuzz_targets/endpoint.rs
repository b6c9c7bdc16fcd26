//! Any text as an address: it is read, and what is printed of it is read back the same, or refused.

#![no_main]

use chenapan::endpoint::{Connect, EndpointError, Kinds, Listen, quote, tokens};
use chenapan_fuzz as _;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let kinds = Kinds::new();
    match kinds.listen(text) {
        Ok(read) => assert_eq!(kinds.listen_object(&Listen::json(&read)), Ok(read)),
        Err(error) => shown(&error),
    }
    match kinds.connect(text) {
        Ok(read) => assert_eq!(kinds.connect_object(&Connect::json(&read)), Ok(read)),
        Err(error) => shown(&error),
    }
    let _ = tokens(text);
    let cut = tokens(&quote(text)).expect("what is quoted is cut");
    assert_eq!(cut.args, [text]);
});

fn shown(error: &EndpointError) {
    assert!(!error.message().contains(char::is_control));
    let marked = error.marked();
    assert!(marked.is_empty() || marked.lines().count() == 2, "{marked:?}");
    assert!(marked.len() < 2_000 && error.message().len() < 4_000);
}
