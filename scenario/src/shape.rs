//! Shapes of a file's parts: which keys there are, and what they hold. Reader and schema go by them.
//!
//! They say nothing about what one part of a file has to do with another; `read` does.

use chenapan_core::{Choice, ClientEntry, Form};

/// Shape of the value at a place.
#[derive(Debug)]
pub enum Shape {
    /// A text or a number, as this says.
    Scalar(Scalar),
    /// A list of so many of these at least, or a single one.
    List(&'static Shape, usize),
    /// A map from names of the author's own; and an example of it.
    Map(&'static Shape, &'static str),
    /// A map with keys of the program's.
    Object(&'static Object),
    /// A scalar of this shape, or else a map with these keys.
    Short(&'static Scalar, &'static Object),
    /// Calls of a client: a text for its first option, or else a map with its options.
    Client(ClientEntry),
    /// Phases, each of which is checked once its matrix was put in.
    Phases,
    /// The rules of one proxy, or of each by its name; they are checked by the registry's tables.
    Rules,
    /// A protocol, which is checked by the registry's tables.
    Protocol,
    /// An address, as text or as an object, which is checked by its own reader.
    Address,
    /// Subjects and bounds, which are checked by what the phase has.
    Bounds,
    /// The end of a phase: a time, or bounds within a time.
    Until,
}

/// Form of a text.
#[derive(Debug)]
pub enum Scalar {
    /// Anything.
    Text,
    /// An option's form.
    Form(Form),
    /// A whole number from one to another.
    Count(u64, u64),
    /// One of these.
    Choice(&'static [Choice]),
    /// One of these, or something else; and what that is, in words.
    ChoiceOr(&'static [Choice], &'static Scalar, &'static str),
    /// The pattern that it matches; and what is expected, in words.
    Match(&'static str, &'static str),
}

/// A map with keys of the program's.
#[derive(Debug)]
pub struct Object {
    /// Value that is expected in its place, in words.
    pub example: &'static str,
    /// Its keys.
    pub fields: &'static [Field],
    /// At least one of these keys must be given; the mistake otherwise, and the remedy.
    pub any: Option<(&'static [&'static str], &'static str, &'static str)>,
    /// At most one of these keys may be given; and the mistake otherwise.
    pub one: Option<(&'static [&'static str], &'static str)>,
    /// Set when the name of each protocol that has a client is a key, too, and one of those.
    pub clients: bool,
}

/// A key and what it holds.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Description of its meaning.
    pub about: &'static str,
    /// Shape of its value.
    pub shape: Shape,
    /// Set if it must be given.
    pub needed: bool,
}

/// A key that may be left out.
pub(crate) const fn may(name: &'static str, about: &'static str, shape: Shape) -> Field {
    Field { name, about, shape, needed: false }
}

/// A key that must be there.
pub(crate) const fn must(name: &'static str, about: &'static str, shape: Shape) -> Field {
    Field { name, about, shape, needed: true }
}
