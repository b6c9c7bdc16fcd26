//! Kinds that a user of the library has brought along.
//!
//! It never reads values: that is up to the tables of their options.

use crate::address::arguments::Arguments;
use crate::address::custom::{CustomKind, Entry};
use crate::address::error::{Code, Fault};
use chenapan_core::Fault as Wrong;

/// The kind with what was given to it; what was given to TLS stays.
pub(super) fn configure<T: ?Sized>(
    entry: &Entry<T>,
    given: &mut Arguments,
) -> Result<CustomKind<T>, Fault> {
    let end = given.end.clone();
    let arguments = given.take_custom();
    let pairs: Vec<_> = arguments.iter().map(|given| (given.name, given.value.clone())).collect();
    entry.configure(&pairs).map_err(|error| {
        let place = arguments.iter().rfind(|given| given.name == error.option);
        let place = place.map_or(end, |given| given.place.clone());
        let (kind, option) = (entry.name, error.option);
        match error.fault {
            Wrong::Missing(example) => {
                let message = format!("{kind} needs {option}, as in {kind}:{option}={example}");
                Fault::new(Code::MissingOption, place, message)
            }
            wrong => Fault::value(&option, &wrong.to_string(), place),
        }
    })
}
