//! A file that is watched: whatever puts another one in its place, or writes into it.
//!
//! It watches directories, and not the file: editors and volumes of Kubernetes replace files and
//! links. It reads nothing.

use chenapan_engine::endpoint::plain;
use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Time after which it is time to look in any case: some file systems tell of nothing.
const LOOK: Duration = Duration::from_secs(10);

/// Most links on the way to a file.
const LINKS: usize = 40;

/// A file that is watched.
pub(super) struct Watched {
    path: PathBuf,
    watcher: Option<RecommendedWatcher>,
    told: Arc<Told>,
    /// Directories that are watched, with device and number of each.
    watching: BTreeMap<PathBuf, (u64, u64)>,
    looked: bool,
}

/// State of the watcher's thread.
#[derive(Default)]
struct Told {
    /// Names in the directories that matter.
    names: Mutex<HashSet<OsString>>,
    changed: Notify,
}

/// A name in a directory that decides which file a path leads to.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    directory: PathBuf,
    name: OsString,
}

impl Watched {
    /// Watches a file, which does not have to be there.
    pub(super) fn start(path: &Path) -> Self {
        let told = Arc::new(Told::default());
        let tell = Arc::clone(&told);
        let watcher = notify::recommended_watcher(move |event| tell.event(event));
        if let Err(error) = &watcher {
            warn(path, error);
        }
        let watcher = watcher.ok();
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self { path, watcher, told, watching: BTreeMap::new(), looked: false }
    }

    /// Completes when the file may have changed since the last call; at once the first time.
    pub(super) async fn changed(&mut self) {
        let elsewhere = self.watch();
        if elsewhere || !std::mem::replace(&mut self.looked, true) {
            return;
        }
        let _ = tokio::time::timeout(LOOK, self.told.changed.notified()).await;
    }

    /// Watches the directories on the way to the file; `true` if they are others than before.
    fn watch(&mut self) -> bool {
        let turns = turns(&self.path);
        let names = turns.iter().map(|turn| turn.name.clone()).collect();
        *self.told.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
        let mut wanted = BTreeMap::new();
        for Turn { directory, .. } in turns {
            if let Ok(found) = std::fs::metadata(&directory) {
                wanted.insert(directory, (found.dev(), found.ino()));
            }
        }
        let Some(watcher) = &mut self.watcher else { return false };
        if wanted == self.watching {
            return false;
        }
        for (directory, number) in &self.watching {
            if wanted.get(directory) != Some(number) {
                // It may have gone, and the watch with it.
                let _ = watcher.unwatch(directory);
            }
        }
        for (directory, number) in &wanted {
            if self.watching.get(directory) != Some(number)
                && let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive)
            {
                warn(directory, &error);
            }
        }
        self.watching = wanted;
        true
    }
}

impl Told {
    fn event(&self, event: notify::Result<Event>) {
        let matters = match &event {
            // Something was missed.
            Err(_) => true,
            Ok(event) => event.need_rescan() || (changes(event.kind) && self.concerns(event)),
        };
        if matters {
            self.changed.notify_one();
        }
    }

    /// Returns `true` if an event is about a name that matters.
    fn concerns(&self, event: &Event) -> bool {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        event.paths.iter().filter_map(|path| path.file_name()).any(|name| names.contains(name))
    }
}

/// Returns `true` unless somebody has only looked: that is what a reload does itself.
fn changes(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

fn warn(path: &Path, error: &notify::Error) {
    let why = match &error.kind {
        notify::ErrorKind::Io(error) => plain(error),
        _ => plain(&io::Error::other(error.to_string())),
    };
    let seconds = LOOK.as_secs();
    tracing::warn!("--watch: {} is looked at every {seconds} s only: {why}", path.display());
}

/// Returns the names that decide which file an absolute path leads to: those of links, that of the
/// file, and that of its directory.
fn turns(path: &Path) -> Vec<Turn> {
    let owned = |path: &Path| -> VecDeque<OsString> {
        path.components().map(|component| component.as_os_str().to_owned()).collect()
    };
    let (mut at, mut rest, mut links, mut turns) = (PathBuf::new(), owned(path), 0, Vec::new());
    while let Some(name) = rest.pop_front() {
        match Path::new(&name).components().next() {
            Some(Component::Normal(_)) => {}
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            // The root begins anew.
            _ => {
                at.push(&name);
                continue;
            }
        }
        let directory = at.clone();
        match std::fs::read_link(at.join(&name)) {
            Ok(target) if links < LINKS => {
                links += 1;
                let mut way = owned(&target);
                way.append(&mut rest);
                rest = way;
                turns.push(Turn { directory, name });
            }
            _ => {
                if rest.is_empty() {
                    turns.push(Turn { directory, name: name.clone() });
                }
                at.push(&name);
            }
        }
    }
    let above =
        at.parent().and_then(|directory| Some((directory.parent()?, directory.file_name()?)));
    if let Some((above, name)) = above {
        turns.push(Turn { directory: above.to_owned(), name: name.to_owned() });
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_link_on_the_way_is_a_turn() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("volume/..1")).unwrap();
        std::fs::write(base.join("volume/..1/proxies.yaml"), "").unwrap();
        symlink("..1", base.join("volume/..data")).unwrap();
        symlink("..data/proxies.yaml", base.join("volume/proxies.yaml")).unwrap();
        symlink(base.join("volume"), base.join("etc")).unwrap();
        let found = turns(&base.join("etc/./../etc/proxies.yaml"));
        let turn = |directory: &str, name: &str| Turn {
            directory: base.join(directory).components().collect(),
            name: name.into(),
        };
        let expected = [
            // In, out again and in once more, as it is written.
            turn("", "etc"),
            turn("", "etc"),
            turn("volume", "proxies.yaml"),
            turn("volume", "..data"),
            turn("volume/..1", "proxies.yaml"),
            turn("volume", "..1"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_circle_of_links_ends_and_what_is_missing_is_waited_for() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        symlink("b", base.join("a")).unwrap();
        symlink("a", base.join("b")).unwrap();
        assert_eq!(turns(&base.join("a")).len(), LINKS + 2);
        let missing = turns(&base.join("none"));
        assert_eq!((&missing[0].directory, &*missing[0].name), (&base, "none".as_ref()));
    }

    #[tokio::test]
    async fn a_swapped_link_is_told_without_a_look_and_again_after_it() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let publish = |version: &str| {
            std::fs::create_dir(base.join(version)).unwrap();
            std::fs::write(base.join(version).join("proxies"), version).unwrap();
            symlink(version, base.join("new")).unwrap();
            std::fs::rename(base.join("new"), base.join("..data")).unwrap();
        };
        publish("..1");
        symlink("..data/proxies", base.join("proxies")).unwrap();
        let mut watched = Watched::start(&base.join("proxies"));
        assert!(watched.watch() && !watched.watch());
        for version in ["..2", "..3"] {
            publish(version);
            let told = watched.told.changed.notified();
            tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is told");
            assert!(watched.watch(), "the way leads elsewhere");
        }
        // Reading tells nothing, writing does.
        std::fs::read(base.join("proxies")).unwrap();
        std::fs::write(base.join("proxies"), "more").unwrap();
        let told = watched.told.changed.notified();
        tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is told");
    }

    #[test]
    fn who_only_looks_changes_nothing() {
        assert!(!changes(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!changes(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(changes(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(changes(EventKind::Any));
    }
}
