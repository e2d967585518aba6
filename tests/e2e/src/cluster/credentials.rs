//! What makes a cluster's API server trusted and its administrator known: files in the cluster's folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use uuid::Uuid;

/// The files of one cluster.
pub(super) struct Credentials {
    dir: PathBuf,
    authority: String,
    admin_token: String,
}

impl Credentials {
    /// Makes an authority, the API server's certificate, the key of the service accounts, and an administrator's token.
    pub(super) fn create(dir: &Path) -> Result<Self> {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "authority of a test cluster");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);

        let key = KeyPair::generate()?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut server = CertificateParams::new(names)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let certificate = server.signed_by(&key, &issuer)?;

        let credentials = Self {
            dir: dir.to_owned(),
            authority: authority_certificate.pem(),
            admin_token: Uuid::new_v4().simple().to_string(),
        };
        let tokens = format!("{},admin,admin,system:masters\n", credentials.admin_token);
        let service_accounts = KeyPair::generate()?;
        credentials.write("authority.crt", &credentials.authority)?;
        credentials.write("server.crt", &certificate.pem())?;
        credentials.write("server.key", &key.serialize_pem())?;
        credentials.write("service-accounts.key", &service_accounts.serialize_pem())?;
        credentials.write("service-accounts.pub", &service_accounts.public_key_pem())?;
        credentials.write("tokens.csv", &tokens)?;
        Ok(credentials)
    }

    /// The path of one of the files, for a flag.
    pub(super) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Writes the administrator's kubeconfig, which holds all it needs and may be copied.
    pub(super) fn write_kubeconfig(&self, cluster: &str, port: u16) -> Result<()> {
        let authority = BASE64_STANDARD.encode(&self.authority);
        let token = &self.admin_token;
        let kubeconfig = format!(
            "apiVersion: v1
kind: Config
current-context: {cluster}
contexts:
- name: {cluster}
  context:
    cluster: {cluster}
    user: admin
clusters:
- name: {cluster}
  cluster:
    server: https://127.0.0.1:{port}
    certificate-authority-data: {authority}
users:
- name: admin
  user:
    token: {token}
"
        );
        self.write("kubeconfig", &kubeconfig)
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.dir.join(name);
        std::fs::write(&path, content).with_context(|| format!("write {}", path.display()))
    }
}
