//! Proxies: their routes, and what a change of one does.

use super::address::At;
use super::{Answer, found, toxics};
use crate::api::Api;
use crate::toxics::{Failure, Fields, Front, Toxic, object, objects};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chenapan_engine::endpoint::Connect;
use chenapan_engine::proxy::{Config, Proxy};
use serde_json::{Map, Value, json};
use std::io;

/// A backend that nobody can reach, since nothing is below a device: that of a proxy whose upstream
/// is no address.
const NOWHERE: &str = "unix:/dev/null/upstream-is-no-address";

/// A proxy that is to be made.
pub(super) struct Wanted {
    name: String,
    listen: String,
    upstream: String,
    enabled: bool,
    toxics: Vec<Toxic>,
}

impl Wanted {
    /// Reads a proxy; `place` counts the entries of a list from 1. Toxics are read in a list only.
    pub(super) fn read(fields: &Fields, place: Option<usize>) -> Result<Self, Failure> {
        let needed = |field: &str| match fields.text(field)?.filter(|text| !text.is_empty()) {
            Some(text) => Ok(text.to_owned()),
            None => Err(Failure::missing(field, place)),
        };
        let toxics = place.map_or(Ok(Vec::new()), |_| fields.array("toxics"))?;
        Ok(Self {
            name: needed("name")?,
            upstream: needed("upstream")?,
            listen: fields.text("listen")?.unwrap_or_default().to_owned(),
            enabled: fields.truth("enabled")?.unwrap_or(true),
            toxics: toxics.iter().map(Toxic::read).collect::<Result<_, _>>()?,
        })
    }

    /// Returns its configuration, with the rules that its toxics are, and what it does not tell.
    pub(super) async fn described(self) -> Result<(Config, Front), Failure> {
        let mut config = Config::new("127.0.0.1:0", NOWHERE).map_err(Failure::system)?;
        config.listen = vec![At::read(&self.listen).await?.listen()?];
        config.backend = backend(&self.upstream)?;
        config.enabled = self.enabled;
        config.name = self.name;
        for toxic in &self.toxics {
            // Two of one name.
            config.rules = config.rules.with(toxic.rules()).map_err(|_| Failure::toxic_exists())?;
        }
        let (listen, upstream) = (Some(self.listen), Some(self.upstream));
        Ok((config, Front { listen, upstream, toxics: self.toxics }))
    }

    /// Starts the proxy.
    async fn start(self, api: &Api) -> Result<Proxy, Failure> {
        if api.control().get(&self.name).is_some() {
            return Err(Failure::proxy_exists());
        }
        let (config, front) = self.described().await?;
        let name = config.name.clone();
        let proxy = api.control().add(config).map_err(|error| match error.kind() {
            // Somebody else was faster.
            io::ErrorKind::InvalidInput if api.control().get(&name).is_some() => {
                Failure::proxy_exists()
            }
            _ => bind(front.listen.as_deref().unwrap_or_default(), &error),
        })?;
        api.toxics().set(&name, front);
        Ok(proxy)
    }
}

/// Reads the address of a backend; one that cannot be read is never reached.
fn backend(upstream: &str) -> Result<Connect, Failure> {
    match upstream.parse() {
        Ok(backend) => Ok(backend),
        Err(error) => {
            tracing::warn!(upstream, %error, "no address: connections will be closed");
            NOWHERE.parse().map_err(Failure::system)
        }
    }
}

/// Puts an error of a listener in Go's words.
fn bind(listen: &str, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => return Failure::system(error),
    };
    let at = if listen.is_empty() { ":0" } else { listen };
    Failure::system(format!("listen tcp {at}: bind: {why}"))
}

/// Addresses of a proxy as they are shown.
pub(crate) struct Ends {
    pub(crate) listen: String,
    pub(crate) upstream: String,
}

impl Ends {
    /// Returns the addresses of a proxy: those that it was given here, or those that it has.
    pub(crate) fn of(api: &Api, proxy: &Proxy) -> Self {
        let front = api.toxics().get(proxy.name());
        let listen = match (proxy.address(), front.listen) {
            (Some(bound), _) => At::shown(bound),
            (None, Some(given)) => given,
            (None, None) => {
                proxy.config().listen.first().map(ToString::to_string).unwrap_or_default()
            }
        };
        let upstream = front.upstream.unwrap_or_else(|| proxy.backend().to_string());
        Self { listen, upstream }
    }
}

/// Returns a proxy as it is shown.
pub(super) fn shown(api: &Api, proxy: &Proxy) -> Value {
    let Ends { listen, upstream } = Ends::of(api, proxy);
    let front = api.toxics().get(proxy.name());
    let toxics: Vec<_> = front.listed().map(Toxic::json).collect();
    json!({
        "name": proxy.name(),
        "listen": listen,
        "upstream": upstream,
        "enabled": proxy.is_enabled(),
        "Logger": {},
        "toxics": toxics,
    })
}

/// Lists all proxies by name.
pub(super) async fn list(State(api): State<Api>) -> Json<Value> {
    let proxies = api.control().proxies();
    let named = proxies.iter().filter(|proxy| !proxy.name().is_empty());
    let shown: Map<_, _> =
        named.map(|proxy| (proxy.name().to_owned(), shown(&api, proxy))).collect();
    Json(Value::Object(shown))
}

pub(super) async fn create(
    State(api): State<Api>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let proxy = Wanted::read(&object(&body)?, None)?.start(&api).await?;
    Ok((StatusCode::CREATED, Json(shown(&api, &proxy))))
}

pub(super) async fn show(State(api): State<Api>, Path(name): Path<String>) -> Answer {
    Ok(Json(shown(&api, &found(&api, &name)?)))
}

/// Changes what is given of a proxy. Where it cannot have the new address, it stays as it is.
pub(super) async fn update(
    State(api): State<Api>,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let proxy = found(&api, &name)?;
    let fields = object(&body)?;
    let front = api.toxics().get(&name);
    let listen = fields.text("listen")?;
    let enabled = fields.truth("enabled")?.unwrap_or(proxy.is_enabled());
    let upstream =
        fields.text("upstream")?.filter(|given| Some(*given) != front.upstream.as_deref());
    let at = match listen {
        Some(text) => Some(At::read(text).await?).filter(|at| !at.stays(proxy.address())),
        None => None,
    };
    change(&proxy, at, upstream, enabled).await?;
    api.toxics().change(&name, |front| {
        front.listen = listen.map(str::to_owned).or_else(|| front.listen.take());
        front.upstream = upstream.map(str::to_owned).or_else(|| front.upstream.take());
    });
    Ok(Json(shown(&api, &proxy)))
}

/// Gives a proxy another address, another backend, another state; all of it, or nothing.
async fn change(
    proxy: &Proxy,
    at: Option<At>,
    upstream: Option<&str>,
    enabled: bool,
) -> Result<(), Failure> {
    let before = proxy.config();
    let wanted = at.map(At::text).or_else(|| proxy.address().map(At::shown)).unwrap_or_default();
    let refused = |error: &io::Error| bind(&wanted, error);
    if let Some(upstream) = upstream {
        proxy.set_backend(&backend(upstream)?).map_err(Failure::system)?;
    }
    let moved = async {
        if let Some(at) = at {
            proxy.listen(&[at.listen()?]).await.map_err(|error| refused(&error))?;
        }
        if enabled {
            return proxy.enable().await.map_err(|error| refused(&error));
        }
        proxy.disable().await;
        Ok(())
    };
    if let Err(failure) = moved.await {
        proxy.set_backend(&before.backend).map_err(Failure::system)?;
        if at.is_some() && !before.enabled {
            proxy.listen(&before.listen).await.map_err(Failure::system)?;
        }
        return Err(failure);
    }
    if at.is_some() || upstream.is_some() || !enabled {
        proxy.close_all();
    }
    Ok(())
}

pub(super) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<StatusCode, Failure> {
    api.remove(&found(&api, &name)?).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes all proxies of a list; one that is there as it is wanted stays, with its toxics.
pub(super) async fn populate(State(api): State<Api>, body: Bytes) -> Response {
    let mut done = Vec::new();
    let made = async {
        let wanted = objects(&body)?;
        let wanted =
            wanted.iter().zip(1..).map(|(fields, place)| Wanted::read(fields, Some(place)));
        for wanted in wanted.collect::<Result<Vec<_>, _>>()? {
            let proxy = populated(&api, wanted).await?;
            done.push(shown(&api, &proxy));
        }
        Ok::<_, Failure>(())
    };
    let made = made.await;
    let list = if done.is_empty() { Value::Null } else { Value::Array(done) };
    let (status, object) = match made {
        Ok(()) => (StatusCode::CREATED, json!({"proxies": list})),
        Err(failure) => {
            let mut object = failure.json();
            object.insert("proxies".to_owned(), list);
            (failure.status, Value::Object(object))
        }
    };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{object}\n")).into_response()
}

async fn populated(api: &Api, mut wanted: Wanted) -> Result<Proxy, Failure> {
    let toxics = std::mem::take(&mut wanted.toxics);
    let before = api.control().get(&wanted.name);
    let proxy = match before {
        Some(proxy) if is_wanted(api, &proxy, &wanted).await? => proxy,
        Some(proxy) => replaced(api, &proxy, wanted).await?,
        None => wanted.start(api).await?,
    };
    for toxic in toxics {
        toxics::put(api, &proxy, toxic)?;
    }
    Ok(proxy)
}

/// Returns `true` if a proxy listens and connects as it is wanted to.
async fn is_wanted(api: &Api, proxy: &Proxy, wanted: &Wanted) -> Result<bool, Failure> {
    let front = api.toxics().get(proxy.name());
    let upstream = front.upstream.unwrap_or_else(|| proxy.backend().to_string());
    let at = At::read(&wanted.listen).await?;
    let stays = at.stays(proxy.address())
        || (proxy.address().is_none() && front.listen.as_ref() == Some(&wanted.listen));
    Ok(stays && upstream == wanted.upstream)
}

/// Puts a proxy without toxics in the place of another, which stays where that fails.
async fn replaced(api: &Api, proxy: &Proxy, wanted: Wanted) -> Result<Proxy, Failure> {
    let at = Some(At::read(&wanted.listen).await?).filter(|at| !at.stays(proxy.address()));
    change(proxy, at, Some(&wanted.upstream), wanted.enabled).await?;
    toxics::clear(api, proxy)?;
    let (listen, upstream) = (Some(wanted.listen), Some(wanted.upstream));
    api.toxics().set(proxy.name(), Front { listen, upstream, toxics: Vec::new() });
    Ok(proxy.clone())
}

/// Enables all proxies and takes their toxics away; one that cannot be enabled does not keep the
/// others from it.
pub(super) async fn reset(State(api): State<Api>) -> Result<StatusCode, Failure> {
    let mut first = None;
    for proxy in api.control().proxies() {
        let cleared = toxics::clear(&api, &proxy);
        let front = api.toxics().get(proxy.name());
        let enabled =
            proxy.enable().await.map_err(|error| bind(&front.listen.unwrap_or_default(), &error));
        first = first.or(cleared.and(enabled).err());
    }
    first.map_or(Ok(StatusCode::NO_CONTENT), Err)
}
