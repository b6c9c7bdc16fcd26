//! Processes of a scenario: each in a group of its own, so that its children end with it.
//!
//! Whatever happens here, a started process does not outlive its handle.

use bytes::{Bytes, BytesMut};
use chenapan_engine::child_processes;
use rustix::process::{Pid, Signal, WaitOptions, test_kill_process_group, waitpgid};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Bytes of an output that are kept: its end.
const KEPT: usize = 256 * 1024;

/// Longest time that a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// Returns a description of how a process has ended, in words.
pub(super) fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// A running shell command.
#[derive(Debug)]
pub(super) struct Process {
    child: Mutex<Child>,
    group: Option<Pid>,
    pub(super) output: Output,
    pub(super) errors: Output,
}

/// Output that a process has written so far.
#[derive(Clone, Debug)]
pub(super) struct Output {
    text: Arc<Mutex<BytesMut>>,
    /// Counts the bytes that came; its sender is gone at the end.
    came: watch::Receiver<u64>,
    _reader: Arc<Reader>,
}

#[derive(Debug)]
struct Reader(JoinHandle<()>);

/// Makes this process the parent of orphans, so that their ends are seen at once.
///
/// This holds for the whole process, so it is for programs, not for tests that embed a scenario.
pub fn adopt() {
    // Where that is not possible, the system's own first process sees to them.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

impl Process {
    /// Starts a shell command.
    pub(crate) fn start(command: &str, env: &BTreeMap<String, String>) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", command])
            .envs(env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = child_processes::tie(&mut shell).spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let (output, errors) = (Output::of(child.stdout.take()), Output::of(child.stderr.take()));
        Ok(Self { child: Mutex::new(child), group, output, errors })
    }

    /// Waits for its end.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        child.wait().await
    }

    /// Returns the exit status if it has ended.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }

    /// Ends it and its children: SIGTERM, and SIGKILL for those that still run after a while.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        // The shell may go first: its children have as long. What is left is killed by the drop.
        let gone = async {
            let _ = self.wait().await;
            while self.group.is_some_and(|group| test_kill_process_group(group).is_ok()) {
                // Where orphans come to us, as `adopt` sees to, the ended ones are in the way.
                let _ = self.group.map(|group| waitpgid(group, WaitOptions::NOHANG));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(GRACE, gone).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // It may have ended by itself.
            child_processes::signal(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Also where the shell has ended: what it left behind is in its group.
        self.signal(Signal::KILL);
    }
}

impl Output {
    fn of(stream: Option<impl AsyncRead + Unpin + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(BytesMut::new()));
        let (tell, came) = watch::channel(0);
        let kept = Arc::clone(&text);
        let reader = tokio::spawn(async move {
            let Some(mut stream) = stream else { return };
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                let mut text = kept.lock().unwrap_or_else(PoisonError::into_inner);
                text.extend_from_slice(&buffer[..count]);
                if text.len() > 2 * KEPT {
                    let surplus = text.len() - KEPT;
                    *text = BytesMut::from(&text[surplus..]);
                }
                drop(text);
                tell.send_modify(|came| *came += count as u64);
            }
        });
        Self { text, came, _reader: Arc::new(Reader(reader)) }
    }

    /// The end of what was written so far.
    pub(super) fn bytes(&self) -> Bytes {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        Bytes::copy_from_slice(&text[text.len().saturating_sub(KEPT)..])
    }

    /// Returns the output as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits for more; false at the end.
    pub(super) async fn more(&mut self) -> bool {
        self.came.changed().await.is_ok()
    }

    /// Waits until all was read, but not for what children keep open.
    pub(super) async fn end(&mut self, most: Duration) {
        let _ = tokio::time::timeout(most, async { while self.more().await {} }).await;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}
