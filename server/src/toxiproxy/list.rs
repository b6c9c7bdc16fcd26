//! A list of proxies from a file, where a key that is not known is a mistake.

use super::proxies::{Wanted, populated};
use crate::api::Api;
use crate::toxics::Fields;
use chenapan_core::nearest;
use chenapan_engine::config::{Spot, Step};
use serde_json::Value;

/// Keys of a proxy; `Logger` stands in what Toxiproxy lists.
const PROXY: [&str; 6] = ["name", "listen", "upstream", "enabled", "toxics", "Logger"];

/// Keys of a toxic.
const TOXIC: [&str; 6] = ["name", "type", "stream", "direction", "toxicity", "attributes"];

/// A mistake in a list of proxies, and the steps that lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Misplaced {
    /// Steps from the list to the value.
    pub path: Vec<Step>,
    /// Part of the value.
    pub spot: Spot,
    /// Cause of the error.
    pub message: String,
}

impl Api {
    /// Makes the proxies of a list as Toxiproxy's files have them, with their toxics.
    ///
    /// # Errors
    ///
    /// The first mistake of the list, before any proxy is made; or the first proxy that cannot be
    /// started.
    pub async fn populate(&self, list: &[Value]) -> Result<(), Misplaced> {
        let at = |place: usize| vec![Step::Item(place)];
        let wrong = |path, message| Misplaced { path, spot: Spot::Value, message };
        let mut wanted = Vec::new();
        for (place, value) in list.iter().enumerate() {
            known(value, &PROXY, at(place))?;
            for (number, toxic) in value["toxics"].as_array().into_iter().flatten().enumerate() {
                let mut path = at(place);
                path.extend([Step::Key("toxics".to_owned()), Step::Item(number)]);
                known(toxic, &TOXIC, path)?;
            }
            let read = Fields::of(value.clone())
                .and_then(|fields| Wanted::read(&fields, Some(place + 1)))
                .map_err(|failure| wrong(at(place), failure.text))?;
            wanted.push(read);
        }
        for (place, wanted) in wanted.into_iter().enumerate() {
            let made = populated(self, wanted).await;
            made.map_err(|failure| wrong(at(place), failure.text))?;
        }
        Ok(())
    }
}

/// Checks that an object has no key but these, in any case.
fn known(value: &Value, keys: &[&'static str], mut path: Vec<Step>) -> Result<(), Misplaced> {
    let is_known = |name: &String| keys.iter().any(|key| key.eq_ignore_ascii_case(name));
    let unknown = value.as_object().and_then(|object| object.keys().find(|name| !is_known(name)));
    let Some(name) = unknown else { return Ok(()) };
    let hint = match nearest(&name.to_lowercase(), keys.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known are {}", keys.join(", ")),
    };
    path.push(Step::Key(name.clone()));
    Err(Misplaced { path, spot: Spot::Key, message: format!("unknown key {name:?}; {hint}") })
}
