//! Charts that the real Helm has packed, indexed and pushed, read from servers over TLS: a Helm repository, and a real
//! OCI registry.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use hub_source::{
    Charts, Credentials, RepoUrl,
    charts::{Address, Config},
};
use sha2::{Digest, Sha256};
use tests_e2e::{
    Tool,
    charts::{ChartRepository, Identity, PASSWORD, Registry, USERNAME, index, package},
};

/// A chart in a folder `web` of its own.
fn chart(dir: &Path, version: &str) -> Result<std::path::PathBuf> {
    let folder = dir.join(version).join("web");
    fs::create_dir_all(folder.join("templates"))?;
    fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: web\nversion: {version}\n"))?;
    fs::write(folder.join("values.yaml"), "replicas: 1\n")?;
    fs::write(folder.join("templates/a.yaml"), format!("kind: ConfigMap # {version}\n"))?;
    Ok(folder)
}

fn credentials(identity: &Identity) -> Credentials {
    Credentials::basic(USERNAME, PASSWORD).with_authorities(identity.authority())
}

fn charts(dir: &Path) -> Result<Charts> {
    Ok(Charts::build(Config::new(dir.join("charts")))?)
}

/// What each version is resolved to, and that its files are those of the chart.
async fn check(
    charts: &Charts,
    url: &RepoUrl,
    with: &Credentials,
    versions: &[(&str, &str, &Path)],
) -> Result<()> {
    for (wanted, version, archive) in versions {
        let digest = hex::encode(Sha256::digest(fs::read(archive)?));
        let commit = charts.resolve(url, wanted, Some(with)).await?;
        assert_eq!(commit.as_str(), digest, "{wanted} of {url}");
        let files = charts.files(url, &commit, wanted, Some(with)).await?;
        let files: BTreeMap<&str, &[u8]> =
            files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
        assert_eq!(
            files.keys().copied().collect::<Vec<_>>(),
            ["Chart.yaml", "templates/a.yaml", "values.yaml"]
        );
        assert_eq!(files["templates/a.yaml"], format!("kind: ConfigMap # {version}\n").as_bytes());
        let label = charts.describe(&commit).context("it was seen")?;
        assert_eq!((label.name.as_str(), label.version.as_str()), ("web", *version));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_a_helm_repository() -> Result<()> {
    let Some(helm) = Tool::Helm.path() else { return Ok(()) };
    let (dir, identity) = (tempfile::tempdir()?, Identity::new()?);
    let served = dir.path().join("served");
    fs::create_dir_all(&served)?;
    let pack = |version: &str| package(helm, &chart(dir.path(), version)?, &served);
    let (old, build) = (pack("1.0.0")?, pack("1.2.0+build.7")?);
    index(helm, &served)?;
    let server = ChartRepository::serve(&served, &identity)?;
    let url = Address::repository(&server.url(), "web")?.to_url();
    let (charts, with) = (charts(dir.path())?, credentials(&identity));
    check(
        &charts,
        &url,
        &with,
        &[
            ("1.0.0", "1.0.0", &old),
            ("<1.2.0", "1.0.0", &old),
            ("1.x", "1.2.0+build.7", &build),
            ("1.2.0+build.7", "1.2.0+build.7", &build),
        ],
    )
    .await?;
    // One more version, which a range follows.
    let new = pack("1.3.0")?;
    index(helm, &served)?;
    check(&charts, &url, &with, &[("1.x", "1.3.0", &new), ("", "1.3.0", &new)]).await?;

    let untrusted = Credentials::basic(USERNAME, PASSWORD);
    let error = charts.resolve(&url, "1.0.0", Some(&untrusted)).await.unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate"), "{error}");
    let nobody = Credentials::none().with_authorities(identity.authority());
    let error = charts.resolve(&url, "1.0.0", Some(&nobody)).await.unwrap_err().to_string();
    assert!(error.contains("refused to be read without credentials"), "{error}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn charts_of_an_oci_registry() -> Result<()> {
    let (Some(helm), Some(program)) = (Tool::Helm.path(), Tool::Registry.path()) else { return Ok(()) };
    let (dir, identity) = (tempfile::tempdir()?, Identity::new()?);
    let registry = Registry::start(program, &identity).await?;
    let push = |version: &str| -> Result<_> {
        let archive = package(helm, &chart(dir.path(), version)?, dir.path())?;
        registry.push(helm, &archive, "team/charts")?;
        Ok(archive)
    };
    let (old, build) = (push("1.0.0")?, push("1.2.0+build.7")?);
    let url = Address::oci(&format!("{}/team/charts", registry.host()), "web")?.to_url();
    let (charts, with) = (charts(dir.path())?, credentials(&identity));
    check(
        &charts,
        &url,
        &with,
        &[
            ("1.0.0", "1.0.0", &old),
            ("<1.2.0", "1.0.0", &old),
            ("1.x", "1.2.0+build.7", &build),
            ("1.2.0+build.7", "1.2.0+build.7", &build),
        ],
    )
    .await?;
    let mut newest = old.clone();
    for minor in 3..6 {
        newest = push(&format!("1.{minor}.0"))?;
    }
    check(&charts, &url, &with, &[("1.x", "1.5.0", &newest)]).await?;

    let nobody = Credentials::none().with_authorities(identity.authority());
    let error = charts.resolve(&url, "1.0.0", Some(&nobody)).await.unwrap_err().to_string();
    assert!(error.contains("refused to be read without credentials"), "{error}");
    let nowhere = Address::oci(&registry.host(), "team/none")?.to_url();
    let error = charts.resolve(&nowhere, "1.0.0", Some(&with)).await.unwrap_err().to_string();
    assert!(error.starts_with("no repository at"), "{error}");
    Ok(())
}
