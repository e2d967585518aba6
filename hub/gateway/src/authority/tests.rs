use super::*;
use crate::Certificate;
use rcgen::CertificateParams;
use sha2::{Digest as _, Sha256};
use shared_seal::Ring;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn open(folder: &Path) -> Authority {
    Authority::open(folder, "test", now()).unwrap()
}

fn fresh() -> (TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(&folder.path().join("ca"));
    (folder, authority)
}

/// What an agent's certificate of this authority says.
fn issued(authority: &Authority, at: i64) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::new(Vec::new()).unwrap().serialize_request(&key).unwrap();
    let chain = authority.issue_agent(request.der(), &ClusterName::new("eu-1"), at, now()).unwrap();
    Certificate::read(&chain[0], "test").unwrap()
}

#[test]
fn a_certificate_tells_when_and_by_whom_it_was_issued() {
    let (_folder, authority) = fresh();
    let certificate = issued(&authority, 1_234_567_890_123_456);
    assert_eq!(certificate.issued, 1_234_567_890_123_456);
    assert_eq!(certificate.expires, "2026-01-31T00:00:00Z".parse().unwrap());
    assert_eq!(authority.named(&certificate.issuer), Some(authority.fingerprint()));
    assert!(Certificate::read(&authority.trusted()[0], "test").is_err(), "an authority is no agent");
}

#[test]
fn a_replacement_goes_through_its_phases_in_order() {
    let (folder, authority) = fresh();
    let changes = authority.changes();
    let first = authority.fingerprint();
    assert!(authority.replace(now()).is_err());
    assert!(authority.settle().is_err());
    authority.introduce("ada", now()).unwrap();
    assert!(changes.has_changed().unwrap());
    assert!(authority.introduce("bob", now()).is_err());
    assert_eq!(authority.fingerprint(), first, "the new one issues before agents know it");
    let fingerprints = authority.fingerprints();
    let [_, second] = &fingerprints[..] else { panic!("{fingerprints:?}") };
    assert_eq!(authority.named(&issued(&authority, 1).issuer), Some(first.clone()));
    authority.replace(now()).unwrap();
    assert_eq!(authority.fingerprints(), [second.clone(), first.clone()]);
    assert_eq!(authority.named(&issued(&authority, 2).issuer).as_ref(), Some(second));
    // The hub shows the old one, too: tokens name it.
    let chain = authority.issue_server(&["localhost".into()], now()).unwrap().chain;
    assert_eq!(hex::encode(Sha256::digest(chain.last().unwrap())), first);
    authority.settle().unwrap();
    assert_eq!(&authority.fingerprints(), std::slice::from_ref(second));
    assert_eq!(authority.phase(), Phase::Settled);
    let files = std::fs::read_dir(folder.path().join("ca")).unwrap();
    let mut files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["ca.crt", "ca.key"]);
    let mode = std::fs::metadata(folder.path().join("ca/ca.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the key is readable by others");
}

/// Dies after each step of a transition; what opens then is what was before or what comes after.
fn check_deaths(reach: impl Fn(&Authority), steps: impl Fn(&Authority) -> Vec<folder::Step>) {
    let count = { steps(&ready(&reach).1).len() };
    for done in 0..=count {
        let (folder, authority) = ready(&reach);
        let before = (authority.phase(), authority.fingerprints());
        let steps = steps(&authority);
        folder::carry_out(&steps[..done]).unwrap();
        let place = folder.path().join("ca");
        let after = open(&place);
        let found = (after.phase(), after.fingerprints());
        if done == 0 {
            assert_eq!(found, before);
        }
        if done == count {
            assert_ne!(found.0, before.0);
        }
        let issued = issued(&after, 1);
        assert_eq!(after.named(&issued.issuer), Some(after.fingerprint()));
        assert!(before.1.contains(&after.fingerprint()), "what issues is nothing that agents know");
        assert_eq!(open(&place).fingerprints(), found.1, "opening twice differs");
    }
}

fn ready(reach: &impl Fn(&Authority)) -> (TempDir, Authority) {
    let (folder, authority) = fresh();
    reach(&authority);
    (folder, authority)
}

#[test]
fn a_death_between_any_two_steps_loses_no_authority() {
    check_deaths(
        |_| {},
        |authority| {
            let phase = Phase::Introducing { since: now(), by: "ada".into() };
            let state = authority.state.load_full();
            folder::introduce(
                &authority.folder,
                "flotilla next",
                state.issuing(),
                &phase,
                &authority.keeping,
                now(),
            )
            .unwrap()
        },
    );
    check_deaths(
        |authority| authority.introduce("ada", now()).unwrap(),
        |authority| {
            let phase = Phase::Replacing { since: now(), by: "ada".into() };
            folder::replace(&authority.folder, &phase)
        },
    );
    check_deaths(
        |authority| {
            authority.introduce("ada", now()).unwrap();
            authority.replace(now()).unwrap();
        },
        |authority| folder::settle(&authority.folder),
    );
}

#[test]
fn half_an_authority_is_an_error_that_says_so() {
    let check = |spoil: &dyn Fn(&Path), expect: &str| {
        let (folder, _) = fresh();
        let place = folder.path().join("ca");
        spoil(&place);
        let error = Authority::open(&place, "test", now()).unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains("restore it from a backup"), "{error}");
    };
    check(&|place| std::fs::remove_file(place.join("ca.key")).unwrap(), "ca.key is missing");
    check(&|place| std::fs::remove_file(place.join("ca.crt")).unwrap(), "ca.crt is missing");
    check(&|place| std::fs::write(place.join("phase.json"), "{").unwrap(), "phase.json");
    let foreign = fresh().1.pem();
    check(
        &|place| std::fs::write(place.join("ca.crt"), &foreign).unwrap(),
        "ca.crt is not the certificate of ca.key",
    );
}

/// The texts of the folder's key files.
fn keys(place: &Path) -> Vec<String> {
    let files = ["ca.key", "next.key"].map(|name| place.join(name));
    files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

#[test]
fn keys_are_sealed_through_a_replacement_and_what_was_plain_becomes_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("ca");
    let ring = |number: u8| Arc::new(Ring::fresh([number; 32]));
    let sealed = |ring: &Arc<Ring>| Authority::sealed(&place, "test", Arc::clone(ring), now());
    let plain = open(&place);
    plain.introduce("ada", now()).unwrap();
    let known = plain.fingerprints();
    assert!(keys(&place).len() == 2 && keys(&place).iter().all(|key| key.contains("PRIVATE KEY")));

    let ours = ring(1);
    let check = |authority: &Authority, files: usize| {
        assert_eq!(keys(&place).len(), files);
        assert!(keys(&place).iter().all(|key| Ring::is_sealed_text(key) && !key.contains("PRIVATE KEY")));
        let mode = std::fs::metadata(place.join("ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(authority.named(&issued(authority, 1).issuer), Some(authority.fingerprint()));
    };
    let authority = sealed(&ours).unwrap();
    assert_eq!(authority.fingerprints(), known);
    check(&authority, 2);
    authority.replace(now()).unwrap();
    authority.settle().unwrap();
    check(&authority, 1);
    authority.introduce("ada", now()).unwrap();
    check(&sealed(&ours).unwrap(), 2);

    // Both data keys: sealed anew with the newest, so that the old one is not needed.
    let both = Arc::new(ours.renewed([2; 32]));
    check(&sealed(&both).unwrap(), 2);
    let fingerprints = authority.fingerprints();
    assert_eq!(sealed(&ring(2)).unwrap().fingerprints(), fingerprints);
    let error = sealed(&ours).unwrap_err().to_string();
    assert!(error.contains("ca.key: it is sealed with data key"), "{error}");
    let error = Authority::open(&place, "test", now()).unwrap_err().to_string();
    assert!(error.contains("ca.key: it is sealed, and was opened without a key"), "{error}");
    assert_eq!(sealed(&ring(2)).unwrap().fingerprints(), fingerprints, "a refusal changed something");
}
