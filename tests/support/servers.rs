//! Real servers: other people's programs in the foreground, each with a folder and a port of its own.

use super::needs::find;
use super::{Guarded, PATIENCE, nobody};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A real server's program, of which the test has said that it needs it.
pub fn server(name: &str) -> PathBuf {
    find(name)
        .unwrap_or_else(|| panic!("{name} is not installed: the test needs Program({name:?})"))
}

/// A server in the foreground, and where it listens.
pub struct Server {
    child: Guarded,
    folder: TempDir,
    pub address: SocketAddr,
}

impl Server {
    /// Starts a command with a configuration file and waits until it takes connections. In the
    /// arguments `{}` is that file, `{folder}` the folder it is in, and `{address}` the address.
    pub fn start(
        program: &Path,
        configuration: impl Fn(&Path, SocketAddr) -> String,
        arguments: &[&str],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Some give up their rights once they have started, and must still find it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = folder.path().join("configuration");
        // The port may be taken between here and the start: then a next one is tried.
        for _ in 0..5 {
            let address = own_address();
            fs::write(&file, configuration(folder.path(), address)).unwrap();
            let mut command = Command::new(program);
            command.args(arguments.iter().map(|text| {
                text.replace("{}", file.to_str().unwrap())
                    .replace("{folder}", folder.path().to_str().unwrap())
                    .replace("{address}", &address.to_string())
            }));
            // Its children are ended with it.
            command.process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(fs::File::create(folder.path().join("said")).unwrap());
            let child = Guarded(command.spawn().unwrap());
            let end = Instant::now() + PATIENCE;
            while Instant::now() < end && runs(&child) {
                if TcpStream::connect(address).is_ok() {
                    return Self { child, folder, address };
                }
                thread::sleep(Duration::from_millis(5));
            }
            end_group(&child);
        }
        let said = ["said", "log", "error.log"]
            .map(|name| fs::read_to_string(folder.path().join(name)).unwrap_or_default());
        panic!("{} does not start: {}", program.display(), said.concat());
    }

    /// Waits for a line in one of the files in its folder that contains this text.
    pub fn wait_for_line(&self, file: &str, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut all = String::new();
        while Instant::now() < end {
            all = fs::read_to_string(self.folder.path().join(file)).unwrap_or_default();
            if let Some(line) = all.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("no line with {text:?} in {file}: {all}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end_group(&self.child);
    }
}

/// nginx for the web: `listen` is what it says of its socket beside the address, `more` the rest of its `server`. Its
/// folder has `pages` by name.
pub fn nginx(listen: &str, more: &str, pages: &[(&str, String)]) -> Server {
    let program = server("nginx");
    let configuration = |folder: &Path, address: SocketAddr| {
        let at = folder.display();
        for (name, page) in pages {
            fs::write(folder.join(name), page).unwrap();
        }
        format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\nuser root;\n\
             events {{ worker_connections 512; }}\n\
             http {{ log_format seen '$proxy_protocol_addr $remote_addr $ssl_client_verify';\n\
             access_log {at}/access.log seen; client_body_temp_path {at}/a;\n\
             proxy_temp_path {at}/b; fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d;\n\
             scgi_temp_path {at}/e;\n\
             server {{ listen {address} {listen}; root {at}; {more} }} }}\n"
        )
    };
    Server::start(&program, configuration, &["-c", "{}"])
}

/// Redis, which keeps nothing on disk.
pub fn redis() -> Server {
    let program = server("redis-server");
    let configuration = |folder: &Path, address: SocketAddr| {
        format!(
            "bind {}\nport {}\nsave \"\"\nappendonly no\ndir {}\n",
            address.ip(),
            address.port(),
            folder.display()
        )
    };
    Server::start(&program, configuration, &["{}"])
}

/// Returns `true` if a child runs. If it does not, its number stays its own.
fn runs(child: &Guarded) -> bool {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(&child.0)), ended).unwrap().is_none()
}

/// Ends a child that leads a process group, and that group. It must not be waited for before.
fn end_group(child: &Guarded) {
    let _ = kill_process_group(Pid::from_child(&child.0), Signal::KILL);
}

/// An address for one server. Nothing else binds to it, nor takes it for an outgoing connection, as
/// may happen to 127.0.0.1 before the server gets there.
fn own_address() -> SocketAddr {
    static LAST: AtomicU8 = AtomicU8::new(1);
    if cfg!(not(target_os = "linux")) {
        return nobody();
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, high, low, LAST.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((host, 0)).and_then(|listener| listener.local_addr()).unwrap()
}
