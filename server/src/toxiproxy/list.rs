//! A list of proxies from a file, where a key that is not known is a mistake.

use super::proxies::Wanted;
use crate::declared::{Declaration, Declared};
use crate::misplaced::Misplaced;
use crate::toxics::Fields;
use chenapan_engine::config::Step;
use serde_json::Value;

/// Keys of a proxy; `Logger` stands in what Toxiproxy lists.
const PROXY: [&str; 6] = ["name", "listen", "upstream", "enabled", "toxics", "Logger"];

/// Keys of a toxic.
const TOXIC: [&str; 6] = ["name", "type", "stream", "direction", "toxicity", "attributes"];

impl Declared {
    /// Reads a list of proxies as Toxiproxy's files have them, with their toxics.
    ///
    /// # Errors
    ///
    /// The first mistake of the list.
    pub async fn toxiproxys(list: &[Value]) -> Result<Self, Misplaced> {
        let at = |place: usize| vec![Step::Item(place)];
        let mut declarations: Vec<Declaration> = Vec::new();
        for (place, value) in list.iter().enumerate() {
            known(value, &PROXY, at(place))?;
            for (number, toxic) in value["toxics"].as_array().into_iter().flatten().enumerate() {
                let mut path = at(place);
                path.extend([Step::Key("toxics".to_owned()), Step::Item(number)]);
                known(toxic, &TOXIC, path)?;
            }
            let described = async {
                let wanted = Wanted::read(&Fields::of(value.clone())?, Some(place + 1))?;
                wanted.described().await
            };
            let (config, front) =
                described.await.map_err(|failure| Misplaced::value(at(place), failure.text))?;
            if declarations.iter().any(|known| known.name() == config.name) {
                let message = format!("there is a proxy {:?} before", config.name);
                return Err(Misplaced::value(at(place), message));
            }
            declarations.push(Declaration { config, front: Some(front), path: at(place) });
        }
        Ok(Self::new(declarations))
    }
}

/// Checks that an object has no key but these, in any case.
fn known(value: &Value, keys: &[&'static str], path: Vec<Step>) -> Result<(), Misplaced> {
    let is_known = |name: &String| keys.iter().any(|key| key.eq_ignore_ascii_case(name));
    let unknown = value.as_object().and_then(|object| object.keys().find(|name| !is_known(name)));
    unknown.map_or(Ok(()), |name| Err(Misplaced::key(path, name, keys)))
}
