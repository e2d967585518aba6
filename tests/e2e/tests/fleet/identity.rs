//! Who is not the cluster that it says it is reads nothing.

use crate::web::ground;
use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use bytes::Bytes;
use proto::v1::{self, agent_client::AgentClient, enrollment_client::EnrollmentClient, hub_message::Message};
use rcgen::{CertificateParams, IsCa, Issuer, KeyPair, SanType};
use sha2::{Digest as _, Sha256};
use tests_e2e::{
    Fleet, Options, eventually, fleet,
    fleet::{Hub, SOON},
};
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig, Identity},
};

/// What a client shows to the hub: a certificate with its key, both PEM.
#[derive(Clone)]
struct Passport {
    certificates: String,
    key: String,
    /// The cluster that it says it is.
    uid: String,
}

#[tokio::test]
async fn nobody_reads_what_is_not_his() -> Result<()> {
    let Some(control_plane) = ground() else { return Ok(()) };
    let mut fleet = Fleet::start(control_plane).await?;
    fleet.push(&[(
        "web/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: inner}\ndata: {plan: b}\n",
    )])?;
    fleet.join(&[("eu-1", "env=prod")], Options::default()).await?;
    // Two more clusters whose agents are this test: one that is to have the application, one that is not.
    let arguments = fleet.hub().token("eu-2", "env=prod", &[]).await?;
    let insider = enroll(fleet.hub(), &arguments).await?;
    let outsider = enroll(fleet.hub(), &fleet.hub().token("us-1", "env=dev", &[]).await?).await?;

    fleet.apply(&application_set(&fleet)).await?;
    eventually(SOON, "eu-1 has its ConfigMap", async || {
        fleet.cluster("eu-1").kubectl(&["get", "configmap", "inner", "--namespace", "default"]).await
    })
    .await;

    // The right one is told, and may read.
    let hub = fleet.hub();
    let told = tokio::time::timeout(SOON, attach(hub, Some(&insider), Listen::UntilTold)).await??;
    let (applications, bundle) = told.into_iter().next().context("eu-2 is told of its application")?;
    ensure!(applications == "web-eu-2", "{applications}");
    let read = fetch(hub, Some(&insider), &bundle).await?;
    ensure!(!read.is_empty());

    // Another cluster's certificate: neither told nor given.
    ensure!(attach(hub, Some(&outsider), Listen::UntilInSync).await?.is_empty());
    refused(fetch(hub, Some(&outsider), &bundle).await, &[Code::PermissionDenied], "no assignment")?;
    // No certificate at all.
    refused(fetch(hub, None, &bundle).await, &[Code::Unauthenticated], "certificate")?;
    ensure!(attach(hub, None, Listen::UntilInSync).await.is_err());
    // A certificate for eu-2 by somebody else's authority: TLS ends before anything is asked. Whether
    // the client hears of it while it writes or while it reads decides the code.
    let forged = forge("spiffe://flotilla/cluster/eu-2", &insider.uid)?;
    refused(
        fetch(hub, Some(&forged), &bundle).await,
        &[Code::Unavailable, Code::Unknown, Code::Internal, Code::Cancelled],
        "",
    )?;
    ensure!(attach(hub, Some(&forged), Listen::UntilInSync).await.is_err());
    eventually(SOON, "the hub itself ended both handshakes", async || {
        let ended = hub.log().matches("was not TLS of this hub's authority").count();
        ensure!(ended >= 2, "{ended} handshakes were refused");
        Ok(())
    })
    .await;
    // eu-2's own certificate without its key.
    let stolen = Passport { key: forged.key.clone(), ..insider.clone() };
    ensure!(fetch(hub, Some(&stolen), &bundle).await.is_err());

    tokens(&fleet, &arguments).await?;
    agents(&fleet).await
}

/// Tokens that were used, have expired, or were guessed.
async fn tokens(fleet: &Fleet, used: &[String]) -> Result<()> {
    let hub = fleet.hub();
    let said =
        |result: Result<Passport>| format!("{:#}", result.err().unwrap_or_else(|| anyhow::anyhow!("let in")));
    let again = said(enroll(hub, used).await);
    ensure!(again.contains("used already") && again.contains("flotilla cluster token"), "{again}");
    let expired = hub.token("us-9", "", &["--expires", "0s"]).await?;
    let late = said(enroll(hub, &expired).await);
    ensure!(late.contains("expired at"), "{late}");
    let fresh = hub.token("us-8", "", &[]).await?;
    let (head, secret, tail) = split(&fresh)?;
    let guessed = format!("{head}.{}.{tail}", "0".repeat(secret.len()));
    let wrong = said(enroll(hub, &with_token(&fresh, &guessed)).await);
    ensure!(wrong.contains("not known"), "{wrong}");
    let clusters = fleet.kubectl(&["get", "clusters", "--output=name"]).await?;
    ensure!(!clusters.contains("us-8") && !clusters.contains("us-9"), "{clusters}");
    // Who guessed wrong did not use it up.
    enroll(hub, &fresh).await?;
    Ok(())
}

/// The real agent in the same places.
async fn agents(fleet: &Fleet) -> Result<()> {
    let cluster = fleet.cluster("eu-1");
    let used = fleet.join_arguments("eu-1");
    let folder = fleet.folder().join("thief");
    let thief = fleet::start_agent("thief", cluster, used, &folder)?;
    eventually(SOON, "the agent says that its token was used", async || {
        let log = thief.log();
        ensure!(log.contains("used already"), "{log}");
        Ok(())
    })
    .await;
    drop(thief);

    // A hub of another authority gets nothing, the token least of all.
    let other = Hub::start(fleet.control_plane(), &fleet.folder().join("other-hub")).await?;
    let mut arguments = fleet.hub().token("us-7", "", &[]).await?;
    let address = arguments.iter_mut().skip_while(|word| *word != "--hub").nth(1).context("--hub")?;
    *address = other.agents();
    let folder = fleet.folder().join("misled");
    let misled = fleet::start_agent("misled", cluster, &arguments, &folder)?;
    eventually(SOON, "the agent says that it does not trust that hub", async || {
        let log = misled.log().to_lowercase();
        ensure!(log.contains("authority") || log.contains("certificate"), "{log}");
        Ok(())
    })
    .await;
    let (_, secret, _) = split(&arguments)?;
    ensure!(!misled.log().contains(&secret), "the secret is in the log");
    let clusters = other.kubectl().run(&["get", "clusters", "--output=name"]).await?;
    ensure!(clusters.trim().is_empty(), "{clusters}");
    Ok(())
}

fn application_set(fleet: &Fleet) -> String {
    format!(
        "
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: web, namespace: argocd}}
spec:
  generators: [{{clusters: {{selector: {{matchLabels: {{env: prod}}}}}}}}]
  template:
    metadata: {{name: 'web-{{{{name}}}}'}}
    spec:
      project: default
      source: {{repoURL: '{}', targetRevision: main, path: web}}
      destination: {{name: '{{{{name}}}}', namespace: default}}
      syncPolicy: {{automated: {{}}}}
",
        fleet.repository_url()
    )
}

fn refused<T>(result: Result<T>, codes: &[Code], text: &str) -> Result<()> {
    let error = result.err().context("it was let in")?;
    let status = error.downcast_ref::<tonic::Status>();
    let known = status.is_none_or(|status| codes.contains(&status.code()));
    ensure!(known && format!("{error:#}").contains(text), "{error:#}");
    Ok(())
}

/// `flt1.<id>`, the secret, and the authority of a token in these arguments.
fn split(arguments: &[String]) -> Result<(String, String, String)> {
    let token = arguments.iter().skip_while(|word| *word != "--token").nth(1).context("--token")?;
    let (rest, authority) = token.rsplit_once('.').context("a token has parts")?;
    let (head, secret) = rest.rsplit_once('.').context("a token has parts")?;
    Ok((head.to_owned(), secret.to_owned(), authority.to_owned()))
}

fn with_token(arguments: &[String], token: &str) -> Vec<String> {
    let mut arguments = arguments.to_vec();
    if let Some(word) = arguments.iter_mut().skip_while(|word| *word != "--token").nth(1) {
        token.clone_into(word);
    }
    arguments
}

/// A channel to the hub, whose authority is known from its data folder as an agent knows it from its token.
async fn channel(hub: &Hub, passport: Option<&Passport>) -> Result<Channel> {
    let authority = std::fs::read_to_string(hub.data().join("ca/ca.crt"))?;
    let mut tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority)).domain_name("localhost");
    if let Some(passport) = passport {
        tls = tls.identity(Identity::from_pem(&passport.certificates, &passport.key));
    }
    let endpoint = Channel::from_shared(format!("https://{}", hub.agents()))?;
    Ok(endpoint.tls_config(tls)?.connect().await?)
}

/// Joins as an agent does.
async fn enroll(hub: &Hub, arguments: &[String]) -> Result<Passport> {
    let (head, secret, authority) = split(arguments)?;
    let pem = std::fs::read_to_string(hub.data().join("ca/ca.crt"))?;
    ensure!(authority == fingerprint(&pem)?, "the token names another authority");
    let key = KeyPair::generate()?;
    let request = CertificateParams::default().serialize_request(&key)?;
    let token_id = head.strip_prefix("flt1.").context("a token begins with flt1")?.to_owned();
    let cluster_uid = format!("uid-of-{token_id}");
    let uid = cluster_uid.clone();
    let certificate_request = Bytes::copy_from_slice(request.der());
    let request = v1::EnrollRequest { token_id, secret, certificate_request, cluster_uid };
    let identity = EnrollmentClient::new(channel(hub, None).await?).enroll(request).await?.into_inner();
    let certificates: Vec<String> = identity.certificates.iter().map(|der| pem_of(der)).collect();
    Ok(Passport { certificates: certificates.concat(), key: key.serialize_pem(), uid })
}

/// A certificate for that identity, from an authority of our own.
fn forge(id: &str, uid: &str) -> Result<Passport> {
    let authority_key = KeyPair::generate()?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    authority.distinguished_name.push(rcgen::DnType::CommonName, "flotilla flotilla");
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::default();
    leaf.subject_alt_names = vec![SanType::URI(id.try_into()?)];
    leaf.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificates = leaf.signed_by(&key, &issuer)?.pem();
    Ok(Passport { certificates, key: key.serialize_pem(), uid: uid.to_owned() })
}

/// How long a session listens.
#[derive(Clone, Copy, PartialEq)]
enum Listen {
    /// Until it was told of an application.
    UntilTold,
    /// Until the hub says that there is nothing more to tell.
    UntilInSync,
}

/// Says hello with nothing in hand: the applications that the hub tells of, each with its bundle.
async fn attach(hub: &Hub, passport: Option<&Passport>, listen: Listen) -> Result<Vec<(String, String)>> {
    let mut client = AgentClient::new(channel(hub, passport).await?);
    let cluster_uid = passport.map(|passport| passport.uid.clone()).unwrap_or_default();
    let hello = v1::Hello {
        cluster_uid,
        agent_version: "test".to_owned(),
        instance: "test".to_owned(),
        ..v1::Hello::default()
    };
    let first = v1::AgentMessage { message: Some(v1::agent_message::Message::Hello(hello)) };
    // The stream up stays open until the answer is read.
    let (up, messages) = tokio::sync::mpsc::channel(1);
    up.send(first).await?;
    let mut down = client.attach(tokio_stream::wrappers::ReceiverStream::new(messages)).await?.into_inner();
    let mut told = Vec::new();
    while let Some(message) = down.message().await? {
        match message.message {
            Some(Message::Assign(assign)) => {
                let spec: serde_json::Value = serde_json::from_slice(&assign.spec)?;
                let bundle = spec["bundle"].as_str().context("a release names its bundle")?.to_owned();
                told.push((assign.application.unwrap_or_default().name, bundle));
                if listen == Listen::UntilTold {
                    return Ok(told);
                }
            }
            Some(Message::InSync(_)) if listen == Listen::UntilInSync => return Ok(told),
            Some(Message::Refused(refused)) => anyhow::bail!("{}: {}", refused.reason, refused.message),
            _ => {}
        }
    }
    anyhow::bail!("the hub closed the stream")
}

async fn fetch(hub: &Hub, passport: Option<&Passport>, bundle: &str) -> Result<Vec<u8>> {
    let mut client = AgentClient::new(channel(hub, passport).await?);
    let request = v1::FetchBundleRequest { digest: bundle.to_owned(), offset: 0 };
    let mut chunks = client.fetch_bundle(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        bytes.extend_from_slice(&chunk.data);
    }
    Ok(bytes)
}

fn pem_of(der: &[u8]) -> String {
    let body = base64::prelude::BASE64_STANDARD.encode(der);
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

fn fingerprint(pem: &str) -> Result<String> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    Ok(hex::encode(Sha256::digest(base64::prelude::BASE64_STANDARD.decode(body)?)))
}
