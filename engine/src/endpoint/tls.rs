//! TLS, both ways: configurations from an address's options, and the handshakes.
//!
//! Files are read here, when an endpoint is used, never when an address is read.

use super::{Connect, Host, Listen, Options, Stream, in_words, plain};
use crate::address::TlsVersion;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme,
    SupportedProtocolVersion, version,
};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// State of the server in a handshake.
#[derive(Clone)]
pub(super) struct Server(TlsAcceptor);

/// State of the client in a handshake.
#[derive(Clone)]
pub(super) struct Client {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Server {
    /// Reads what an address names.
    ///
    /// # Errors
    ///
    /// A file cannot be used, with its path.
    pub(super) fn new(address: &Listen) -> io::Result<Self> {
        let options = &address.options;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(options)?)
            .map_err(io::Error::other)?;
        let builder = match options.text("client_ca") {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = Arc::new(roots(path, "client_ca")?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                let verifier = verifier.build().map_err(|error| wrong("client_ca", path, error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let Some((chain, key)) = identity(options)? else {
            return Err(io::Error::other("TLS needs cert=FILE and key=FILE to listen"));
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| io::Error::other(format!("cert and key: {error}")))?;
        config.alpn_protocols = alpn(options);
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Takes a client's handshake.
    pub(super) async fn accept(&self, mut stream: Stream) -> io::Result<Stream> {
        let below = stream.below();
        let stream = self.0.accept(stream).await?;
        Ok(Stream::tls(Box::new(stream), below))
    }
}

impl Client {
    /// Reads what an address names; `host` is whom its certificate must be for, unless it says
    /// otherwise.
    ///
    /// # Errors
    ///
    /// A file cannot be used, with its path.
    pub(super) fn new(address: &Connect, host: Option<&Host>) -> io::Result<Self> {
        let options = &address.options;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(options)?)
            .map_err(io::Error::other)?;
        let builder = if options.flag("verify") == Some(false) {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider())))
        } else {
            let roots = match options.text("ca") {
                Some(path) => roots(path, "ca")?,
                None => system_roots()?,
            };
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_webpki_verifier(verifier.build().map_err(io::Error::other)?)
        };
        let mut config = match identity(options)? {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| io::Error::other(format!("cert and key: {error}")))?,
        };
        config.alpn_protocols = alpn(options);
        let name = match (options.text("sni"), host) {
            (Some(name), _) => name.to_owned(),
            (None, Some(Host::Address(address))) => address.to_string(),
            // A zone means something on this machine only.
            (None, Some(Host::Name(name))) => name.split('%').next().unwrap_or(name).to_owned(),
            (None, None) => "localhost".to_owned(),
        };
        let server = ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| io::Error::other(format!("sni: {name:?} is not a name for TLS")))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name: server })
    }

    /// Shakes hands with a server.
    pub(super) async fn connect(&self, mut stream: Stream) -> io::Result<Stream> {
        let below = stream.below();
        let stream = self.connector.connect(self.name.clone(), stream).await.map_err(told)?;
        Ok(Stream::tls(Box::new(stream), below))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?})", self.name)
    }
}

/// An error of a handshake, with words for what is met most often.
fn told(error: io::Error) -> io::Error {
    let text = error.to_string();
    let words = if text.contains("CaUsedAsEndEntity") {
        // What `openssl req -x509` makes by default.
        "the server shows the certificate of an authority (CA:TRUE) as its own; \
         make one for a server (CA:FALSE), or write verify=no"
            .to_owned()
    } else if text.contains("UnknownIssuer") {
        "the server's certificate is from an authority that is not known here; \
         name the authority with ca=FILE, or write verify=no"
            .to_owned()
    } else if text.contains("not valid for name") {
        format!("{text}; write sni=NAME for another name, or verify=no")
    } else if text.contains("InvalidContentType") {
        "the server does not speak TLS".to_owned()
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        "the server hung up during the handshake".to_owned()
    } else {
        return error;
    };
    io::Error::new(error.kind(), words)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn versions(options: &Options) -> io::Result<&'static [&'static SupportedProtocolVersion]> {
    const ALL: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
    Ok(match options.word("min_version") {
        None | Some(TlsVersion::V1_2) => ALL,
        Some(TlsVersion::V1_3) => &ALL[..1],
    })
}

fn alpn(options: &Options) -> Vec<Vec<u8>> {
    let names = options.text("alpn").unwrap_or_default();
    names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Into::into).collect()
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificates and the key to show; one of `cert` and `key` may hold both.
fn identity(options: &Options) -> io::Result<Option<Identity>> {
    // Errors name the option that was given.
    let (cert, key) = match (options.text("cert"), options.text("key")) {
        (None, None) => return Ok(None),
        (Some(both), None) => ((both, "cert"), (both, "cert")),
        (None, Some(both)) => ((both, "key"), (both, "key")),
        (Some(cert), Some(key)) => ((cert, "cert"), (key, "key")),
    };
    let mut chain = certificates(cert.0, cert.1)?;
    if let Some(more) = options.text("chain") {
        chain.extend(certificates(more, "chain")?);
    }
    let key = PrivateKeyDer::from_pem_file(key.0).map_err(|error| wrong(key.1, key.0, error))?;
    Ok(Some((chain, key)))
}

fn certificates(path: &str, option: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let found: Vec<_> = read.map_err(|error| wrong(option, path, error))?;
    if found.is_empty() {
        return Err(wrong(option, path, "no certificate is in it"));
    }
    Ok(found)
}

/// The authorities in a file, or in the files of a directory whose names end in .pem or .crt.
fn roots(path: &str, option: &str) -> io::Result<RootCertStore> {
    let mut files = vec![path.to_owned()];
    if Path::new(path).is_dir() {
        let entries =
            std::fs::read_dir(path).map_err(|error| wrong(option, path, plain(&error)))?;
        let names = entries.filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned));
        let is_pem = |name: &String| name.ends_with(".pem") || name.ends_with(".crt");
        files = names.filter(is_pem).collect();
        files.sort();
    }
    let mut roots = RootCertStore::empty();
    for file in &files {
        for certificate in certificates(file, option)? {
            roots.add(certificate).map_err(|error| wrong(option, file, error))?;
        }
    }
    if roots.is_empty() {
        return Err(wrong(option, path, "no file in it ends in .pem or .crt"));
    }
    Ok(roots)
}

fn system_roots() -> io::Result<RootCertStore> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // What is wrong with one of many is not our business; that there are none is.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
        let text =
            format!("this system has no certificates of authorities{why}; ca=FILE names some");
        return Err(io::Error::other(text));
    }
    Ok(roots)
}

/// An error about a file, lower case.
fn wrong(option: &str, path: &str, error: impl fmt::Display) -> io::Error {
    let error = io::Error::other(error.to_string().replace("I/O error: ", ""));
    in_words(format_args!("{option}={path}"), &error)
}

/// Takes any certificate for anybody's, as `verify=no` says.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
