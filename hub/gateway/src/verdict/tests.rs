use super::*;
use serde_json::json;
use shared_model::ClusterName;

/// Judges a certificate that was issued on 1 January and ends on the 31st, at a time.
#[track_caller]
fn check(cluster: Option<&Value>, now: &str, expect: &str) {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let certificate = Certificate {
        cluster: ClusterName::new("eu-1"),
        issued: at("2026-01-01T00:00:00Z").as_microsecond(),
        expires: at("2026-01-31T00:00:00Z"),
        issuer: Vec::new(),
    };
    let found = match judge(&certificate, cluster, at(now)) {
        Verdict::Good => "good".to_owned(),
        Verdict::RenewOnly(at) => format!("renew only, expired at {at}"),
        Verdict::Refused(why) => why.to_string(),
    };
    assert_eq!(found, expect, "at {now}, for {cluster:?}");
}

fn joined(valid_from: &str) -> Value {
    let valid_from: Timestamp = valid_from.parse().unwrap();
    json!({"identity": {"clusterUid": "u", "joinedAt": valid_from, "validFrom": valid_from.as_microsecond()}})
}

#[test]
fn a_certificate_is_good_until_it_ends_and_renews_itself_for_ninety_days() {
    let status = joined("2026-01-01T00:00:00Z");
    let status = Some(&status);
    check(status, "2026-01-02T00:00:00Z", "good");
    check(status, "2026-01-31T00:00:00Z", "good");
    check(status, "2026-01-31T00:00:01Z", "renew only, expired at 2026-01-31T00:00:00Z");
    check(status, "2026-05-01T00:00:00Z", "renew only, expired at 2026-01-31T00:00:00Z");
    check(
        status,
        "2026-05-01T00:00:01Z",
        "the certificate of eu-1 expired at 2026-01-31T00:00:00Z, more than 90 days ago, and cannot be renewed any more; \
         `flotilla cluster token --name eu-1 --reenrol` replaces it",
    );
    // A hub whose clock went back.
    check(status, "2025-01-01T00:00:00Z", "good");
    // What a hub wrote that did not know validFrom.
    check(Some(&json!({"identity": {"clusterUid": "u"}})), "2026-01-02T00:00:00Z", "good");
}

#[test]
fn one_issued_before_its_time_is_refused_whatever_its_age() {
    let replaced = joined("2026-01-10T00:00:00Z");
    let why = "an agent joined as eu-1 at 2026-01-10T00:00:00Z and its identity replaced this one; \
               if this is the right agent, join it again with `flotilla cluster token --name eu-1 --reenrol`";
    check(Some(&replaced), "2026-01-11T00:00:00Z", why);
    check(Some(&replaced), "2026-02-11T00:00:00Z", why);
    check(Some(&joined("2026-01-01T00:00:00.000001Z")), "2026-01-02T00:00:00Z", {
        "an agent joined as eu-1 at 2026-01-01T00:00:00.000001Z and its identity replaced this one; \
         if this is the right agent, join it again with `flotilla cluster token --name eu-1 --reenrol`"
    });
}

#[test]
fn a_revoked_one_names_who_and_how_to_come_back() {
    let mut status = joined("2026-01-01T00:00:00Z");
    let mut identity = Identity::of(&status).unwrap();
    identity.revoke("ada", "INC-7", "2026-01-05T00:00:00Z".parse().unwrap());
    identity.put(&mut status);
    check(
        Some(&status),
        "2026-01-06T00:00:00Z",
        "ada revoked the identity of eu-1 at 2026-01-05T00:00:00Z (INC-7); what runs there stays; \
         `flotilla cluster token --name eu-1 --reenrol` lets it come back",
    );
    check(
        None,
        "2026-01-06T00:00:00Z",
        "the Cluster eu-1 was deleted on the hub; what runs there stays; \
         `flotilla cluster token --name eu-1` lets it join again",
    );
    check(
        Some(&json!({"connection": {}})),
        "2026-01-06T00:00:00Z",
        "no agent has joined as eu-1 since that Cluster was made; \
         `flotilla cluster token --name eu-1` lets this one join",
    );
}
