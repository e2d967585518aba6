//! Certificates that templates make are what other people's libraries take them for: signed by whom they name, and the same whenever the
//! seed is.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use shared_template::{Limits, Options, Present, Template, Value};
use x509_parser::pem::{Pem, parse_x509_pem};

/// 2026-01-01.
const NOW: i64 = 1_767_225_600;

fn render(text: &str, seed: u8) -> String {
    let present = Present { now: jiff::Timestamp::from_second(NOW).ok(), seed: Some([seed; 32]) };
    let template = Template::parse("t", text).expect("a template");
    template
        .render_with(&Value::default(), &Options::default(), &Limits::default(), &present)
        .expect("it renders")
}

fn pem(text: &str) -> Pem {
    parse_x509_pem(text.as_bytes()).expect("PEM").1
}

/// An authority and what it signs, by keys that `key` makes.
fn check(ca: &str, leaf: &str, algorithm: &'static dyn VerificationAlgorithm) {
    let text = format!("{{{{$ca := {ca}}}}}{{{{$leaf := {leaf}}}}}{{{{$ca.Cert}}}}|{{{{$leaf.Cert}}}}");
    let rendered = render(&text, 1);
    assert_eq!(rendered, render(&text, 1), "the same seed gives the same");
    assert_ne!(rendered, render(&text, 2), "another seed gives another");
    let (ca, leaf) = rendered.split_once('|').expect("two certificates");
    let (ca, leaf) = (pem(ca), pem(leaf));
    let (ca, leaf) = (ca.parse_x509().expect("a certificate"), leaf.parse_x509().expect("a certificate"));
    let key = UnparsedPublicKey::new(algorithm, &ca.public_key().subject_public_key.data);
    for signed in [&ca, &leaf] {
        key.verify(signed.tbs_certificate.as_ref(), &signed.signature_value.data)
            .expect("the signature holds");
        assert_eq!(signed.issuer().to_string(), "CN=my ca");
        assert_eq!(signed.validity().not_before.timestamp(), NOW);
    }
    assert!(ca.is_ca() && !leaf.is_ca());
    assert_eq!(leaf.subject().to_string(), "CN=café");
    assert_eq!(leaf.validity().not_after.timestamp(), NOW + 30 * 86_400);
    let names = leaf.subject_alternative_name().expect("well formed").expect("it has names");
    assert_eq!(names.value.general_names.len(), 4);
}

const LEAF: &str = "\"café\" (list \"10.0.0.1\" \"::1\") (list \"a.example\" \"*.b\") 30 $ca";

#[test]
fn certificates_are_signed_by_their_authority() {
    check("genCA \"my ca\" 3650", &format!("genSignedCert {LEAF}"), &RSA_PKCS1_2048_8192_SHA256);
    for (kind, algorithm) in
        [("ecdsa", &ECDSA_P256_SHA256_ASN1 as &'static dyn VerificationAlgorithm), ("ed25519", &ED25519)]
    {
        let key = format!("(genPrivateKey \"{kind}\")");
        let ca = format!("genCAWithKey \"my ca\" 3650 {key}");
        check(&ca, &format!("genSignedCertWithKey {LEAF} {key}"), algorithm);
    }
}

#[test]
fn without_a_seed_the_template_and_its_data_are_the_seed() {
    let render = |name: &str, data: &str| {
        let template = Template::parse(name, "{{randAlphaNum 20}}{{uuidv4}}").expect("a template");
        let data = Value::from(serde_json::json!({ "a": data }));
        template.render(&data, &Options::default(), &Limits::default()).expect("it renders")
    };
    assert_eq!(render("t", "x"), render("t", "x"));
    assert_ne!(render("t", "x"), render("t", "y"));
    assert_ne!(render("t", "x"), render("u", "x"));
}
