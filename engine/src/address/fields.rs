//! The fields of an address that is written as an object.
//!
//! It knows no kind.

use super::arguments::Arguments;
use super::error::{Code, Fault, quoted};
use super::values;
use chenapan_core::nearest;
use serde_json::Value;
use std::ops::Range;

/// The fields that are still to be read.
pub(super) struct Fields {
    fields: Vec<Field>,
    known: Vec<&'static str>,
    /// Place of the object.
    pub(super) place: Range<usize>,
}

/// A field of an object.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) key_place: Range<usize>,
    pub(super) value: Value,
    pub(super) place: Range<usize>,
    /// The fields of its value, where that is an object.
    pub(super) inner: Vec<Field>,
}

impl Fields {
    pub(super) fn new(fields: Vec<Field>, place: Range<usize>) -> Self {
        Self { fields, known: Vec::new(), place }
    }

    /// Adds fields that say where, by the names of their parameters.
    pub(super) fn places(
        &mut self,
        given: &mut Arguments,
        places: &[(&'static str, &'static str)],
    ) -> Result<(), Fault> {
        for (field, parameter) in places {
            let Some((text, place)) = self.text(field)? else { continue };
            given.add(parameter, text, place)?;
        }
        Ok(())
    }

    /// Adds the options; nothing else may be left then.
    pub(super) fn options(&mut self, given: &mut Arguments, name: &str) -> Result<(), Fault> {
        if !given.tls && self.flag("tls")? {
            given.and_tls();
        }
        let options = self.take("options");
        self.end(given, name)?;
        let Some(options) = options else { return Ok(()) };
        if !options.value.is_object() {
            let message = "options: expected an object, such as {timeout: 5}";
            return Err(Fault::new(Code::BadValue, options.place, message));
        }
        // Fields of their own say where.
        let fields =
            ["host", "interface", "port", "path", "family", "via", "endpoint", "number", "index"];
        let is_custom = given.is_custom;
        for option in options.inner {
            if option.value.is_null() {
                continue;
            }
            let known = given.name(&option.key);
            if !is_custom && known.is_some_and(|known| known == "name" || fields.contains(&known)) {
                let message =
                    format!("{} is no option but a field of its own", quoted(&option.key));
                return Err(Fault::new(Code::UnknownOption, option.key_place, message));
            }
            let key_place = option.key_place.clone();
            let values = match &option.value {
                Value::Array(values) if is_custom => values.clone(),
                _ => vec![option.value.clone()],
            };
            for value in values {
                let one = Field { value, ..option.clone() };
                let (text, place) = one.text()?;
                given.set(&option.key, key_place.clone(), text, place)?;
            }
        }
        Ok(())
    }

    /// Takes a field out, where it is there and not null.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field> {
        self.known.push(name);
        let at = self.fields.iter().position(|field| field.key == name)?;
        Some(self.fields.remove(at)).filter(|field| !field.value.is_null())
    }

    pub(super) fn text(
        &mut self,
        name: &'static str,
    ) -> Result<Option<(String, Range<usize>)>, Fault> {
        self.take(name).map(Field::text).transpose()
    }

    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, Fault> {
        let Some((text, place)) = self.text(name)? else { return Ok(false) };
        values::flag(&text).map_err(|wrong| Fault::value(name, &wrong, place))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.key == name && !field.value.is_null())
    }

    /// Checks that nothing is left.
    pub(super) fn end(&self, given: &Arguments, kind: &str) -> Result<(), Fault> {
        let Some(field) = self.fields.first() else { return Ok(()) };
        let near = nearest(&field.key, self.known.iter().copied());
        let hint = match (near, given.name(&field.key)) {
            (_, Some(name)) if !self.known.contains(&name) => {
                format!("; write options: {{{name}: ...}}")
            }
            (Some(near), _) => format!("; did you mean {near}?"),
            _ => format!("; known here are {}", self.known.join(", ")),
        };
        let message = format!("{kind} has no field {}{hint}", quoted(&field.key));
        Err(Fault::new(Code::UnknownOption, field.key_place.clone(), message))
    }
}

impl Field {
    /// A text, a number or a flag, as it would stand in a string.
    pub(super) fn text(self) -> Result<(String, Range<usize>), Fault> {
        let text = match &self.value {
            Value::String(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
                // Without an exponent, which is no way to write a time.
                Some(float) => format!("{float:.9}").trim_end_matches('0').to_owned(),
                None => number.to_string(),
            },
            _ => {
                let message = format!("{}: expected text", quoted(&self.key));
                return Err(Fault::new(Code::BadValue, self.place, message));
            }
        };
        Ok((text, self.place))
    }
}
