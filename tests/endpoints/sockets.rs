//! UNIX sockets, interfaces and families, and sockets that were open before.

use super::support::needs::{Test, tests};
use super::support::servers::{Server, server};
use super::support::{Backend, PATIENCE, Proxy, program, run};
use super::{fetch, is_page, nginx, say};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

fn proxy(listen: &str, backend: &str) -> Proxy {
    Proxy::spawn(program(&["--listen", listen, "--backend", backend]))
}

fn ask(mut stream: UnixStream, bytes: &[u8]) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn redis_answers_through_unix_sockets() {
    let redis = server("redis-server");
    let folder = tempfile::tempdir().unwrap();
    let configuration = |own: &Path, address: SocketAddr| {
        format!(
            "bind {}\nport {}\nunixsocket {}/redis.sock\nsave \"\"\nappendonly no\ndir {}\n",
            address.ip(),
            address.port(),
            folder.path().display(),
            own.display()
        )
    };
    let _redis = Server::start(&redis, configuration, &["{}"]);
    let behind = folder.path().join("redis.sock");
    let front = folder.path().join("front:1.sock");
    let listen = format!("unix:{}:mode=600", front.display().to_string().replace(':', "\\:"));
    let proxy = proxy(&listen, &format!("unix://{}", behind.display()));
    let mode = fs::metadata(&front).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert_eq!(ask(UnixStream::connect(&front).unwrap(), b"PING\r\nQUIT\r\n"), b"+PONG\r\n+OK\r\n");
    proxy.stop();
    assert!(!front.exists());
}

#[cfg(target_os = "linux")]
fn abstract_names_leave_no_file() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("chenapan-{}", std::process::id());
    let backend = Backend::echo().address.to_string();
    let inner = proxy(&format!("unix:@{name}"), &backend);
    let outer = proxy("127.0.0.1:0", &format!("unix:@{name}"));
    assert_eq!(say(outer.address, b"through both"), b"through both");
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    assert_eq!(ask(UnixStream::connect_addr(&address).unwrap(), b"x"), b"x");
    assert!(!Path::new(&format!("@{name}")).exists());
    outer.stop();
    inner.stop();
}

fn what_is_in_the_way_is_moved_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listen = |unlink: &str| {
        let at = format!("unix:{}{unlink}", path.display());
        let mut command = program(&["--listen", &at, "--backend", "1"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = [0; 12];
        let listens = child.stdout.as_mut().unwrap().read_exact(&mut line).is_ok();
        let pid = rustix::process::Pid::from_child(&child);
        if listens {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        (listens, String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // Left behind by a program that is gone.
    drop(UnixListener::bind(&path).unwrap());
    let (listens, said) = listen(":unlink=never");
    assert!(!listens && said.contains("in use"), "{said}");
    assert!(listen("").0);
    // In use.
    let used = UnixListener::bind(&path).unwrap();
    let (listens, said) = listen("");
    assert!(!listens && said.contains("in use"), "{said}");
    assert!(listen(":unlink=always").0);
    drop(used);
    // Somebody's file.
    fs::write(&path, "precious").unwrap();
    assert!(!listen(":unlink=always").0);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

fn interfaces_families_and_local_addresses_are_as_told() {
    let (hand, taken) = Backend::handing_over();
    let port = hand.address.port();
    for (listen, backend, from) in [
        ("tcp:0:127.0.0.9:backlog=7", format!("tcp:127.0.0.1:{port}:bind=127.0.0.7"), "127.0.0.7"),
        (
            "tcp:0:interface=127.0.0.9",
            format!("tcp://127.0.0.1:{port}?bind_address=127.0.0.8"),
            "127.0.0.8",
        ),
        ("tcp4:0:127.0.0.9", format!("tcp:localhost:{port}:family=4:nodelay=no"), "127.0.0.1"),
    ] {
        let proxy = proxy(listen, &backend);
        assert_eq!(proxy.address.ip().to_string(), "127.0.0.9");
        let client = super::connect(proxy.address);
        let accepted = taken.recv_timeout(PATIENCE).unwrap();
        assert_eq!(accepted.peer_addr().unwrap().ip().to_string(), from, "{backend}");
        drop((client, accepted));
        proxy.stop();
    }
}

fn version_6_alone_keeps_version_4_out() {
    let backend = Backend::echo().address.to_string();
    let only = proxy("tcp6:0", &backend);
    let port = only.address.port();
    assert_eq!(say(format!("[::1]:{port}").parse().unwrap(), b"x"), b"x");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    only.stop();
    let both = proxy("tcp:0", &backend);
    let port = both.address.port();
    assert_eq!(say(format!("[::1]:{port}").parse().unwrap(), b"x"), b"x");
    assert_eq!(say(format!("127.0.0.1:{port}").parse().unwrap(), b"x"), b"x");
    assert!(both.stop().err.contains("listens beyond this machine"));
}

/// The program with a socket as its descriptor 3, as systemd passes it.
fn activated(socket: Stdio, listen: &str, backend: &str, env: &str) -> Command {
    let script =
        format!("exec 3<&0 0</dev/null; {env} exec \"$0\" --listen \"$1\" --backend \"$2\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_chenapan"), listen, backend]).stdin(socket);
    command
}

/// Starts it and waits until it says that it listens.
fn start(mut command: Command) -> super::support::Guarded {
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = super::support::Guarded(command.spawn().unwrap());
    let mut line = [0; 12];
    child.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
    assert_eq!(&line, b"listening on");
    child
}

fn sockets_that_were_open_before_are_taken_over() {
    let nginx = nginx("", "");
    let backend = nginx.address.to_string();
    let passed = "LISTEN_PID=$$ LISTEN_FDS=1";
    let named = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web";
    for (listen, env) in [
        ("fd:3", ""),
        ("systemd:INET:index=0", passed),
        ("systemd:domain=INET:name=web", named),
        ("fd:name=web", named),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Stdio::from(std::os::fd::OwnedFd::from(listener));
        let _child = start(activated(socket, listen, &backend, env));
        assert!(is_page(&fetch(address)), "{listen}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path).unwrap();
    let socket = Stdio::from(std::os::fd::OwnedFd::from(listener));
    let _child = start(activated(socket, "systemd:UNIX:index=0", &backend, passed));
    assert!(is_page(&ask(UnixStream::connect(&path).unwrap(), b"GET /page.txt HTTP/1.0\r\n\r\n")));
}

fn all_sockets_of_one_name_are_listened_on() {
    let backend = Backend::echo().address.to_string();
    let [four, six] = ["127.0.0.1:0", "[::1]:0"].map(|at| TcpListener::bind(at).unwrap());
    let addresses = [&four, &six].map(|listener| listener.local_addr().unwrap());
    let handed = |listener: &TcpListener| {
        Stdio::from(std::os::fd::OwnedFd::from(listener.try_clone().unwrap()))
    };
    for (listen, served) in
        [("systemd:INET:name=web", &addresses[..1]), ("fd:name=web", &addresses[..])]
    {
        let script = "exec 3<&0 4<&2 0</dev/null 2>/dev/null; \
            LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:web \
            exec \"$0\" --listen \"$1\" --backend \"$2\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_chenapan"), listen, &backend]);
        command.stdin(handed(&four)).stdout(Stdio::piped()).stderr(handed(&six));
        let mut child = super::support::Guarded(command.spawn().unwrap());
        let mut line = [0; 12];
        child.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        for address in served {
            assert_eq!(say(*address, b"x"), b"x", "{listen}");
        }
    }
}

fn sockets_that_are_not_there_are_told() {
    let socket = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Stdio::from(std::os::fd::OwnedFd::from(listener))
    };
    let passed = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web";
    for (listen, env, part) in [
        ("fd:77", "", "descriptor 77 is not open"),
        ("fd:0", "", "descriptor 0 is not a listening stream socket"),
        ("systemd:INET:index=0", "", "systemd has passed no sockets"),
        ("systemd:INET:index=0", "LISTEN_PID=1 LISTEN_FDS=1", "systemd has passed no sockets"),
        ("systemd:INET:index=5", passed, "one socket only: index=0"),
        ("systemd:INET6:index=0", passed, "descriptor 3 is INET, not INET6"),
        ("systemd:INET:name=wbe", passed, "known are web"),
        ("systemd:INET:name=web", "LISTEN_PID=$$ LISTEN_FDS=1", "FileDescriptorName="),
        ("systemd:INET6:name=web", passed, "descriptor 3 is INET, not INET6"),
    ] {
        let output = activated(socket(), listen, "1", env).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(part), "{part}: {said}");
    }
}

fn a_service_manager_is_told_when_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = program(&["--listen", "127.0.0.1:0", "--backend", "1"]);
    command.env("NOTIFY_SOCKET", &path);
    let proxy = Proxy::spawn(command);
    let mut told = [0; 64];
    let length = socket.recv(&mut told).unwrap();
    assert_eq!(&told[..length], b"READY=1\n");
    proxy.stop();
}

fn a_family_that_a_name_does_not_have_is_told() {
    let output = run(&["--listen", "tcp6:0:interface=127.0.0.1", "--backend", "1"]);
    assert_eq!(output.status.code(), Some(2));
    let proxy = proxy("127.0.0.1:0", "tcp:localhost:1:bind=192.0.2.9");
    assert!(fetch(proxy.address).is_empty());
    let line = proxy.wait_for_event("cannot be reached");
    assert!(line.contains("bind=192.0.2.9"), "{line}");
    proxy.stop();
}

fn a_socket_without_room_is_no_stale_one_and_another_s_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
    let address = socket2::SockAddr::unix(&path).unwrap();
    socket.bind(&address).unwrap();
    socket.listen(0).unwrap();
    let full: Vec<_> = (0..3)
        .map(|_| {
            let client =
                socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            let _ = client.connect(&address);
            client
        })
        .collect();
    let listen = format!("unix:{}", path.display());
    let output = run(&["--listen", &listen, "--backend", "1"]);
    assert_eq!(output.status.code(), Some(3));
    drop(full);

    let always = format!("{listen}:unlink=always");
    let first = proxy(&always, "1");
    let second = proxy(&always, "1");
    first.stop();
    assert!(path.exists());
    second.stop();
    assert!(!path.exists());
}

pub(crate) const TESTS: &[Test] = tests![
    redis_answers_through_unix_sockets needs Program("redis-server");
    #[cfg(target_os = "linux")] abstract_names_leave_no_file;
    what_is_in_the_way_is_moved_as_told;
    interfaces_families_and_local_addresses_are_as_told;
    version_6_alone_keeps_version_4_out needs Ipv6;
    sockets_that_were_open_before_are_taken_over needs Program("nginx");
    all_sockets_of_one_name_are_listened_on needs Ipv6;
    sockets_that_are_not_there_are_told;
    a_service_manager_is_told_when_it_listens;
    a_family_that_a_name_does_not_have_is_told;
    a_socket_without_room_is_no_stale_one_and_another_s_is_left_alone;
];
