//! JSON as bytes: where values begin and end, what strings stand for, and changes in place.
//!
//! It never builds a tree, and knows no protocol.

mod cursor;
mod patch;
mod scan;
pub(crate) mod text;
mod value_type;
pub(crate) mod write;

pub(crate) use cursor::blanks;
pub use cursor::{Cursor, Item, Member, NotJson};
pub(crate) use patch::{Patch, Tokens};
pub use scan::{Scan, Scanner};
pub use value_type::ValueType;
