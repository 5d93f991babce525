//! The certificate of the voice gateway.
//!
//! Client libraries know no voice gateway without TLS: each writes `wss://` in its code. An operator with a certificate gives it;
//! otherwise the server makes an authority of its own once, in its data directory, and with it a certificate at each start. Clients
//! are told to trust that authority (`NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`).

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const CA: &str = "ca.pem";
const CA_KEY: &str = "ca-key.pem";
/// The name of the authority, in its certificate and in those it has signed.
const CA_NAME: &str = "Consort voice";

/// What the voice gateway shows to those who connect.
#[derive(Debug, Clone)]
pub struct Tls {
    /// For the acceptor.
    pub config: Arc<ServerConfig>,
    /// The certificate of the authority that clients have to be told to trust; `None` for an operator's own certificate.
    pub authority: Option<PathBuf>,
}

impl Tls {
    /// A certificate for these names and addresses, of the authority in a directory, which is made if it is missing.
    ///
    /// # Errors
    /// A text that names the file and what is wrong with it.
    pub fn of_authority(directory: &Path, names: Vec<String>) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
        if !directory.join(CA).exists() {
            make_authority(directory).map_err(|error| failed(&error))?;
        }
        let key = fs::read_to_string(directory.join(CA_KEY))
            .map_err(|error| failed(&format!("{CA_KEY}: {error}")))?;
        let key = KeyPair::from_pem(&key).map_err(|error| failed(&format!("{CA_KEY}: {error}")))?;
        let issuer = Issuer::new(authority(), key);
        let mut params = CertificateParams::new(names).map_err(|error| failed(&error))?;
        params.distinguished_name.push(DnType::CommonName, "Consort voice gateway");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let own = KeyPair::generate().map_err(|error| failed(&error))?;
        let certificate = params.signed_by(&own, &issuer).map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.serialize_der()));
        let config = config(vec![certificate.der().clone()], key).map_err(|error| failed(&error))?;
        Ok(Self { config, authority: Some(directory.join(CA)) })
    }

    /// An operator's certificate with those that lead to its authority, and its key, in PEM.
    ///
    /// # Errors
    /// A text that names the file and what is wrong with it.
    pub fn of_files(certificate: &Path, key: &Path) -> Result<Self, String> {
        let chain =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| format!("{}: {error}", certificate.display()))?;
        let secret = PrivateKeyDer::from_pem_file(key);
        let secret = secret.map_err(|error| format!("{}: {error}", key.display()))?;
        let config = config(chain, secret).map_err(|error| format!("{}: {error}", certificate.display()))?;
        Ok(Self { config, authority: None })
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, tokio_rustls::rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok(Arc::new(config.with_single_cert(chain, key)?))
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, CA_NAME);
    params
}

/// Makes the authority. Its key is written first, so that one whose certificate is there is whole.
fn make_authority(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = authority().self_signed(&key).map_err(io::Error::other)?;
    write(&directory.join(CA_KEY), &key.serialize_pem(), 0o600)?;
    write(&directory.join(CA), &certificate.pem(), 0o644)
}

/// Writes a file whole: under another name first.
fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    // One that was left half-written may have other rights.
    let _none = fs::remove_file(&beside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_authority_is_made_once_and_its_key_is_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("tls");
        let names = || vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let tls = Tls::of_authority(&folder, names()).unwrap();
        let read = || fs::read_to_string(folder.join(CA)).unwrap();
        let first = read();
        assert_eq!(tls.authority, Some(folder.join(CA)));
        Tls::of_authority(&folder, names()).unwrap();
        assert_eq!(read(), first);
        let mode = fs::metadata(folder.join(CA_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(folder.join(CA_KEY), "nothing").unwrap();
        assert!(Tls::of_authority(&folder, names()).unwrap_err().contains(CA_KEY));
        assert!(Tls::of_files(&folder.join("none"), &folder.join(CA_KEY)).unwrap_err().contains("none"));
    }
}
