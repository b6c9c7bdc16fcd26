//! Parameters that every address takes beside its place: options, and TLS.

use crate::address::arguments::{Argument, Arguments};
use crate::address::error::{Code, Fault};
use crate::address::{Connect, Listen, Options};

/// Adds what is left as options, and TLS.
pub(super) fn listen(mut listen: Listen, given: &mut Arguments) -> Result<Listen, Fault> {
    options(&mut listen.options, given)?;
    listen.tls = given.tls;
    let shown = ["key", "cert"].iter().any(|name| listen.options.text(name).is_some());
    if listen.tls && !shown {
        let message = "tls (listen) needs a key and a certificate; add key=FILE:cert=FILE (a file of \
                       both is key=FILE alone)";
        return Err(Fault::new(Code::MissingOption, given.end.clone(), message));
    }
    Ok(listen)
}

/// Adds what is left as options, and TLS.
pub(super) fn connect(mut connect: Connect, given: &mut Arguments) -> Result<Connect, Fault> {
    options(&mut connect.options, given)?;
    connect.tls = given.tls;
    Ok(connect)
}

/// Reads what is left as options.
fn options(options: &mut Options, given: &mut Arguments) -> Result<(), Fault> {
    for (Argument { name, value, place }, parameter) in given.rest() {
        let Some(parameter) = parameter else { continue };
        let setting = parameter.shape.setting(&value);
        if let Some(setting) = setting.map_err(|wrong| Fault::value(name, &wrong, place))? {
            options.set(name, setting);
        }
    }
    Ok(())
}
