//! What a repository is read with: a login, and what its server is trusted by and reached through.

use std::{fmt, sync::Arc};

/// What a repository is read with. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) login: Option<Login>,
    /// A chain of certificates and its key, both PEM.
    pub(crate) client_certificate: Option<(String, String)>,
    /// Authorities besides those of the hub, PEM.
    pub(crate) authorities: Option<Arc<str>>,
    /// Lines of a `known_hosts` file.
    pub(crate) known_hosts: Option<Arc<str>>,
    /// Neither the server's certificate nor its host key is looked at.
    pub(crate) insecure: bool,
    pub(crate) proxy: Option<Proxy>,
    /// Other hosts that an index of charts names, or that are redirected to, are logged in to as well.
    pub(crate) passed_on: bool,
    /// A registry is asked over HTTP without TLS.
    pub(crate) plain_http: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    Basic { username: String, password: String },
    Bearer { token: String },
    SshKey { pem: String },
    App(App),
}

/// A GitHub App.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) installation: Option<String>,
    /// PEM.
    pub(crate) key: String,
    /// Of the API; GitHub's own when absent.
    pub(crate) base_url: Option<String>,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) url: String,
    /// Hosts that are reached directly, as in `NO_PROXY`.
    pub(crate) except: String,
}

impl Proxy {
    /// Whether a host is to be reached without it.
    pub(crate) fn spares(&self, host: &str) -> bool {
        self.except.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).any(|name| {
            let name = name.trim_start_matches('.').to_ascii_lowercase();
            name == "*" || host == name || host.strip_suffix(&name).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

impl Credentials {
    /// User name and password, or token as the password. Without a user name it is
    /// `x-access-token`, as in Argo CD: forges that take tokens do not look at it.
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        let username = username.into();
        let username = if username.is_empty() { "x-access-token".to_owned() } else { username };
        Self::of(Login::Basic { username, password: line(password.into()) })
    }

    /// A token sent as `Authorization: Bearer` (Argo CD's `bearerToken`, for Bitbucket Data Center).
    pub fn bearer(token: impl Into<String>) -> Self {
        Self::of(Login::Bearer { token: line(token.into()) })
    }

    /// A private key without a passphrase, as `ssh-keygen` writes it (Argo CD's `sshPrivateKey`).
    pub fn ssh_key(pem: impl Into<String>) -> Self {
        Self::of(Login::SshKey { pem: format!("{}\n", line(pem.into()).replace("\r\n", "\n")) })
    }

    /// A GitHub App with its private key (Argo CD's `githubAppID`, `githubAppInstallationID`,
    /// `githubAppPrivateKey`, `githubAppEnterpriseBaseUrl`). Without an installation it is looked up, and
    /// without a base URL it is github.com's.
    pub fn github_app(
        id: impl Into<String>,
        installation: Option<String>,
        key: impl Into<String>,
        base_url: Option<String>,
    ) -> Self {
        Self::of(Login::App(App { id: id.into(), installation, key: key.into(), base_url }))
    }

    /// No login.
    pub fn none() -> Self {
        Self::default()
    }

    fn of(login: Login) -> Self {
        Self { login: Some(login), ..Self::default() }
    }

    /// Shows this certificate to the server (Argo CD's `tlsClientCertData` and `tlsClientCertKey`), PEM.
    #[must_use]
    pub fn with_client_certificate(mut self, chain: impl Into<String>, key: impl Into<String>) -> Self {
        self.client_certificate = Some((chain.into(), key.into()));
        self
    }

    /// Trusts these authorities too (Argo CD's `argocd-tls-certs-cm`), PEM.
    #[must_use]
    pub fn with_authorities(mut self, pem: impl Into<Arc<str>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Knows these host keys (Argo CD's `argocd-ssh-known-hosts-cm`), lines of a `known_hosts` file.
    #[must_use]
    pub fn with_known_hosts(mut self, lines: impl Into<Arc<str>>) -> Self {
        self.known_hosts = Some(lines.into());
        self
    }

    /// Takes any server for the right one (Argo CD's `insecure`).
    #[must_use]
    pub fn insecure(mut self) -> Self {
        self.insecure = true;
        self
    }

    /// Logs in also at other hosts that a Helm repository has its archives on (`passCredentials` of a source).
    #[must_use]
    pub fn passed_on(mut self) -> Self {
        self.passed_on = true;
        self
    }

    /// Asks an OCI registry over HTTP without TLS (Argo CD's `insecureOCIForceHttp`).
    #[must_use]
    pub fn plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Reaches the server through a proxy (Argo CD's `proxy` and `noProxy`), whatever the environment
    /// says, except for the hosts in `except`.
    #[must_use]
    pub fn through_proxy(mut self, url: impl Into<String>, except: impl Into<String>) -> Self {
        self.proxy = Some(Proxy { url: url.into(), except: except.into() });
        self
    }

    /// Whether there is a login or a certificate, and not only settings.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some() || self.client_certificate.is_some()
    }
}

/// A secret as it was meant: `echo` and editors end it with a line feed.
fn line(mut secret: String) -> String {
    secret.truncate(secret.trim_end_matches(['\r', '\n']).len());
    secret
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
