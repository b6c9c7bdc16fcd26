//! The canonical form in: an object in place of a string, as programs and YAML files write it.
//!
//! It only finds the parts; which of them say where is up to the kind's notation.

use super::choose::{Side, choose};
use super::{plain, typed};
use crate::address::built_in::{Kind, Objects, canonical};
use crate::address::error::{Code, Fault};
use crate::address::fields::{Field, Fields};
use crate::address::tokens::Piece;
use crate::address::{Connect, EndpointError, Kinds, Listen};
use serde_json::{Map, Value};
use std::ops::Range;

impl Kinds {
    /// Reads an address to listen at from its canonical form, or from a string in any style.
    ///
    /// # Errors
    ///
    /// The mistake, its place, and what would do.
    pub fn listen_object(&self, value: &Value) -> Result<Listen, EndpointError> {
        match value {
            Value::String(text) => self.listen(text),
            value => read(value, self),
        }
    }

    /// Reads an address to connect to from its canonical form, or from a string in any style.
    ///
    /// # Errors
    ///
    /// The mistake, its place, and what would do.
    pub fn connect_object(&self, value: &Value) -> Result<Connect, EndpointError> {
        match value {
            Value::String(text) => self.connect(text),
            value => read(value, self),
        }
    }
}

/// The object as one line, in which every part has its place.
struct Written {
    text: String,
    places: Vec<(Range<usize>, Vec<String>)>,
}

fn read<S: Side>(value: &Value, kinds: &Kinds) -> Result<S, EndpointError> {
    let mut written = Written { text: String::new(), places: Vec::new() };
    let fields = match value {
        Value::Object(map) => written.object(map, &[], 0),
        other => {
            written.text = other.to_string();
            let message = "expected an address, as text or as an object with a kind";
            let fault = Fault::new(Code::BadValue, 0..written.text.len(), message);
            return Err(fault.of(&written.text));
        }
    };
    let place = 0..written.text.len();
    of_fields(Fields::new(fields, place), kinds).map_err(|fault| {
        let inside =
            |place: &Range<usize>| place.start <= fault.place.start && fault.place.end <= place.end;
        // The innermost one comes first.
        let found = written.places.iter().find(|(place, _)| inside(place));
        let path = found.map_or(Vec::new(), |(_, path)| path.clone());
        fault.of_object(written.text, path)
    })
}

impl Written {
    fn object(&mut self, map: &Map<String, Value>, path: &[String], depth: u8) -> Vec<Field> {
        self.text.push('{');
        let mut fields = Vec::new();
        for (key, value) in map {
            if !fields.is_empty() {
                self.text.push_str(", ");
            }
            let path: Vec<_> = path.iter().chain([key]).cloned().collect();
            let from = self.text.len();
            self.text.push_str(&Value::from(key.as_str()).to_string());
            let key_place = from..self.text.len();
            self.text.push_str(": ");
            let start = self.text.len();
            let inner = match value {
                // An address has no objects further in; what is there is refused as a whole.
                Value::Object(map) if depth == 0 => self.object(map, &path, depth + 1),
                other => {
                    self.text.push_str(&other.to_string());
                    Vec::new()
                }
            };
            let place = start..self.text.len();
            self.places.push((from..place.end, path));
            let (key, value) = (key.clone(), value.clone());
            fields.push(Field { key, key_place, value, place, inner });
        }
        self.text.push('}');
        fields
    }
}

/// Reads an address from its fields.
fn of_fields<T: Side>(mut fields: Fields, kinds: &Kinds) -> Result<T, Fault> {
    let (name, place) = kind(&mut fields)?;
    let header = fields.text("proxy_protocol")?.map(|(text, place)| {
        T::header(&text).map_err(|wrong| Fault::value("proxy_protocol", &wrong, place))
    });
    let header = header.transpose()?;
    let word = Piece { text: meant(&name, &fields), start: 0 };
    if !typed::knows(kinds, word.text) {
        return Err(Fault { place, ..plain::unknown_kind::<T>(word, kinds) });
    }
    if let Some((Kind { objects: Objects::Instead(write), .. }, name)) = Kind::find(word.text) {
        let message = format!("{name} is no kind of an object; {write}");
        return Err(Fault::new(Code::Conflict, place, message));
    }
    let end = fields.place.end..fields.place.end;
    let chosen = choose::<T>(kinds, word, end);
    let mut chosen = chosen.map_err(|fault| Fault { place, ..fault })?;
    (chosen.notation.object)(&mut chosen.given, &mut fields)?;
    fields.options(&mut chosen.given, &name)?;
    let read = chosen.made(kinds)?;
    Ok(match header {
        Some(header) => read.headed(header),
        None => read,
    })
}

/// The kind's name; where there is none, what the other fields say.
fn kind(fields: &mut Fields) -> Result<(String, Range<usize>), Fault> {
    if let Some((kind, place)) = fields.text("kind")? {
        return Ok((kind.to_ascii_lowercase(), place));
    }
    let said = canonical().find(|(_, own)| own.iter().any(|field| fields.has(field.name)));
    if let Some((name, _)) = said {
        return Ok((name.to_owned(), fields.place.clone()));
    }
    let names: Vec<_> = canonical().map(|(name, _)| name).collect();
    let (last, names) = names.split_last().map_or(("", &[][..]), |(last, names)| (*last, names));
    let message = format!("the address has no kind; write kind: {} or {last}", names.join(", "));
    Err(Fault::new(Code::MissingOption, fields.place.clone(), message))
}

/// The kind that a name stands for beside these fields.
fn meant<'a>(name: &'a str, fields: &Fields) -> &'a str {
    match Kind::find(name) {
        Some((Kind { objects: Objects::Else(own, other), .. }, _)) if !fields.has(own[0].name) => {
            other
        }
        _ => name,
    }
}
