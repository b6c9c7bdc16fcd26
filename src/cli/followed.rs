//! The file of proxies of `serve`: read at the start, and again when it has changed or somebody asks.

use super::guarded::Guarded;
use super::signals::Hangups;
use super::watched::Watched;
use super::{Failure, vaurien};
use chenapan_core::Registry;
use chenapan_engine::endpoint::Kinds;
use chenapan_scenario::{ProxyFile, Said};
use chenapan_server::{
    Api, Changes, Declared, Misplaced, Reload, ReloadRequest, ReloadRequests, StatsdTarget, Vaurien,
};
use ring::digest::{SHA256, digest};
use sd_notify::NotifyState;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time in which a text must not change to be taken for whole.
const QUIET: Duration = Duration::from_millis(100);

/// Number of times that a text may change before it is taken as it is.
const CHANGES: usize = 20;

/// The text of a file, or the reason why there is none.
type Text = Result<String, String>;

/// A file that is read again.
pub(super) struct Followed {
    path: PathBuf,
    api: Api,
    /// The text that was tried last.
    tried: Text,
    guard: Guarded,
}

/// Reasons to read a file again.
pub(super) struct Causes {
    pub(super) hangups: Hangups,
    pub(super) requests: ReloadRequests,
    pub(super) watched: Option<Watched>,
}

/// A reason to read a file again.
enum Cause {
    Asked(Option<ReloadRequest>),
    Changed,
}

/// A file as it was at the start.
pub(super) struct Beginning {
    path: PathBuf,
    text: String,
    file: ProxyFile,
}

impl Beginning {
    /// Reads a file for the first time.
    pub(super) fn read(path: &Path, registry: &Registry, kinds: &Kinds) -> Result<Self, Failure> {
        let text = ProxyFile::load(path).map_err(Failure::usage)?;
        let file = ProxyFile::read(path, text.clone(), registry, kinds).map_err(Failure::usage)?;
        Ok(Self { path: path.to_owned(), text, file })
    }

    /// Returns the place for numbers that it names. When it is read again, that place stays.
    pub(super) fn statsd(&self, api: &Api) -> Result<Option<StatsdTarget>, Failure> {
        match self.file.said() {
            Said::Vaurien(_) => {
                vaurien::read(&self.file, api.registry(), api.kinds()).map(|file| file.statsd)
            }
            _ => Ok(None),
        }
    }

    /// Starts its proxies.
    pub(super) async fn start(self, api: &Api) -> Result<Followed, Failure> {
        let Self { path, text, file } = self;
        let changes = declare(&file, api).await.map_err(|wrong| {
            let told = file.blame(&wrong.path, &wrong.spot, &wrong.message);
            if wrong.mistake { Failure::usage(told) } else { Failure::run(told) }
        })?;
        let mut guard = Guarded::default();
        guard.follow(file.abort_when(), api).map_err(Failure::run)?;
        let followed = Followed { path, api: api.clone(), tried: Ok(text), guard };
        followed.tell(Ok(changes));
        Ok(followed)
    }
}

impl Followed {
    /// Leaves the file as it was at the start, for ever.
    pub(super) async fn stay(self) {
        std::future::pending::<()>().await;
    }

    /// Reads the file again whenever there is a reason, for ever.
    pub(super) async fn follow(mut self, mut causes: Causes) {
        loop {
            match causes.next().await {
                Cause::Changed => {
                    if let Some(text) = self.settled().await {
                        self.reload(text).await;
                    }
                }
                Cause::Asked(request) => {
                    let text = self.text().await;
                    let reload = self.reload(text).await;
                    if let Some(request) = request {
                        request.answer(&reload);
                    }
                }
            }
        }
    }

    /// Returns the text of the file when it no longer changes; `None` if it is the one that was tried.
    async fn settled(&self) -> Option<Text> {
        let mut text = self.text().await;
        for _ in 0..CHANGES {
            if text == self.tried {
                return None;
            }
            tokio::time::sleep(QUIET).await;
            let before = std::mem::replace(&mut text, self.text().await);
            if before == text {
                break;
            }
        }
        Some(text)
    }

    async fn text(&self) -> Text {
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || ProxyFile::load(&path)).await.unwrap_or_else(defect)
    }

    /// Puts a text in force, and says what has become of it.
    async fn reload(&mut self, text: Text) -> Reload {
        // A service manager that has asked waits for the end of it.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            let _ = sd_notify::notify(&[NotifyState::Reloading, now]);
        }
        self.tried = text;
        let outcome = self.tried_again().await;
        let reload = self.tell(outcome);
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        reload
    }

    async fn tried_again(&mut self) -> Result<Changes, String> {
        let (path, api, text) = (self.path.clone(), self.api.clone(), self.tried.clone()?);
        // It may be long.
        let read = move || ProxyFile::read(&path, text, api.registry(), api.kinds());
        let file = tokio::task::spawn_blocking(read).await.unwrap_or_else(defect)?;
        let done = declare(&file, &self.api).await;
        let done = done.map_err(|wrong| file.blame(&wrong.path, &wrong.spot, &wrong.message))?;
        self.guard.follow(file.abort_when(), &self.api)?;
        Ok(done)
    }

    fn tell(&self, outcome: Result<Changes, String>) -> Reload {
        let digest = self.tried.as_ref().ok().map(|text| digested(text));
        let reload = Reload { file: self.path.display().to_string(), digest, outcome };
        self.api.tell_reload(&reload);
        reload
    }
}

impl Causes {
    async fn next(&mut self) -> Cause {
        let changed = async {
            match &mut self.watched {
                Some(watched) => watched.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.hangups.next() => Cause::Asked(None),
            request = self.requests.next() => Cause::Asked(Some(request)),
            () = changed => Cause::Changed,
        }
    }
}

/// Makes the proxies of a file what it declares.
async fn declare(file: &ProxyFile, api: &Api) -> Result<Changes, Misplaced> {
    let declared = match file.said() {
        Said::Proxies(configs) => Declared::proxies(configs),
        Said::Toxiproxy(list) => Declared::toxiproxys(list).await?,
        Said::Vaurien(sections) => {
            let file = Vaurien::read(sections, api.registry(), api.kinds())?;
            api.behavior_options(Vaurien::NAME, &file.options);
            Declared::vauriens(&file)
        }
    };
    api.declare(declared).await
}

/// Returns the digest of a text, as `sha256sum` prints it.
fn digested(text: &str) -> String {
    let bytes = digest(&SHA256, text.as_bytes());
    let hex = bytes.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("sha256:{}", hex.collect::<String>())
}

/// A reading that has panicked.
fn defect<T>(error: tokio::task::JoinError) -> Result<T, String> {
    Err(format!("this is a defect of chenapan: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digested("abc"), expected);
    }
}
