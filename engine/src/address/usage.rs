//! The documented part of a kind: its purpose, an example, and its parameters.

use super::values::Shape;

/// End that an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The address to listen on.
    Listen,
    /// The address to connect to.
    Connect,
}

/// A kind in one role.
#[derive(Debug)]
pub struct Usage {
    /// Description of its purpose, in one sentence.
    pub about: &'static str,
    /// An example.
    pub example: &'static str,
    /// The parameters that arguments without a name are taken for.
    pub positionals: &'static [&'static str],
    /// All of its parameters.
    pub parameters: &'static [&'static [Parameter]],
    /// Parameter that one argument too many may have been meant for.
    pub surplus: Option<&'static str>,
}

/// A parameter of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Other spellings that are taken for it.
    pub aliases: &'static [&'static str],
    /// Shape of its value.
    pub shape: Shape,
    /// Description of its meaning.
    pub help: &'static str,
    /// A value as one would write it.
    pub example: &'static str,
}

impl Role {
    /// Returns the role's name, as messages say it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Listen => "listen",
            Role::Connect => "connect",
        }
    }
}

impl Usage {
    /// All parameters, in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = &'static Parameter> {
        self.parameters.iter().copied().flatten()
    }
}

/// Returns a parameter.
pub(super) const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    shape: Shape,
    example: &'static str,
    help: &'static str,
) -> Parameter {
    Parameter { name, aliases, shape, help, example }
}
