//! The kinds of endpoints that chenapan has itself, with their parameters.
//!
//! It only lists them; what a value must look like is up to its `Shape`.

use super::values::Shape;
use chenapan_core::nearest;

/// A kind of endpoint.
#[derive(Debug)]
pub struct Kind {
    /// Its names; the first is the one to use.
    pub names: &'static [&'static str],
    /// Sort of the kind.
    pub sort: Sort,
    /// Description of its use to listen; `None` if it cannot.
    pub listen: Option<Usage>,
    /// Description of its use to connect; `None` if it cannot.
    pub connect: Option<Usage>,
    /// Notation to use instead where the kind cannot be used.
    pub instead: &'static str,
}

/// Sort of endpoint that the name of a kind stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// TCP.
    Tcp,
    /// TCP, and TLS on it.
    Tls,
    /// A UNIX socket.
    Unix,
    /// Standard input and output.
    Stdio,
    /// A descriptor that was inherited, by its number.
    Fd,
    /// A descriptor that systemd has passed, by its name.
    Systemd,
    /// A program, by its standard input and output.
    Exec,
    /// It stands before another endpoint.
    Wrapper,
    /// It is written as a URL, before a target.
    Socks,
}

/// A kind in one role.
#[derive(Debug)]
pub struct Usage {
    /// Description of its purpose, in one sentence.
    pub about: &'static str,
    /// An example.
    pub example: &'static str,
    /// The parameters that arguments without a name are taken for.
    pub positionals: &'static [&'static str],
    /// All of its parameters.
    pub parameters: &'static [&'static [Parameter]],
    /// Parameter that one argument too many may have been meant for.
    pub surplus: Option<&'static str>,
}

/// A parameter of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Other spellings that are taken for it.
    pub aliases: &'static [&'static str],
    /// Shape of its value.
    pub shape: Shape,
    /// Description of its meaning.
    pub help: &'static str,
    /// A value as one would write it.
    pub example: &'static str,
}

/// End that an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The address to listen on.
    Listen,
    /// The address to connect to.
    Connect,
}

impl Role {
    /// Returns the role's name, as messages say it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Listen => "listen",
            Role::Connect => "connect",
        }
    }
}

impl Kind {
    /// The kind of this name, in lower case.
    pub fn find(name: &str) -> Option<(&'static Self, &'static str)> {
        KINDS.iter().find_map(|kind| {
            let known = kind.names.iter().find(|known| **known == name)?;
            Some((kind, *known))
        })
    }

    /// Returns the kind in a role; none where it has no such role.
    pub fn usage(&self, role: Role) -> Option<&Usage> {
        match role {
            Role::Listen => self.listen.as_ref(),
            Role::Connect => self.connect.as_ref(),
        }
    }
}

impl Usage {
    /// All parameters, in the order of the table.
    pub fn all(&self) -> impl Iterator<Item = &'static Parameter> {
        self.parameters.iter().copied().flatten()
    }
}

/// The names of all kinds that know a role.
pub fn names(role: Role) -> impl Iterator<Item = &'static str> {
    let kinds = KINDS.iter().filter(move |kind| kind.usage(role).is_some());
    kinds.flat_map(|kind| kind.names).copied()
}

/// The name that looks most like this one, whatever its role.
pub fn near(name: &str) -> Option<&'static str> {
    let names = KINDS.iter().flat_map(|kind| kind.names).copied();
    nearest(name, names.filter(|name| *name != "-"))
}

const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    shape: Shape,
    example: &'static str,
    help: &'static str,
) -> Parameter {
    Parameter { name, aliases, shape, help, example }
}

const FAMILY: Parameter =
    row("family", &[], Shape::Family, "6", "The only family of addresses that will do.");
const NODELAY: Parameter =
    row("nodelay", &[], Shape::Flag, "yes", "Sends small writes at once (TCP_NODELAY).");
const BACKLOG: Parameter =
    row("backlog", &[], Shape::Backlog, "128", "Connections that may wait to be accepted.");
const TIMEOUT: Parameter =
    row("timeout", &[], Shape::Time, "5s", "Time for an attempt to connect.");
const LOCKFILE: Parameter = row(
    "lockfile",
    &[],
    Shape::Ignored,
    "1",
    "Accepted because Twisted's strings have it; it has no effect.",
);

const TCP_LISTEN: &[Parameter] = &[
    row("port", &[], Shape::Port, "8080", "The port; 0 is any that is free."),
    row("interface", &["host"], Shape::Host, "127.0.0.1", "The address; every one if not given."),
    BACKLOG,
    FAMILY,
    row(
        "reuse_port",
        &[],
        Shape::Flag,
        "yes",
        "Lets other programs listen on the same port, too (SO_REUSEPORT).",
    ),
    NODELAY,
];

const TCP_CONNECT: &[Parameter] = &[
    row("host", &[], Shape::Host, "db.example", "The address or name."),
    row("port", &[], Shape::Port, "5432", "The port."),
    TIMEOUT,
    row(
        "bind",
        &["bindAddress"],
        Shape::Bind,
        "10.0.0.2",
        "The address to connect from; with a port, [10.0.0.2:5000].",
    ),
    FAMILY,
    row(
        "attempt_delay",
        &[],
        Shape::Time,
        "250ms",
        "Time for one address of a name before the next one is tried, too.",
    ),
    NODELAY,
];

const SOCKS: &[Parameter] = &[
    row(
        "auth",
        &[],
        Shape::Choice(&["random", "none"]),
        "random",
        "random: another user and password, and so another Tor circuit, per connection.",
    ),
    row(
        "resolve",
        &[],
        Shape::Choice(&["local", "proxy"]),
        "local",
        "Place where the name is resolved: the SOCKS proxy, or here with local.",
    ),
];

const VIA: &[Parameter] = &[row(
    "via",
    &[],
    Shape::Via,
    "socks5://127.0.0.1:1080",
    "SOCKS proxy on the way: socks5://, socks4a://, socks4://, or socks:// to detect which.",
)];

const KEY_AND_CERT: [Parameter; 2] = [
    row(
        "key",
        &["privateKey"],
        Shape::Path,
        "key.pem",
        "The file of the private key, which may hold the certificate, too.",
    ),
    row(
        "cert",
        &["certKey", "certificate"],
        Shape::Path,
        "cert.pem",
        "The file of the certificate.",
    ),
];
const ALPN: Parameter =
    row("alpn", &[], Shape::Alpn, "h2,http/1.1", "The protocols to offer inside TLS, with commas.");

pub(super) const TLS_LISTEN: &[Parameter] = &[
    KEY_AND_CERT[0],
    KEY_AND_CERT[1],
    row(
        "chain",
        &["extraCertChain"],
        Shape::Path,
        "chain.pem",
        "File of the certificates between that one and the root.",
    ),
    row(
        "client_ca",
        &[],
        Shape::Path,
        "clients.pem",
        "File of authorities; clients then need a certificate signed by one of them.",
    ),
    ALPN,
    row(
        "min_version",
        &["sslmethod"],
        Shape::TlsVersion,
        "1.3",
        "The lowest version of TLS, 1.2 or 1.3.",
    ),
];

pub(super) const TLS_CONNECT: &[Parameter] = &[
    row(
        "sni",
        &["hostname"],
        Shape::Name,
        "db.example",
        "The name that is asked for and verified; the host if not given.",
    ),
    row(
        "ca",
        &["caCertsDir", "trustRoots"],
        Shape::Path,
        "roots.pem",
        "Authorities to trust: a file, or a directory of .pem files.",
    ),
    KEY_AND_CERT[1],
    KEY_AND_CERT[0],
    row("verify", &[], Shape::Flag, "no", "Verifies the certificate."),
    ALPN,
];

const ENDPOINT: &[Parameter] = &[row(
    "endpoint",
    &[],
    Shape::Endpoint,
    r"tcp\:10.0.0.7\:443",
    "Address to dial instead; the host is then only the name to verify.",
)];

/// All kinds of endpoints that are built in.
pub const KINDS: &[Kind] = &[
    Kind {
        names: &["tcp", "tcp4", "tcp6"],
        sort: Sort::Tcp,
        listen: Some(Usage {
            about: "A TCP port; tcp4 and tcp6 allow one family of addresses only.",
            example: "tcp:8080:interface=127.0.0.1",
            positionals: &["port", "interface", "backlog"],
            parameters: &[TCP_LISTEN],
            surplus: None,
        }),
        connect: Some(Usage {
            about: "A TCP port; a name is resolved for each connection, and all its addresses are tried.",
            example: "tcp:db.example:5432:timeout=5s",
            positionals: &["host", "port"],
            parameters: &[TCP_CONNECT, VIA, SOCKS],
            surplus: Some("timeout"),
        }),
        instead: "",
    },
    Kind {
        names: &["tls", "ssl"],
        sort: Sort::Tls,
        listen: Some(Usage {
            about: "A TCP port with TLS, which ends here.",
            example: "tls:8443:key=key.pem:cert=cert.pem",
            positionals: &["port", "interface", "backlog"],
            parameters: &[TCP_LISTEN, TLS_LISTEN],
            surplus: None,
        }),
        connect: Some(Usage {
            about: "A TCP port to which TLS is spoken.",
            example: "tls:www.example.com:443:ca=roots.pem",
            positionals: &["host", "port"],
            parameters: &[TCP_CONNECT, TLS_CONNECT, ENDPOINT, VIA, SOCKS],
            surplus: Some("timeout"),
        }),
        instead: "",
    },
    Kind {
        names: &["unix"],
        sort: Sort::Unix,
        listen: Some(Usage {
            about: "A UNIX socket; @name is an abstract one.",
            example: "unix:/run/a.sock:mode=660",
            positionals: &["path"],
            parameters: &[&[
                row("path", &["address"], Shape::Path, "/run/a.sock", "The path of the socket."),
                row("mode", &[], Shape::Mode, "660", "Permissions of the socket, in octal."),
                BACKLOG,
                row(
                    "unlink",
                    &[],
                    Shape::Choice(&["stale", "never", "always"]),
                    "stale",
                    "Existing sockets to remove: one that nobody listens on, none, or any.",
                ),
                LOCKFILE,
            ]],
            surplus: Some("mode"),
        }),
        connect: Some(Usage {
            about: "A UNIX socket; @name is an abstract one.",
            example: "unix:/run/a.sock:timeout=5s",
            positionals: &["path"],
            parameters: &[&[
                row("path", &["address"], Shape::Path, "/run/a.sock", "The path of the socket."),
                TIMEOUT,
                LOCKFILE,
            ]],
            surplus: Some("timeout"),
        }),
        instead: "",
    },
    Kind {
        names: &["stdio", "-"],
        sort: Sort::Stdio,
        listen: Some(Usage {
            about: "One connection on standard input and output; the program ends when it ends.",
            example: "stdio:",
            positionals: &[],
            parameters: &[],
            surplus: None,
        }),
        connect: None,
        instead: "for a backend use exec:COMMAND",
    },
    Kind {
        names: &["exec"],
        sort: Sort::Exec,
        listen: None,
        connect: Some(Usage {
            about: "A program, started per connection; all after the colon is its command line.",
            example: "exec:npx -y some-server",
            positionals: &["command"],
            parameters: &[],
            surplus: None,
        }),
        instead: "to listen on standard input and output use stdio:",
    },
    Kind {
        names: &["fd"],
        sort: Sort::Fd,
        listen: Some(Usage {
            about: "A listening socket that the program has inherited, by its number or name.",
            example: "fd:3",
            positionals: &["number"],
            parameters: &[&[
                row("number", &["fd"], Shape::Number, "3", "The number of the descriptor."),
                row("name", &[], Shape::Text, "web", "Its name, as systemd passes it."),
            ]],
            surplus: None,
        }),
        connect: None,
        instead: "a backend is connected to, as in tcp:HOST:PORT or unix:PATH",
    },
    Kind {
        names: &["systemd"],
        sort: Sort::Systemd,
        listen: Some(Usage {
            about: "A listening socket that systemd passes (sd_listen_fds), by its place or name.",
            example: "systemd:domain=INET:index=0",
            positionals: &["domain"],
            parameters: &[&[
                row(
                    "domain",
                    &[],
                    Shape::Domain,
                    "INET",
                    "Sort of socket that it must be: INET, INET6 or UNIX.",
                ),
                row("index", &[], Shape::Number, "0", "Its place, from 0."),
                row("name", &[], Shape::Text, "web", "Its name (FileDescriptorName=)."),
            ]],
            surplus: None,
        }),
        connect: None,
        instead: "a backend is connected to, as in tcp:HOST:PORT or unix:PATH",
    },
    Kind {
        names: &["haproxy"],
        sort: Sort::Wrapper,
        listen: Some(Usage {
            about: "Stands before another endpoint: a PROXY header, version 1 or 2, is required and \
                    taken off.",
            example: "haproxy:tcp:8080",
            positionals: &["endpoint"],
            parameters: &[],
            surplus: None,
        }),
        connect: None,
        instead: "to send a PROXY header use proxy-v1:ENDPOINT or proxy-v2:ENDPOINT",
    },
    Kind {
        names: &["proxy-v1", "proxy-v2"],
        sort: Sort::Wrapper,
        listen: None,
        connect: Some(Usage {
            about: "Stands before another endpoint: a PROXY header of that version is sent first.",
            example: "proxy-v2:tcp:127.0.0.1:8080",
            positionals: &["endpoint"],
            parameters: &[],
            surplus: None,
        }),
        instead: "to take a PROXY header off use haproxy:ENDPOINT",
    },
    Kind {
        names: &["socks5", "socks4a", "socks4", "socks"],
        sort: Sort::Socks,
        listen: None,
        connect: Some(Usage {
            about: "Through a SOCKS proxy, as a URL: the proxy, then the target; socks detects \
                    the version.",
            example: "socks5://127.0.0.1:9050/db.example:5432?auth=random",
            positionals: &[],
            parameters: &[TCP_CONNECT, SOCKS],
            surplus: None,
        }),
        instead: "a SOCKS proxy is on the way to a backend",
    },
];
