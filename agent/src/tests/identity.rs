//! The life of an identity: renewal, authorities that change, revocation and a new token, all while it runs.

use super::{
    hub::end,
    scripted::{Ca, Linked, Scripted, Seen, authorities, fingerprint, say},
};
use crate::{journal::Identity, link};
use jiff::SignedDuration;
use proto::v1::{self, hub_message::Message};
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::Status;

async fn joined(ca: &Arc<Ca>) -> (Scripted, Linked) {
    let hub = Scripted::start(ca).await;
    let linked = Linked::join(link::Config::of(&hub.address), &hub.token("t1")).await;
    (hub, linked)
}

#[tokio::test]
async fn the_hub_asks_for_a_renewal_and_sees_the_new_certificate_without_a_restart() {
    let (mut hub, linked) = joined(&Ca::new()).await;
    let (_, before, session) = hub.session().await;
    say(&session, Message::RenewNow(v1::RenewNow {})).await;
    assert!(matches!(hub.next().await, Seen::Renewed));
    let (_, after, _session) = hub.session().await;
    assert_ne!(before, after);
    // Durable before it is shown.
    assert_eq!(linked.kept().certificates[0], Identity::encode(&after));
    end(&linked.tasks).await;
}

#[tokio::test]
async fn an_expired_certificate_is_renewed_and_the_agent_is_back() {
    let hub = Scripted::start(&Ca::new()).await;
    hub.script.lock().ends_in = SignedDuration::from_hours(-1);
    let token = hub.token("t1");
    let mut hub = hub;
    let config = link::Config::of(&hub.address);
    let (script, mut linked) = (Arc::clone(&hub.script), Linked::join(config, &token).await);
    // What was given out is worth nothing; what is given out from now on is.
    script.lock().ends_in = SignedDuration::from_hours(720);
    let (_, certificate, _session) = hub.session().await;
    assert_eq!(linked.kept().certificates[0], Identity::encode(&certificate));
    let now = shared_runtime::now();
    linked.until(|standing| standing.certificate_until.is_some_and(|until| until > now)).await;
    end(&linked.tasks).await;
}

#[tokio::test]
async fn authorities_are_replaced_by_a_trusted_hub_and_never_by_nothing() {
    let (old, new) = (Ca::new(), Ca::new());
    let (mut hub, linked) = joined(&old).await;
    let (hello, _, session) = hub.session().await;
    assert_eq!(hello.authorities, [fingerprint(&old)]);
    // Nothing, and nonsense, change nothing.
    say(&session, authorities(&[])).await;
    say(&session, Message::Authorities(v1::Authorities { authorities: vec![b"x"[..].into()] })).await;
    // A rotation begins: both are trusted, the old one still issues.
    let both = vec![Arc::clone(&old), Arc::clone(&new)];
    hub.script.lock().authorities.clone_from(&both);
    say(&session, authorities(&[&old, &new])).await;
    let encoded = |list: &[&Arc<Ca>]| list.iter().map(|ca| Identity::encode(&ca.der)).collect::<Vec<_>>();
    let mut identity = linked.identities.subscribe();
    let wait = identity.wait_for(|identity| identity.authorities == encoded(&[&old, &new]));
    tokio::time::timeout(std::time::Duration::from_secs(30), wait).await.unwrap().unwrap();
    assert_eq!(linked.kept().authorities, encoded(&[&old, &new]));
    // The hub shows a certificate of the new one.
    hub.script.lock().server = Arc::clone(&new);
    restart(session).await;
    let (hello, _, session) = hub.session().await;
    assert_eq!(hello.authorities, [fingerprint(&old), fingerprint(&new)]);
    // The rotation ends: the agent asks for a certificate of the new authority by itself, and comes with it.
    hub.script.lock().issuer = Arc::clone(&new);
    hub.script.lock().authorities = vec![Arc::clone(&new)];
    say(&session, authorities(&[&new])).await;
    let (hello, certificate, _session) = hub.session().await;
    assert_eq!(hello.authorities, [fingerprint(&new)]);
    assert_eq!(linked.kept().certificates[0], Identity::encode(&certificate));
    end(&linked.tasks).await;
}

/// The hub ends a session as one that restarts does.
async fn restart(session: mpsc::Sender<Result<v1::HubMessage, Status>>) {
    session.send(Err(Status::unavailable("the hub is stopping"))).await.unwrap();
}

#[tokio::test]
async fn a_revoked_agent_is_mended_by_a_new_token_in_its_file() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let mut hub = Scripted::start(&ca).await;
    let file = folder.path().join("token");
    std::fs::write(&file, hub.token("t1").to_string()).unwrap();
    let config = link::Config { token_file: Some(file.clone()), ..link::Config::of(&hub.address) };
    let mut linked = Linked::join(config, &hub.token("t1")).await;
    let (_, _, session) = hub.session().await;
    hub.script.lock().revoked.push("t1".into());
    let refused = v1::Refused { reason: "Revoked".into(), message: "by ada".into() };
    say(&session, Message::Refused(refused)).await;
    session.send(Err(Status::permission_denied("Revoked: by ada"))).await.unwrap();
    let standing = linked.until(|standing| standing.remedy.is_some() && !standing.refusals.is_empty()).await;
    let remedy = standing.remedy.unwrap();
    assert!(
        remedy.contains("`flotilla cluster token --name eu-1 --reenrol` and put it into the token file"),
        "{remedy}"
    );
    assert!(standing.refusals[&hub.address].contains("Revoked: by ada"), "{:?}", standing.refusals);
    std::fs::write(&file, hub.token("t2").to_string()).unwrap();
    while !matches!(hub.next().await, Seen::Enrolled) {}
    let (_, certificate, _session) = hub.session().await;
    assert_eq!(linked.kept().certificates[0], Identity::encode(&certificate));
    assert_eq!(linked.kept().token_id, "t2");
    linked.until(|standing| standing.remedy.is_none() && standing.refusals.is_empty()).await;
    end(&linked.tasks).await;
}

#[tokio::test]
async fn clocks_are_compared() {
    let hub = Scripted::start(&Ca::new()).await;
    hub.script.lock().clock_ms = 90_000;
    let (token, config) = (hub.token("t1"), link::Config::of(&hub.address));
    let mut linked = Linked::join(config, &token).await;
    let standing = linked.until(|standing| standing.clock_skew_ms.is_some()).await;
    let skew = standing.clock_skew_ms.unwrap();
    assert!((85_000..95_000).contains(&skew), "{skew}");
    assert_eq!(standing.hub, hub.address);
    end(&linked.tasks).await;
}

#[tokio::test]
async fn a_company_authority_may_vouch_for_the_hub_and_its_file_may_change() {
    let (fleet, company, next) = (Ca::new(), Ca::new(), Ca::new());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, &company.pem).unwrap();
    let mut hub = Scripted::start(&fleet).await;
    let token = hub.token("t1");
    hub.script.lock().server = Arc::clone(&company);
    let config = link::Config { hub_authorities: Some(file.clone()), ..link::Config::of(&hub.address) };
    let linked = Linked::join(config, &token).await;
    let (hello, _, session) = hub.session().await;
    assert_eq!(hello.authorities, [fingerprint(&fleet)]);
    // The company changes its authority: the file first, then the hub.
    hub.script.lock().server = Arc::clone(&next);
    std::fs::write(&file, format!("{}{}", company.pem, next.pem)).unwrap();
    restart(session).await;
    let (_, _, _session) = hub.session().await;
    end(&linked.tasks).await;
}

#[tokio::test]
async fn with_a_full_disk_a_new_certificate_counts_and_new_authorities_do_not() {
    let (old, new) = (Ca::new(), Ca::new());
    let (mut hub, linked) = joined(&old).await;
    let (_, before, session) = hub.session().await;
    linked.disk.set_full(true);
    say(&session, authorities(&[&old, &new])).await;
    say(&session, Message::RenewNow(v1::RenewNow {})).await;
    // The renewal's answer names both: the hub must not hear that they are trusted, a restart would not know.
    hub.script.lock().authorities = vec![Arc::clone(&old), Arc::clone(&new)];
    let (hello, after, _session) = hub.session().await;
    assert_ne!(before, after);
    assert_eq!(hello.authorities, [fingerprint(&old)]);
    assert_eq!(linked.kept().certificates[0], Identity::encode(&before));
    linked.disk.set_full(false);
    let saved = async {
        while linked.kept().certificates[0] != Identity::encode(&after) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), saved).await.unwrap();
    assert_eq!(linked.kept().authorities.len(), 2);
    end(&linked.tasks).await;
}
