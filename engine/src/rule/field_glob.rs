//! Field of a unit whose text has to fit a glob.

use chenapan_core::{Pattern, Unit};

/// The mark of a reply for a header of its request, as `name: text`.
pub(crate) const ASKED: &str = "asked-header";

/// Field that must fit; one of several with its name is enough.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldGlob {
    /// Name of the field.
    field: String,
    glob: Pattern,
}

/// Begins the names of fields that are headers.
const HEADER: &str = "header.";

impl FieldGlob {
    /// A field of this name whose text fits a glob.
    pub(super) fn new(field: &str, glob: Pattern) -> Self {
        Self { field: field.to_owned(), glob }
    }

    /// Reads a header as `NAME`, `NAME=GLOB` or `NAME:GLOB`.
    pub(super) fn read_header(text: &str) -> Result<Self, String> {
        let (name, glob) = text.split_once(['=', ':']).unwrap_or((text, "*"));
        let (name, glob) = (name.trim().to_ascii_lowercase(), glob.trim());
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err("expected a header such as x-fault or x-fault=slow*".to_owned());
        }
        Ok(Self { field: format!("{HEADER}{name}"), glob: Pattern::glob(glob)? })
    }

    /// Returns the name of the header, if it is one by which requests may be told apart.
    pub(super) fn header(&self) -> Option<&str> {
        self.field.strip_prefix(HEADER).filter(|name| *name != "content-type")
    }

    /// Returns `true` if a unit has such a field, or, by a mark, answers a request that had.
    pub(super) fn fits(&self, unit: &Unit) -> bool {
        let named = unit.fields.iter().filter(|field| unit.is_called(field, &self.field));
        let mut texts = named.filter_map(|field| unit.bytes.get(field.range.clone()));
        let asked = |name: &str| {
            let marks = unit.marks.iter().filter(|(mark, _)| *mark == ASKED);
            let mut texts = marks.filter_map(|(_, text)| text.split_once(": "));
            texts.any(|(header, text)| header == name && self.glob.is_match(text.as_bytes()))
        };
        texts.any(|text| self.glob.is_match(text)) || self.header().is_some_and(asked)
    }
}
