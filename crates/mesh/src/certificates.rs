//! Certificates of nodes: one authority for a cluster, one certificate for each node.
//!
//! Who has a certificate of the authority is a node of the cluster; nobody else is spoken to. The files are read again for each
//! link that is opened or taken, so new ones need no restart.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::KeyUsagePurpose as Usage;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
const NODE: &str = "node.pem";
const NODE_KEY: &str = "node-key.pem";

/// What is wrong with certificates.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct CertError {
    path: PathBuf,
    what: String,
}

fn wrong(path: &Path) -> impl Fn(&dyn std::fmt::Display) -> CertError {
    move |what| CertError { path: path.to_owned(), what: what.to_string() }
}

/// The name in a node's certificate.
fn dns_name(node: &str) -> String {
    format!("{node}.mesh.consort")
}

/// A node's certificates, in a directory: `ca.pem`, `node.pem`, `node-key.pem`. A new authority is brought in by appending it
/// to `ca.pem` everywhere before certificates of it are given out.
#[derive(Debug, Clone)]
pub struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// Those in a directory.
    ///
    /// # Errors
    /// When they cannot be used.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CertError> {
        let certificates = Self { directory: directory.into() };
        certificates.server()?;
        certificates.client()?;
        Ok(certificates)
    }

    fn authorities(&self) -> Result<RootCertStore, CertError> {
        let path = self.directory.join(CA);
        let mut roots = RootCertStore::empty();
        for certificate in read_certificates(&path)? {
            roots.add(certificate).map_err(|error| wrong(&path)(&error))?;
        }
        Ok(roots)
    }

    fn own(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertError> {
        let key = self.directory.join(NODE_KEY);
        let read = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key)(&error))?;
        Ok((read_certificates(&self.directory.join(NODE))?, read))
    }

    pub(crate) fn server(&self) -> Result<Arc<ServerConfig>, CertError> {
        let (failed, provider) = (wrong(&self.directory), Arc::new(ring::default_provider()));
        let roots = Arc::new(self.authorities()?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
        let (chain, key) = self.own()?;
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| failed(&error))?
            .with_client_cert_verifier(verifier.map_err(|error| failed(&error))?)
            .with_single_cert(chain, key);
        let mut config = config.map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }

    pub(crate) fn client(&self) -> Result<Arc<ClientConfig>, CertError> {
        let failed = wrong(&self.directory);
        let (chain, key) = self.own()?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| failed(&error))?
            .with_root_certificates(self.authorities()?)
            .with_client_auth_cert(chain, key);
        let mut config = config.map_err(|error| failed(&error))?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Whether a certificate is that of a node.
pub(crate) fn bears_name(certificate: &CertificateDer<'_>, node: &str) -> bool {
    let Ok(parsed) = ParsedCertificate::try_from(certificate) else { return false };
    server_name(node).is_some_and(|name| verify_server_name(&parsed, &name).is_ok())
}

/// What a node's certificate is to say.
pub(crate) fn server_name(node: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(dns_name(node)).ok()
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| wrong(path)(&error))?;
    if read.is_empty() { Err(wrong(path)(&"no certificate")) } else { Ok(read) }
}

/// Makes the authority of a cluster in a directory. Its key is needed only to make certificates of nodes; keep it elsewhere.
///
/// # Errors
/// When there is one already, or nothing can be written.
pub fn make_ca(out: &Path) -> Result<(), CertError> {
    let failed = wrong(out);
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Consort mesh");
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    create(&out.join(CA_KEY), &key.serialize_pem())?;
    create(&out.join(CA), &certificate.pem())
}

/// Makes the certificate of a node, of the authority in `ca`, with a copy of the authority's.
///
/// # Errors
/// When no node can have that name, there is no authority, or one's files are there already.
pub fn make_node(name: &str, ca: &Path, out: &Path) -> Result<(), CertError> {
    let failed = wrong(out);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edge = name.starts_with('-') || name.ends_with('-');
    if !(1..=63).contains(&name.len()) || !name.bytes().all(fits) || edge {
        return Err(failed(&format!("{name:?}: a node's name has 1 to 63 of a-z, 0-9 and -")));
    }
    let read = |name: &str| {
        let path = ca.join(name);
        fs::read_to_string(&path).map_err(|error| wrong(&path)(&error))
    };
    let (authority, authority_key) = (read(CA)?, read(CA_KEY)?);
    let authority_key = KeyPair::from_pem(&authority_key).map_err(|error| wrong(ca)(&error))?;
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name.push(DnType::CommonName, "Consort mesh");
    issuer.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    issuer.key_usages = vec![Usage::KeyCertSign, Usage::CrlSign];
    let issuer = Issuer::new(issuer, authority_key);
    let mut params = CertificateParams::new([dns_name(name)]).map_err(|error| failed(&error))?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let certificate = params.signed_by(&key, &issuer).map_err(|error| failed(&error))?;
    create(&out.join(NODE_KEY), &key.serialize_pem())?;
    create(&out.join(NODE), &certificate.pem())?;
    if out != ca { create(&out.join(CA), &authority) } else { Ok(()) }
}

/// Writes a file that only its owner may read; one that is there stays.
fn create(path: &Path, text: &str) -> Result<(), CertError> {
    let failed = wrong(path);
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| failed(&error))?;
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(&error))
}
