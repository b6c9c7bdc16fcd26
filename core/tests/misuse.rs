//! Mistakes in declarations of plug-ins, and what the compiler says of each: the words are the point.
//!
//! After a change of these words, or a new compiler: `TRYBUILD=overwrite cargo test -p chenapan-core --test
//! misuse`, and read what has changed.

#[test]
fn each_mistake_is_told_in_its_own_words() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
