//! Toxics of a proxy: their routes, and what a change of one does.

use super::{Answer, found};
use crate::api::Api;
use crate::toxics::{Failure, Toxic, object};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chenapan_engine::proxy::Proxy;

/// Lists the toxics of a proxy.
pub(super) async fn list(State(api): State<Api>, Path(proxy): Path<String>) -> Answer {
    let proxy = found(&api, &proxy)?;
    Ok(Json(api.toxics().get(proxy.name()).listed().map(Toxic::json).collect()))
}

pub(super) async fn create(
    State(api): State<Api>,
    Path(proxy): Path<String>,
    body: Bytes,
) -> Answer {
    let proxy = found(&api, &proxy)?;
    let toxic = Toxic::read(&object(&body)?)?;
    let shown = toxic.json();
    api.toxics().change(proxy.name(), |front| {
        if front.toxic(&toxic.name).is_some() {
            return Err(Failure::toxic_exists());
        }
        add(&proxy, &toxic)?;
        front.toxics.push(toxic);
        Ok(())
    })?;
    Ok(Json(shown))
}

pub(super) async fn show(
    State(api): State<Api>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Answer {
    let front = api.toxics().get(found(&api, &proxy)?.name());
    front.toxic(&toxic).map(|toxic| Json(toxic.json())).ok_or_else(Failure::no_toxic)
}

pub(super) async fn update(
    State(api): State<Api>,
    Path((proxy, toxic)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let proxy = found(&api, &proxy)?;
    api.toxics().change(proxy.name(), |front| {
        let place = front.toxics.iter().position(|known| known.name == toxic);
        let known = &mut front.toxics[place.ok_or_else(Failure::no_toxic)?];
        let updated = known.updated(&object(&body)?)?;
        replace(&proxy, known, &updated)?;
        *known = updated;
        Ok(Json(known.json()))
    })
}

/// Takes a toxic away. Connections that have lost data to it are closed: they cannot go on.
pub(super) async fn delete(
    State(api): State<Api>,
    Path((proxy, toxic)): Path<(String, String)>,
) -> Result<StatusCode, Failure> {
    let proxy = found(&api, &proxy)?;
    api.toxics().change(proxy.name(), |front| {
        let place = front.toxics.iter().position(|known| known.name == toxic);
        let gone = front.toxics.remove(place.ok_or_else(Failure::no_toxic)?);
        remove(&proxy, &gone)
    })?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts a toxic on a proxy, in the place of one with its name.
pub(crate) fn put(api: &Api, proxy: &Proxy, toxic: Toxic) -> Result<(), Failure> {
    api.toxics().change(proxy.name(), |front| {
        match front.toxics.iter_mut().find(|known| known.name == toxic.name) {
            Some(known) => {
                let toxic = toxic.instead_of(known);
                replace(proxy, known, &toxic)?;
                *known = toxic;
            }
            None => {
                add(proxy, &toxic)?;
                front.toxics.push(toxic);
            }
        }
        Ok(())
    })
}

/// Takes a toxic of a proxy away, where it has one of this name.
pub(crate) fn take(api: &Api, proxy: &Proxy, name: &str) -> Result<(), Failure> {
    api.toxics().change(proxy.name(), |front| {
        match front.toxics.iter().position(|known| known.name == name) {
            Some(place) => remove(proxy, &front.toxics.remove(place)),
            None => Ok(()),
        }
    })
}

/// Forgets the toxics of a proxy whose rules are gone.
pub(crate) fn forget(api: &Api, proxy: &Proxy) {
    // Without a rule to remove nothing can fail.
    let _ = clear(api, proxy);
}

/// Takes all toxics of a proxy away.
pub(super) fn clear(api: &Api, proxy: &Proxy) -> Result<(), Failure> {
    api.toxics().change(proxy.name(), |front| {
        for gone in std::mem::take(&mut front.toxics) {
            remove(proxy, &gone)?;
        }
        Ok(())
    })
}

fn add(proxy: &Proxy, toxic: &Toxic) -> Result<(), Failure> {
    let rules = toxic.rules();
    let taken = rules.iter().any(|rule| proxy.rule(rule.name()).is_some());
    match taken {
        true => Err(Failure::toxic_exists()),
        false => proxy.add_rules(rules).map_err(Failure::body),
    }
}

fn replace(proxy: &Proxy, known: &Toxic, updated: &Toxic) -> Result<(), Failure> {
    let name = known.rule_name();
    match (proxy.rule(&name).is_some(), known.keeps_rule(updated)) {
        (true, true) => Ok(()),
        (true, false) => proxy.replace_rule(&name, updated.rules()).map_err(Failure::body),
        (false, _) => add(proxy, updated),
    }
}

fn remove(proxy: &Proxy, gone: &Toxic) -> Result<(), Failure> {
    let name = gone.rule_name();
    if proxy.rule(&name).is_some() {
        proxy.remove_rule(&name).map_err(Failure::body)?;
    }
    for number in gone.lost() {
        proxy.close(number);
    }
    Ok(())
}
