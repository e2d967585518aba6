use super::*;
use crate::{RepoUrl, poll};
use base64::Engine as _;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use ring::hmac;

const SECRET: &str = "kept between two";
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The documented form of a payload, with the headers that come with it.
struct Form {
    headers: &'static [(&'static str, &'static str)],
    /// Where the signature goes, and what stands before it.
    signature: (&'static str, &'static str),
    body: &'static str,
}

const GITHUB: Form = Form {
    headers: &[("x-github-event", "push"), ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")],
    signature: ("x-hub-signature-256", "sha256="),
    body: include_str!("fixtures/github-push.json"),
};
const GITHUB_DELETE: Form = Form {
    headers: &[("x-github-event", "delete")],
    body: include_str!("fixtures/github-delete.json"),
    ..GITHUB
};
const GITHUB_EDITED: Form = Form {
    headers: &[("x-github-event", "repository")],
    body: include_str!("fixtures/github-repository-edited.json"),
    ..GITHUB
};
const GITHUB_PING: Form = Form {
    headers: &[("x-github-event", "ping")],
    body: include_str!("fixtures/github-ping.json"),
    ..GITHUB
};
const GITLAB: Form = Form {
    headers: &[
        ("x-gitlab-event", "Push Hook"),
        ("x-gitlab-event-uuid", "13792a34-cac6-4fda-95a8-c58e00a3954e"),
        ("x-gitlab-token", SECRET),
    ],
    signature: ("", ""),
    body: include_str!("fixtures/gitlab-push.json"),
};
const GITLAB_TAG: Form = Form {
    headers: &[("x-gitlab-event", "Tag Push Hook"), ("x-gitlab-token", SECRET)],
    body: include_str!("fixtures/gitlab-tag.json"),
    ..GITLAB
};
const GITLAB_SYSTEM: Form = Form {
    headers: &[("x-gitlab-event", "System Hook"), ("x-gitlab-token", SECRET)],
    body: include_str!("fixtures/gitlab-system-repository-update.json"),
    ..GITLAB
};
const BITBUCKET: Form = Form {
    headers: &[
        ("x-event-key", "repo:push"),
        ("x-hook-uuid", "{84d2a3b1-7a3e-4f2c-9e66-0b6f9f5d1c11}"),
        ("x-request-uuid", "7f3d7b1e-6a3b-4c9e-8f0a-3a5f2e0d9c77"),
    ],
    signature: ("x-hub-signature", "sha256="),
    body: include_str!("fixtures/bitbucket-push.json"),
};
const BITBUCKET_SERVER: Form = Form {
    headers: &[
        ("x-event-key", "repo:refs_changed"),
        ("x-request-id", "c9b1f0de-2f7a-4b0c-8a51-2f8f8a1c7d33"),
    ],
    signature: ("x-hub-signature", "sha256="),
    body: include_str!("fixtures/bitbucket-server-refs-changed.json"),
};
const GITEA: Form = Form {
    headers: &[
        ("x-gitea-event", "push"),
        ("x-gitea-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        ("x-gogs-event", "push"),
        ("x-github-event", "push"),
    ],
    signature: ("x-gitea-signature", ""),
    body: include_str!("fixtures/gitea-push.json"),
};
const FORGEJO: Form = Form {
    headers: &[
        ("x-forgejo-event", "push"),
        ("x-forgejo-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        ("x-gitea-event", "push"),
        ("x-gogs-event", "push"),
        ("x-github-event", "push"),
    ],
    signature: ("x-forgejo-signature", ""),
    body: include_str!("fixtures/gitea-push.json"),
};
const GOGS: Form = Form {
    headers: &[
        ("x-gogs-event", "create"),
        ("x-gogs-delivery", "f6266f16-1bf3-46a5-9ea4-602e06ead473"),
        ("x-github-event", "create"),
    ],
    signature: ("x-gogs-signature", ""),
    body: include_str!("fixtures/gogs-create.json"),
};
/// `hook:kept between two`
const AZURE: Form = Form {
    headers: &[
        ("x-vss-activityid", "6d6d5b54-6a3e-4a7a-8d3b-bd3c7f6b1a10"),
        ("authorization", "Basic aG9vazprZXB0IGJldHdlZW4gdHdv"),
    ],
    signature: ("", ""),
    body: include_str!("fixtures/azure-push.json"),
};
const ALL: [&Form; 13] = [
    &GITHUB,
    &GITHUB_DELETE,
    &GITHUB_EDITED,
    &GITHUB_PING,
    &GITLAB,
    &GITLAB_TAG,
    &GITLAB_SYSTEM,
    &BITBUCKET,
    &BITBUCKET_SERVER,
    &GITEA,
    &FORGEJO,
    &GOGS,
    &AZURE,
];

fn secrets() -> Secrets {
    let of = |key: &str| match key {
        "webhook.bitbucket.uuid" => None,
        "webhook.azuredevops.username" => Some(Given::Text("hook".to_owned())),
        _ => Some(Given::Text(format!("{SECRET}\n"))),
    };
    Secrets::read(false, of)
}

fn hmac_of(secret: &str, text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text)
}

impl Form {
    fn headers(&self, secret: &str, body: &[u8]) -> HeaderMap {
        let mut headers: HeaderMap = self
            .headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let (name, prefix) = self.signature;
        if !name.is_empty() {
            let signature = format!("{prefix}{}", hex::encode(hmac_of(secret, body)));
            headers.insert(name, HeaderValue::from_str(&signature).unwrap());
        }
        headers
    }

    /// As the forge sends it.
    fn sent(&self) -> Result<Delivery, Refusal> {
        self.altered(self.body, |_| {})
    }

    /// As the forge sends another body, with headers changed afterwards.
    fn altered(&self, body: &str, change: impl FnOnce(&mut HeaderMap)) -> Result<Delivery, Refusal> {
        let mut headers = self.headers(SECRET, body.as_bytes());
        change(&mut headers);
        read(&Request { headers: &headers, body: body.as_bytes() }, &secrets(), NOW)
    }
}

/// What a delivery says, in a few words.
fn said(delivery: Result<Delivery, Refusal>) -> String {
    match delivery {
        Err(refusal) => format!("refused: {refusal}"),
        Ok(Delivery { event: Event::Ping, forge, .. }) => format!("{forge}: ping"),
        Ok(Delivery { event: Event::Ignored(why), forge, .. }) => format!("{forge}: ignored, {why}"),
        Ok(Delivery { event: Event::Push(push), forge, .. }) => {
            let id = |id: &Option<CommitId>| id.as_ref().map_or("-", CommitId::short).to_owned();
            let change = |c: &Change| format!("{} {}..{}", c.reference, id(&c.before), id(&c.after));
            let changes: Vec<String> = push.changes.iter().map(change).collect();
            let places: Vec<String> = push.places.iter().map(ToString::to_string).collect();
            let head = push.default_branch.unwrap_or_else(|| "?".to_owned());
            format!("{forge}: {} at {}; {}; HEAD is {head}", push.name, places.join(" "), changes.join(" "))
        }
    }
}

use crate::CommitId;

#[test]
fn each_forges_documented_form_is_read() {
    let told: Vec<String> = ALL.iter().map(|form| said(form.sent())).collect();
    let expect = [
        "GitHub: octo-org/fleet at github.com/octo-org/fleet github.com/octo-org/fleet github.com/octo-org/fleet; refs/heads/main 6113728..0d1a26e; HEAD is main",
        "GitHub: octo-org/fleet at github.com/octo-org/fleet github.com/octo-org/fleet github.com/octo-org/fleet; refs/tags/v1.2.0 -..-; HEAD is main",
        "GitHub: octo-org/fleet at github.com/octo-org/fleet github.com/octo-org/fleet github.com/octo-org/fleet; HEAD -..-; HEAD is main",
        "GitHub: ping",
        "GitLab: platform/fleet at gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet; refs/heads/main 95790bf..da15608; HEAD is main",
        "GitLab: platform/fleet at gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet; refs/tags/v1.4.0 -..82b3d5a; HEAD is main",
        "GitLab: platform/fleet at gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet gitlab.example.com/platform/fleet; refs/heads/main 8205ea8..4045ea7 refs/heads/hotfix -..4045ea7; HEAD is main",
        "Bitbucket Cloud: team/fleet at bitbucket.org/team/fleet; refs/heads/main 1e65c05..709d658 refs/tags/v1 1e65c05..-; HEAD is ?",
        "Bitbucket Server: PLAT/fleet at bitbucket.example.com/plat/fleet bitbucket.example.com/scm/plat/fleet; refs/heads/main ecddabb..178864a refs/heads/old ecddabb..-; HEAD is ?",
        "Gitea: platform/fleet at gitea.example.com/platform/fleet gitea.example.com/platform/fleet gitea.example.com/platform/fleet; refs/heads/main 28e1879..bffeb74; HEAD is main",
        "Forgejo: platform/fleet at gitea.example.com/platform/fleet gitea.example.com/platform/fleet gitea.example.com/platform/fleet; refs/heads/main 28e1879..bffeb74; HEAD is main",
        "Gogs: platform/fleet at gogs.example.com/platform/fleet gogs.example.com/platform/fleet gogs.example.com/platform/fleet; refs/tags/v1.4.0 -..-; HEAD is main",
        "Azure DevOps: Fleet Repo at dev.azure.com/fabrikam/platform/fleet repo; refs/heads/main aad331d..33b55f7; HEAD is main",
    ];
    assert_eq!(told, expect);
}

#[test]
fn a_delivery_has_the_forges_own_name_for_it() {
    let named = |form: &Form| form.sent().unwrap().id.unwrap_or_default();
    assert_eq!(named(&GITHUB), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert_eq!(named(&GITLAB), "13792a34-cac6-4fda-95a8-c58e00a3954e");
    assert_eq!(named(&BITBUCKET), "7f3d7b1e-6a3b-4c9e-8f0a-3a5f2e0d9c77");
    assert_eq!(named(&GITHUB_PING), "");
    assert_ne!(GITHUB.sent().unwrap().digest, GITEA.sent().unwrap().digest);
}

/// Every form with a body or a proof that is not its own.
#[test]
fn nothing_is_believed_without_its_proof() {
    for form in ALL {
        let forge = form.sent().unwrap().forge;
        let key = secrets().key_of(forge);
        let wrong = Refusal::WrongSecret { forge, key };
        let (name, _) = form.signature;
        // Another secret; no proof at all.
        let other = |headers: &mut HeaderMap| match forge {
            Forge::GitLab => drop(headers.insert("x-gitlab-token", HeaderValue::from_static("guessed"))),
            Forge::AzureDevOps => {
                drop(headers.insert("authorization", HeaderValue::from_static("Basic aG9vazpndWVzc2Vk")));
            }
            Forge::GitHub
            | Forge::BitbucketCloud
            | Forge::BitbucketServer
            | Forge::Gogs
            | Forge::Gitea
            | Forge::Forgejo => *headers = form.headers("guessed", form.body.as_bytes()),
        };
        assert_eq!(form.altered(form.body, other), Err(wrong.clone()), "{forge}");
        let none = |headers: &mut HeaderMap| {
            for name in [name, "x-gitlab-token"].into_iter().filter(|name| !name.is_empty()) {
                headers.remove(name);
            }
            if forge == Forge::AzureDevOps {
                headers.remove("authorization");
            }
        };
        assert_eq!(form.altered(form.body, none), Err(Refusal::NotSigned { forge, key }), "{forge}");
        // The signature of another body.
        if !name.is_empty() {
            let mut headers = form.headers(SECRET, form.body.as_bytes());
            let body = form.body.replace("main", "evil");
            let altered = read(&Request { headers: &headers, body: body.as_bytes() }, &secrets(), NOW);
            assert_eq!(altered, if body == form.body { form.sent() } else { Err(wrong.clone()) }, "{forge}");
            headers.insert(name, HeaderValue::from_static("sha256=zz"));
            let garbled = read(&Request { headers: &headers, body: form.body.as_bytes() }, &secrets(), NOW);
            assert_eq!(garbled, Err(wrong), "{forge}");
        }
        // No secret was agreed on.
        let headers = form.headers(SECRET, form.body.as_bytes());
        let request = Request { headers: &headers, body: form.body.as_bytes() };
        let closed = read(&request, &Secrets::default(), NOW);
        assert!(matches!(&closed, Err(Refusal::NoSecret { .. })), "{forge}: {closed:?}");
        assert!(closed.unwrap_err().to_string().contains("argocd/argocd-secret"));
        assert!(read(&request, &Secrets::read(true, |_| None), NOW).is_ok(), "{forge}");
    }
}

#[test]
fn a_descendant_is_checked_by_the_secret_of_the_forge_it_descends_from() {
    let only = |wanted: &'static str| {
        Secrets::read(false, move |key| (key == wanted).then(|| Given::Text(SECRET.to_owned())))
    };
    let check = |form: &Form, secrets: &Secrets, expect: bool| {
        let headers = form.headers(SECRET, form.body.as_bytes());
        let read = read(&Request { headers: &headers, body: form.body.as_bytes() }, secrets, NOW);
        assert_eq!(read.is_ok(), expect, "{read:?}");
    };
    check(&FORGEJO, &only("webhook.gogs.secret"), true);
    check(&FORGEJO, &only("webhook.gitea.secret"), true);
    check(&GITEA, &only("webhook.gogs.secret"), true);
    check(&GITEA, &only("webhook.forgejo.secret"), false);
    check(&GOGS, &only("webhook.gitea.secret"), false);
    // GitHub's header beside it proves nothing.
    check(&FORGEJO, &only("webhook.github.secret"), false);
}

#[test]
fn bitbucket_is_known_by_its_uuid_as_well() {
    let uuid = |uuid: &str, secret: Option<&str>| {
        let (uuid, secret) = (uuid.to_owned(), secret.map(str::to_owned));
        let secrets = Secrets::read(false, |key| match key {
            "webhook.bitbucket.uuid" => Some(Given::Text(uuid.clone())),
            "webhook.bitbucket.secret" => secret.clone().map(Given::Text),
            _ => None,
        });
        let headers = BITBUCKET.headers(SECRET, BITBUCKET.body.as_bytes());
        read(&Request { headers: &headers, body: BITBUCKET.body.as_bytes() }, &secrets, NOW).is_ok()
    };
    assert!(uuid("84D2A3B1-7a3e-4f2c-9e66-0b6f9f5d1c11", None));
    assert!(uuid("{84d2a3b1-7a3e-4f2c-9e66-0b6f9f5d1c11}", Some(SECRET)));
    assert!(!uuid("{84d2a3b1-7a3e-4f2c-9e66-0b6f9f5d1c12}", Some(SECRET)));
    assert!(!uuid("{84d2a3b1-7a3e-4f2c-9e66-0b6f9f5d1c11}", Some("another")));
}

#[test]
fn a_name_alone_is_no_secret() {
    let named = |key: &str| (key == "webhook.azuredevops.username").then(|| Given::Text("hook".to_owned()));
    let secrets = Secrets::read(false, named);
    let headers = AZURE.headers("", AZURE.body.as_bytes());
    let refused =
        read(&Request { headers: &headers, body: AZURE.body.as_bytes() }, &secrets, NOW).unwrap_err();
    assert!(matches!(refused, Refusal::WrongSecret { .. }), "{refused}");
}

#[test]
fn gitlabs_signing_token_covers_id_and_time() {
    let key = base64::engine::general_purpose::STANDARD.encode("kept");
    let secrets = Secrets::read(false, |key_of| {
        (key_of == "webhook.gitlab.secret").then(|| Given::Text(format!("whsec_{key}")))
    });
    let check = |id: &str, time: &str, now: i64, expect: &str| {
        let signed = format!("evt-1.1763629933.{}", GITLAB.body);
        let signature = base64::engine::general_purpose::STANDARD.encode(hmac_of("kept", signed.as_bytes()));
        let mut headers = GITLAB.headers("", b"");
        headers.remove("x-gitlab-token");
        for (name, value) in [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", time.to_owned()),
            ("webhook-signature", format!("v2,AAAA v1,{signature}")),
        ] {
            headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        let request = Request { headers: &headers, body: GITLAB.body.as_bytes() };
        let read = read(&request, &secrets, Timestamp::from_second(now).unwrap());
        let told = match read {
            Ok(delivery) => delivery.id.unwrap(),
            Err(Refusal::Stale { .. }) => "stale".to_owned(),
            Err(Refusal::WrongSecret { .. }) => "wrong".to_owned(),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(told, expect);
    };
    check("evt-1", "1763629933", 1_763_629_933, "evt-1");
    check("evt-1", "1763629933", 1_763_630_232, "evt-1");
    check("evt-1", "1763629933", 1_763_630_234, "stale");
    check("evt-1", "1763629933", 1_763_629_600, "stale");
    check("evt-2", "1763629933", 1_763_629_933, "wrong");
    check("evt-1", "1763630232", 1_763_630_232, "wrong");
}

#[test]
fn what_moves_no_reference_is_ignored() {
    let github = |event: &'static str| {
        GITHUB
            .altered("{}", |headers| drop(headers.insert("x-github-event", HeaderValue::from_static(event))))
    };
    assert!(matches!(github("issues").unwrap().event, Event::Ignored(_)));
    let merge = r#"{"object_kind": "merge_request", "project": {"id": 1}, "changes": {"title": {}}}"#;
    assert!(matches!(GITLAB.altered(merge, |_| {}).unwrap().event, Event::Ignored(_)));
    let work = r#"{"eventType": "workitem.created", "resource": {"id": 7, "repository": "none"}}"#;
    assert!(matches!(AZURE.altered(work, |_| {}).unwrap().event, Event::Ignored(_)));
    let minimal = AZURE.altered(r#"{"eventType": "git.push", "resource": null}"#, |_| {});
    assert!(minimal.unwrap_err().to_string().contains("all resource details"));
    let ping = BITBUCKET_SERVER.altered(r#"{"test": true}"#, |headers| {
        headers.insert("x-event-key", HeaderValue::from_static("diagnostics:ping"));
        headers.remove("x-hub-signature");
    });
    assert_eq!(ping.unwrap().event, Event::Ping);
    let nobody = read(&Request { headers: &HeaderMap::new(), body: b"{}" }, &secrets(), NOW);
    assert_eq!(nobody, Err(Refusal::UnknownForge));
}

#[test]
fn forms_are_read_too() {
    let mut encoded = String::from("payload=");
    for byte in GITHUB.body.bytes() {
        encoded.push_str(&match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        });
    }
    let form = |headers: &mut HeaderMap| {
        drop(headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded")));
    };
    let delivery = GITHUB.altered(&encoded, form).unwrap();
    assert_eq!(delivery.event, GITHUB.sent().unwrap().event);
    let without = GITHUB.altered("other=1", form).unwrap_err();
    assert!(without.to_string().contains("no field `payload`"), "{without}");
}

#[test]
fn texts_repeat_neither_secrets_nor_bodies() {
    let told = format!("{:?}", secrets());
    assert!(told.contains("webhook.github.secret") && !told.contains(SECRET), "{told}");
    let body = r#"{"ref": {"hidden": "in here"}}"#;
    let refused = GITHUB.altered(body, |_| {}).unwrap_err();
    assert!(matches!(refused, Refusal::Malformed { .. }));
    assert!(!refused.to_string().contains("in here"), "{refused}");
    let headers = GITHUB.headers(SECRET, b"");
    let request = format!("{:?}", Request { headers: &headers, body: body.as_bytes() });
    assert!(!request.contains("in here") && !request.contains("sha256"), "{request}");
}

/// Which of the subscribed keys a form's push has asked for.
fn asked(form: &Form, change: impl Fn(&str) -> String, keys: &[(&str, &str)]) -> Vec<String> {
    let settings = poll::Settings { per_host: 100, ..poll::Settings::default() };
    let mut schedule = poll::Schedule::new(settings);
    for (url, revision) in keys {
        schedule.subscribe(poll::Key::new(RepoUrl::new(*url), *revision), NOW);
    }
    let id: CommitId = "1".repeat(40).parse().unwrap();
    while let Some(key) = schedule.poll_action(NOW) {
        let _answer = schedule.handle_resolved(&key, Ok(id.clone()), NOW);
    }
    let Event::Push(push) = form.altered(&change(form.body), |_| {}).unwrap().event else { panic!("a push") };
    let named = schedule.push(&push, NOW);
    let out: Vec<poll::Key> = std::iter::from_fn(|| schedule.poll_action(NOW)).collect();
    let sorted = |keys: &[poll::Key]| {
        let mut keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        keys.sort();
        keys
    };
    assert_eq!(sorted(&named), sorted(&out), "what is named is what is asked for");
    sorted(&out)
}

#[test]
fn only_the_repository_that_was_pushed_to_is_asked_for() {
    let all = [
        ("https://github.com/octo-org/fleet", "main"),
        ("https://me:token@GitHub.com/Octo-Org/fleet.git", "main"),
        ("https://github.com:443/octo-org/fleet/", "main"),
        ("git@github.com:octo-org/fleet.git", "main"),
        ("ssh://git@github.com:22/octo-org/fleet", "main"),
        ("ssh://git@ssh.github.com:443/octo-org/fleet.git", "main"),
        ("https://github.com/octo-org/fleet2", "main"),
        ("https://github.com/octo-org/fleet/more", "main"),
        ("https://github.example.com/octo-org/fleet", "main"),
        ("https://github.com:8443/octo-org/fleet", "main"),
        ("https://gitea.example.com:3000/platform/fleet", "main"),
        ("https://gitea.example.com/platform/fleet", "main"),
        ("ssh://git@gitea.example.com:2222/platform/fleet.git", "main"),
        ("git@gitea.example.com:platform/fleet.git", "main"),
        ("https://bitbucket.example.com/scm/PLAT/fleet.git", "main"),
        ("ssh://git@bitbucket.example.com:7999/plat/fleet.git", "main"),
        ("https://dev.azure.com/fabrikam/Platform/_git/Fleet%20Repo", "main"),
        ("https://fabrikam.visualstudio.com/DefaultCollection/Platform/_git/Fleet%20Repo", "main"),
        ("git@ssh.dev.azure.com:v3/fabrikam/Platform/Fleet%20Repo", "main"),
        ("git@bitbucket.org:team/fleet.git", "main"),
        ("https://user@bitbucket.org/team/fleet.git", "main"),
        ("https://gitlab.example.com/platform/fleet", "main"),
        ("ssh://git@gitlab.example.com:2222/platform/fleet.git", "main"),
        ("/srv/git/fleet", "main"),
    ];
    let check = |form: &Form, expect: &[&str]| {
        let mut expect: Vec<String> = expect.iter().map(|url| format!("{url}@main")).collect();
        expect.sort();
        assert_eq!(asked(form, str::to_owned, &all), expect);
    };
    check(
        &GITHUB,
        &[
            "https://github.com/octo-org/fleet",
            "https://GitHub.com/Octo-Org/fleet.git",
            "https://github.com:443/octo-org/fleet/",
            "https://github.com:8443/octo-org/fleet",
            "git@github.com:octo-org/fleet.git",
            "ssh://github.com:22/octo-org/fleet",
            "ssh://ssh.github.com:443/octo-org/fleet.git",
        ],
    );
    check(
        &GITEA,
        &[
            "https://gitea.example.com:3000/platform/fleet",
            "https://gitea.example.com/platform/fleet",
            "ssh://gitea.example.com:2222/platform/fleet.git",
            "git@gitea.example.com:platform/fleet.git",
        ],
    );
    check(
        &BITBUCKET_SERVER,
        &[
            "https://bitbucket.example.com/scm/PLAT/fleet.git",
            "ssh://bitbucket.example.com:7999/plat/fleet.git",
        ],
    );
    check(
        &AZURE,
        &[
            "https://dev.azure.com/fabrikam/Platform/_git/Fleet%20Repo",
            "https://fabrikam.visualstudio.com/DefaultCollection/Platform/_git/Fleet%20Repo",
            "git@ssh.dev.azure.com:v3/fabrikam/Platform/Fleet%20Repo",
        ],
    );
    check(&BITBUCKET, &["git@bitbucket.org:team/fleet.git", "https://bitbucket.org/team/fleet.git"]);
    // Its payload says git@gitlab.example.com:platform/fleet.git, for it is not told of the load balancer's port.
    check(
        &GITLAB,
        &["https://gitlab.example.com/platform/fleet", "ssh://gitlab.example.com:2222/platform/fleet.git"],
    );
}

#[test]
fn only_the_revisions_that_could_have_moved_are_asked_for() {
    let url = "https://github.com/octo-org/fleet";
    let commit = "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c";
    let revisions = [
        "HEAD",
        "main",
        "refs/heads/main",
        "release",
        "v1.4.0",
        "refs/tags/v1.4.0",
        "1.x",
        "^1.2",
        commit,
        "refs/pull/7/head",
    ];
    let keys: Vec<(&str, &str)> = revisions.iter().map(|revision| (url, *revision)).collect();
    let check = |form: &Form, change: &dyn Fn(&str) -> String, expect: &[&str]| {
        let mut expect: Vec<String> = expect.iter().map(|revision| format!("{url}@{revision}")).collect();
        expect.sort();
        assert_eq!(asked(form, change, &keys), expect);
    };
    let to = |reference: &'static str| move |body: &str| body.replace("refs/heads/main", reference);
    check(&GITHUB, &str::to_owned, &["HEAD", "main", "refs/heads/main"]);
    check(&GITHUB, &to("refs/heads/release"), &["release"]);
    check(&GITHUB, &to("refs/heads/feature/x"), &[]);
    check(&GITHUB, &to("refs/tags/v1.4.0"), &["v1.4.0", "refs/tags/v1.4.0", "1.x", "^1.2"]);
    check(&GITHUB, &to("refs/tags/nightly"), &[]);
    check(&GITHUB, &to("refs/pull/7/head"), &["refs/pull/7/head"]);
    // A branch that goes: what follows it has to hear that.
    let zeros = "0".repeat(40);
    let gone =
        |body: &str| body.replace(&format!("\"after\": \"{commit}\""), &format!("\"after\": \"{zeros}\""));
    check(&GITHUB, &gone, &["HEAD", "main", "refs/heads/main"]);
    // Its default branch is another one now.
    check(&GITHUB_EDITED, &str::to_owned, &["HEAD"]);
    check(
        &GITHUB_DELETE,
        &|body: &str| body.replace("v1.2.0", "v1.4.0"),
        &["v1.4.0", "refs/tags/v1.4.0", "1.x", "^1.2"],
    );
    // Bitbucket does not say which branch HEAD is.
    let theirs: Vec<(&str, &str)> =
        ["HEAD", "main", "v1", "other"].map(|r| ("https://bitbucket.org/team/fleet", r)).into();
    let expect = ["HEAD", "main", "v1"].map(|r| format!("https://bitbucket.org/team/fleet@{r}"));
    assert_eq!(asked(&BITBUCKET, str::to_owned, &theirs), expect);
}

#[test]
fn bitbucket_server_without_addresses_is_known_by_project_and_name() {
    let without = |body: &str| {
        let mut value: serde_json::Value = serde_json::from_str(body).unwrap();
        value["repository"].as_object_mut().unwrap().remove("links");
        value.to_string()
    };
    let keys = [
        ("https://bitbucket.example.com/scm/PLAT/fleet.git", "main"),
        ("ssh://git@bitbucket.example.com:7999/plat/fleet.git", "main"),
        ("https://github.com/plat/fleet", "main"),
        ("https://bitbucket.example.com/scm/PLAT/other.git", "main"),
    ];
    let expect = [
        "https://bitbucket.example.com/scm/PLAT/fleet.git@main",
        "ssh://bitbucket.example.com:7999/plat/fleet.git@main",
    ];
    assert_eq!(asked(&BITBUCKET_SERVER, without, &keys), expect);
}

#[test]
fn a_repository_is_no_longer_asked_for_when_nobody_follows_it() {
    let mut schedule = poll::Schedule::new(poll::Settings::default());
    let key = poll::Key::new(RepoUrl::new("https://github.com/octo-org/fleet"), "main");
    let spelled = poll::Key::new(RepoUrl::new("https://me@github.com/octo-org/fleet.git"), "main");
    let Event::Push(push) = GITHUB.sent().unwrap().event else { panic!("a push") };
    schedule.subscribe(key.clone(), NOW);
    assert_eq!(schedule.push(&push, NOW), [key]);
    schedule.unsubscribe(&spelled);
    assert_eq!(schedule.push(&push, NOW), []);
}

/// A JSON document of words that payloads have, in any order and of any type.
fn document() -> impl Strategy<Value = serde_json::Value> {
    let words = [
        "ref",
        "before",
        "after",
        "repository",
        "project",
        "changes",
        "push",
        "resource",
        "refUpdates",
        "name",
        "clone_url",
        "html_url",
        "links",
        "clone",
        "href",
        "new",
        "old",
        "type",
        "target",
        "hash",
        "slug",
        "key",
        "eventType",
        "object_kind",
        "event_name",
        "ref_type",
        "default_branch",
        "remoteUrl",
        "git_http_url",
        "full_name",
        "git.push",
        "tag_push",
        "repository_update",
        "refs/heads/main",
        "https://h/p",
        "ssh://[::1",
        "https://dev.azure.com/",
        "https://dev.azure.com//",
        "git@:x",
        "http://h:99999/p",
        "%",
        "%%%zz",
        "é%é",
    ];
    let word = prop::sample::select(words.to_vec());
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        word.clone().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn harmless(form: &Form, body: &[u8]) {
    let headers = form.headers(SECRET, body);
    let request = Request { headers: &headers, body };
    if let Ok(Delivery { event: Event::Push(push), .. }) = read(&request, &secrets(), NOW) {
        for revision in ["", "main", "1.x", "refs/tags/a"] {
            push.could_move(revision);
        }
        let mut schedule = poll::Schedule::new(poll::Settings::default());
        schedule.subscribe(poll::Key::new(RepoUrl::new("https://h/p"), "main"), NOW);
        schedule.push(&push, NOW);
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(which in 0..ALL.len(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        harmless(ALL[which], &body);
    }

    #[test]
    fn no_document_makes_it_panic(which in 0..ALL.len(), document in document()) {
        harmless(ALL[which], document.to_string().as_bytes());
    }

    #[test]
    fn no_header_makes_it_panic(
        names in prop::collection::vec(prop::sample::select(vec![
            "x-github-event", "x-gitlab-event", "x-hook-uuid", "x-event-key", "authorization", "x-hub-signature",
            "x-hub-signature-256", "webhook-signature", "webhook-id", "webhook-timestamp", "x-gitlab-token",
            "content-type", "x-vss-activityid", "x-gitea-signature", "x-gitea-event",
        ]), 0..6),
        values in prop::collection::vec("(sha256=|Basic |v1,|whsec_)?[ -~]{0,20}", 6),
    ) {
        let headers: HeaderMap = names.iter().zip(&values)
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect();
        let read = read(&Request { headers: &headers, body: GITHUB.body.as_bytes() }, &secrets(), NOW);
        prop_assert!(!matches!(read, Ok(Delivery { event: Event::Push(_), .. })), "nobody guesses a proof");
    }

    #[test]
    fn no_address_makes_it_panic(url in "(https?://|ssh://|git@)?[a-z@:/.%\\[\\]_é-]{0,30}") {
        if let Some(place) = Place::parse(&url) {
            prop_assert!(place.is_among(std::slice::from_ref(&place)));
        }
    }
}
