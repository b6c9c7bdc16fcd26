//! Parameters that several kinds share, and those of TLS, which goes with any kind.

use super::usage::{Parameter, row};
use super::values::{Shape, Spelled};
use chenapan_core::choices;

pub(super) const BACKLOG: Parameter =
    row("backlog", &[], Shape::Backlog, "128", "Connections that may wait to be accepted.");
pub(super) const TIMEOUT: Parameter =
    row("timeout", &[], Shape::Time, "5s", "Time for an attempt to connect.");

choices! {
    /// Lowest version of TLS.
    pub(crate) enum TlsVersion {
        /// TLS 1.2 (RFC 5246).
        V1_2 = "1.2",
        /// TLS 1.3 (RFC 8446).
        V1_3 = "1.3",
    }
}

impl TlsVersion {
    /// Reads a version; Twisted's names of methods are taken for the lowest that they would allow
    /// here.
    fn spelled(text: &str) -> Option<&'static str> {
        let lower = text.to_ascii_lowercase();
        let lower = lower.strip_suffix("_method").unwrap_or(&lower).replace('_', ".");
        let version = match lower.strip_prefix("tls").unwrap_or(&lower).trim_start_matches('v') {
            "sslv23" => Self::V1_2,
            "" if !text.is_empty() => Self::V1_2,
            number => number.parse().ok()?,
        };
        Some(version.name())
    }
}

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
        Shape::Spelled(Spelled {
            form: "1.2 or 1.3",
            expected: "a version of TLS that is spoken here (try 1.2 or 1.3)",
            read: TlsVersion::spelled,
        }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twisted_names_of_tls_methods_are_understood() {
        for text in ["1.2", "TLSv1.2", "tls1.2", "TLSv1_2_METHOD", "SSLv23_METHOD", "TLS_METHOD"] {
            assert_eq!(TlsVersion::spelled(text), Some("1.2"), "{text}");
        }
        assert_eq!(TlsVersion::spelled("TLSv1_3_METHOD"), Some("1.3"));
        for text in ["", "1.0", "SSLv3_METHOD", "TLSv1_METHOD", "2"] {
            assert_eq!(TlsVersion::spelled(text), None, "{text}");
        }
    }
}
