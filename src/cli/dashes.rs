//! Flags of other programs' command lines, which have one dash.

use std::ffi::OsString;

/// Takes these flags with one dash for those with two, from the argument of this number on.
pub(super) fn two_dashes(arguments: &mut [OsString], from: usize, flags: &[&str]) {
    for argument in arguments.iter_mut().skip(from) {
        let known = argument.to_str().and_then(|text| text.strip_prefix('-')).is_some_and(|text| {
            let name = text.split('=').next().unwrap_or_default();
            flags.contains(&name)
        });
        if known {
            let mut long = OsString::from("-");
            long.push(&*argument);
            *argument = long;
        }
    }
}
