//! An authority, a server's certificate and a client's, made for one test.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Files in PEM, in a folder that goes with the test.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// A server for `localhost` and 127.0.0.1, and a client called `tester`.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, "authority of a test");
        let key = KeyPair::generate().unwrap();
        let certificate = authority.self_signed(&key).unwrap();
        let issuer = Issuer::new(authority, key);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &certificate.pem());
        for (name, hosts) in [("server", &["localhost", "127.0.0.1"][..]), ("client", &["tester"])]
        {
            let hosts: Vec<_> = hosts.iter().map(ToString::to_string).collect();
            let key = KeyPair::generate().unwrap();
            let certificate =
                CertificateParams::new(hosts).unwrap().signed_by(&key, &issuer).unwrap();
            write(&format!("{name}.pem"), &certificate.pem());
            write(&format!("{name}.key"), &key.serialize_pem());
            let both = key.serialize_pem() + &certificate.pem();
            write(&format!("{name}-both.pem"), &both);
        }
        Self { folder }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns an address to listen at with the server's certificate.
    pub(crate) fn listen(&self, more: &str) -> String {
        let (cert, key) = (self.file("server.pem"), self.file("server.key"));
        format!("tls:0:127.0.0.1:cert={cert}:key={key}{more}")
    }
}
