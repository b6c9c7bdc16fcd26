//! Whom a header states, by what the listener knows of a connection.

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use support::{Backend, PATIENCE, Proxy, program, read_exactly};

/// A proxy with these arguments before a backend that hands its connections over.
fn proxy(listen: &str, backend: &str, more: &[&str]) -> (Proxy, impl Fn(usize) -> Vec<u8> + use<>) {
    let (hand, taken) = Backend::handing_over();
    let backend = format!("{backend}{}", hand.address);
    let mut all = vec!["--listen", listen, "--backend", &backend];
    all.extend(more);
    let proxy = Proxy::spawn(program(&all));
    let read = move |length| {
        read_exactly(&mut taken.recv_timeout(PATIENCE).expect("it is dialled"), length)
    };
    (proxy, read)
}

#[test]
fn a_client_of_ipv4_is_one_on_a_listener_for_both_families() {
    for (prefix, more) in
        [("", &["--protocol", "proxy-v1:header=add"][..]), ("proxy-v1:tcp://", &[])]
    {
        let (proxy, read) = proxy("[::]:0", prefix, more);
        let client = TcpStream::connect(("127.0.0.1", proxy.address.port())).unwrap();
        let port = client.local_addr().unwrap().port();
        let line = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n", proxy.address.port());
        assert_eq!(String::from_utf8(read(line.len())).unwrap(), line);
        let client = TcpStream::connect(("::1", proxy.address.port())).unwrap();
        let line = format!("PROXY TCP6 ::1 ::1 {} ", client.local_addr().unwrap().port());
        assert_eq!(String::from_utf8(read(line.len())).unwrap(), line);
    }
    for (prefix, more) in
        [("", &["--protocol", "proxy-v2:header=add"][..]), ("proxy-v2:tcp://", &[])]
    {
        let (proxy, read) = proxy("[::]:0", prefix, more);
        let _client = TcpStream::connect(("127.0.0.1", proxy.address.port())).unwrap();
        assert_eq!(read(24)[12..], *b"\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01");
    }
}

#[test]
fn an_address_that_was_asked_for_stays_as_it_was_written() {
    let protocol = "proxy-v1:header=add:source=[[::ffff:192.168.203.4]:5]:destination=[[::1]:6]";
    let (proxy, read) = proxy("[::]:0", "", &["--protocol", protocol]);
    let _client = TcpStream::connect(("127.0.0.1", proxy.address.port())).unwrap();
    let line = b"PROXY TCP6 ::ffff:192.168.203.4 ::1 5 6\r\n";
    assert_eq!(read(line.len()), line);
}

#[test]
fn a_client_of_a_unix_socket_is_relayed_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("front");
    let listen = format!("unix:{}", path.display());
    for (prefix, more) in
        [("", &["--protocol", "proxy-v2:header=add"][..]), ("proxy-v2:tcp://", &[])]
    {
        let (proxy, read) = proxy(&listen, prefix, more);
        let _client = UnixStream::connect(&path).unwrap();
        let header = read(16 + 216);
        assert_eq!(header[12..16], *b"\x21\x31\0\xd8");
        let name = path.display().to_string();
        assert_eq!(header[16..124], [0; 108]);
        assert_eq!(&header[124..124 + name.len()], name.as_bytes());
        proxy.stop();
    }
    // A line cannot say that.
    let (_proxy, read) = proxy(&listen, "", &["--protocol", "proxy-v1:header=add"]);
    let _client = UnixStream::connect(&path).unwrap();
    assert_eq!(read(15), b"PROXY UNKNOWN\r\n");
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_socket_is_stated_with_its_nul() {
    use std::os::linux::net::SocketAddrExt;
    let name = format!("chenapan-stated-{}", std::process::id());
    let protocol = ["--protocol", "proxy-v2:header=add"];
    let (_proxy, read) = proxy(&format!("unix:@{name}"), "", &protocol);
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _client = UnixStream::connect_addr(&address).unwrap();
    let header = read(16 + 216);
    assert_eq!(&header[124..125 + name.len()], [&b"\0"[..], name.as_bytes()].concat());
}

#[test]
fn the_tlvs_of_a_header_that_is_taken_off_are_handed_on() {
    let (proxy, read) = proxy("haproxy:tcp:0:interface=127.0.0.1", "proxy-v2:tcp://", &[]);
    let mut client = proxy.connect();
    // A checksum, which is made anew, and two more.
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x24\
        \xcb\0\x71\x07\xc6\x33\x64\x09\xc8\x22\x20\xfb\
        \x03\0\x04\x57\x28\x37\x7e\x01\0\x02h2\x02\0\x09a.example";
    client.write_all(header).unwrap();
    assert_eq!(read(header.len()), header);
}
