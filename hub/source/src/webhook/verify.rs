//! Whether a request proves that its sender knows the secret.
//!
//! | forge | proof |
//! |---|---|
//! | GitHub | HMAC-SHA256 of the body in `X-Hub-Signature-256` (the SHA-1 one beside it is not looked at) |
//! | GitLab | the secret itself in `X-Gitlab-Token`, or a signing token's `webhook-signature` over id, time and body |
//! | Bitbucket Cloud | HMAC-SHA256 in `X-Hub-Signature`, and the webhook's UUID where that is set |
//! | Bitbucket Server | HMAC-SHA256 in `X-Hub-Signature` |
//! | Gogs, Gitea, Forgejo | HMAC-SHA256 in bare hex in `X-Gogs-Signature`, `X-Gitea-Signature`, `X-Forgejo-Signature` |
//! | Azure DevOps | HTTP basic authentication |

use super::{Forge, Refusal, Request, Secrets, Trust, secrets};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// How old or how far ahead a signature with a time may be (Standard Webhooks: five minutes).
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Checks the proof of a request.
pub(super) fn check(
    forge: Forge,
    request: &Request<'_>,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Trust, Refusal> {
    let key = secrets.key_of(forge);
    if secrets.get(key).is_none() {
        let unsigned = secrets.believes(forge).then_some(Trust::Unsigned);
        return unsigned.ok_or(Refusal::NoSecret { forge, key });
    }
    let proof = Proof { forge, request, secrets, key };
    match forge {
        Forge::GitHub => proof.signature("x-hub-signature-256", "sha256="),
        Forge::BitbucketServer => proof.signature("x-hub-signature", "sha256="),
        Forge::Gogs => proof.signature("x-gogs-signature", ""),
        Forge::Gitea => proof.signature("x-gitea-signature", ""),
        Forge::Forgejo => proof.signature("x-forgejo-signature", ""),
        Forge::GitLab => proof.gitlab(now),
        Forge::BitbucketCloud => proof.bitbucket(),
        Forge::AzureDevOps => proof.login(),
    }?;
    Ok(Trust::Proven)
}

struct Proof<'a> {
    forge: Forge,
    request: &'a Request<'a>,
    secrets: &'a Secrets,
    key: &'static str,
}

impl Proof<'_> {
    fn secret(&self) -> &str {
        self.secrets.get(self.key).unwrap_or_default()
    }

    fn not_signed(&self) -> Refusal {
        Refusal::NotSigned { forge: self.forge, key: self.key }
    }

    fn wrong(&self) -> Refusal {
        Refusal::WrongSecret { forge: self.forge, key: self.key }
    }

    fn header(&self, name: &str) -> Result<&str, Refusal> {
        self.request.header(name).filter(|value| !value.is_empty()).ok_or_else(|| self.not_signed())
    }

    /// The HMAC-SHA256 of the body, in hex after a prefix.
    fn signature(&self, header: &str, prefix: &str) -> Result<(), Refusal> {
        let given = self.header(header)?.strip_prefix(prefix).ok_or_else(|| self.wrong())?;
        let given = hex::decode(given).map_err(|_| self.wrong())?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret().as_bytes());
        hmac::verify(&key, self.request.body, &given).map_err(|_| self.wrong())
    }

    /// The secret token, or a signing token's signature: which of the two the setting holds is not said there, and each proves it.
    fn gitlab(&self, now: Timestamp) -> Result<(), Refusal> {
        let signed =
            self.request.header("webhook-signature").map(|signatures| self.standard(signatures, now));
        let token = self.request.header("x-gitlab-token").filter(|token| !token.is_empty());
        match (signed, token) {
            (Some(Ok(())), _) => Ok(()),
            (Some(Err(Refusal::Stale { forge })), _) => Err(Refusal::Stale { forge }),
            (_, Some(token)) if same(token, self.secret()) => Ok(()),
            (None, None) => Err(self.not_signed()),
            (Some(_) | None, _) => Err(self.wrong()),
        }
    }

    /// Standard Webhooks: `v1,BASE64`, several with spaces between, over id, time and body.
    fn standard(&self, signatures: &str, now: Timestamp) -> Result<(), Refusal> {
        let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
        let (id, time) = (self.header("webhook-id")?, self.header("webhook-timestamp")?);
        let secret = self.secret();
        let key = secret.strip_prefix("whsec_").and_then(decode).unwrap_or_else(|| secret.into());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut signed = format!("{id}.{time}.").into_bytes();
        signed.extend_from_slice(self.request.body);
        let given = signatures.split(' ').filter_map(|given| decode(given.strip_prefix("v1,")?)).take(8);
        if !given.fold(false, |good, given| good | hmac::verify(&key, &signed, &given).is_ok()) {
            return Err(self.wrong());
        }
        let at = time.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
        match at {
            Some(at) if now.duration_since(at).abs() <= TOLERANCE => Ok(()),
            Some(_) | None => Err(Refusal::Stale { forge: self.forge }),
        }
    }

    fn bitbucket(&self) -> Result<(), Refusal> {
        if let Some(expected) = self.secrets.get(secrets::BITBUCKET_UUID) {
            let bare = |uuid: &str| uuid.trim_matches(['{', '}']).to_ascii_lowercase();
            if !same(&bare(self.header("x-hook-uuid")?), &bare(expected)) {
                return Err(Refusal::WrongSecret { forge: self.forge, key: secrets::BITBUCKET_UUID });
            }
        }
        match self.secrets.get(secrets::BITBUCKET) {
            Some(_) => self.signature("x-hub-signature", "sha256="),
            None => Ok(()),
        }
    }

    fn login(&self) -> Result<(), Refusal> {
        let (scheme, given) =
            self.header("authorization")?.split_once(' ').ok_or_else(|| self.not_signed())?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return Err(self.not_signed());
        }
        let given = base64::engine::general_purpose::STANDARD.decode(given.trim()).unwrap_or_default();
        let given = String::from_utf8(given).unwrap_or_default();
        let (username, password) = given.split_once(':').unwrap_or((&given, ""));
        // Both are compared, whatever the first comes to; what was not agreed on has to be empty, as in Argo CD: a name alone opens nothing.
        let good = [(username, secrets::AZURE_USERNAME), (password, secrets::AZURE_PASSWORD)]
            .into_iter()
            .map(|(given, key)| same(given, self.secrets.get(key).unwrap_or_default()))
            .fold(true, |all, one| all & one);
        if good { Ok(()) } else { Err(self.wrong()) }
    }
}

/// Whether two texts are the same, in a time that depends on neither's content: their digests are compared.
fn same(given: &str, expected: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    digest(given).as_slice().ct_eq(digest(expected).as_slice()).into()
}
