//! Where the certificate comes from.

use std::error::Error;

use tokio_rustls::rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject,
};

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Makes one for this machine's own names. Nobody vouches for it.
pub(crate) fn make() -> Result<Identity, Box<dyn Error + Send + Sync>> {
    let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

/// Reads a chain, the server's own certificate first, and its key.
pub(crate) fn read(certificate: &str, key: &str) -> Result<Identity, Box<dyn Error + Send + Sync>> {
    let named = |path: &str, error: &dyn Error| format!("cannot read {path}: {error}");
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| named(certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
    Ok((chain, key))
}
