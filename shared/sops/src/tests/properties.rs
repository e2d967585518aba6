//! No text makes anything panic, and nothing that was changed is given out.

use super::one;
use crate::{Cover, File, Key, Known, Originals, Reach, Sealed, cipher, scrub::Texts};
use proptest::prelude::*;
use serde_json::json;
use shared_manifest::yaml;

const FILES: [(&str, &str); 4] = [
    ("secret.enc.yaml", vector!("secret.enc.yaml")),
    ("types.enc.json", vector!("types.enc.json")),
    ("app.enc.env", vector!("app.enc.env")),
    ("multi.enc.yaml", vector!("multi.enc.yaml")),
];

/// A change of one byte of text, cut to characters.
fn changed(text: &str, at: usize, with: char, cut: bool) -> String {
    let mut at = at % text.len();
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = if cut { "" } else { &text[at + text[at..].chars().next().unwrap().len_utf8()..] };
    format!("{}{with}{rest}", &text[..at])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_changed_file_gives_what_was_encrypted_or_nothing(
        which in 0_usize..4, at in any::<usize>(), with in any::<char>(), cut in any::<bool>(),
    ) {
        let (name, text) = FILES[which];
        let other = changed(text, at, with, cut);
        let original = File::read(name, text).unwrap().open(&one()).unwrap();
        if let Ok(opened) = File::read(name, &other).and_then(|file| file.open(&one())) {
            for token in cipher::tokens(&other) {
                if let Some(value) = opened.value(&other[token.clone()]) {
                    let was = original.value(&other[token]).map(|plain| plain.bytes().to_vec());
                    prop_assert_eq!(was.as_deref(), Some(value.bytes()));
                }
            }
        }
    }

    #[test]
    fn a_changed_object_is_opened_or_refused(at in any::<usize>(), with in any::<char>(), cut in any::<bool>()) {
        let originals = Originals::of(FILES.map(|(path, text)| (path, text.as_bytes())));
        if let Ok(mut object) = yaml::parse(&changed(FILES[0].1, at, with, cut))
            && object["metadata"].is_object()
        {
            originals.attach(&mut object);
            if let Ok(Some(sealed)) = Sealed::of(&object) {
                let (key, known) = (Key::new([7; 32]), Known::new(&sealed, &object));
                if let Ok(unsealed) = sealed.open(&object, &one(), Reach::Bound) {
                    known.learn(&unsealed, &key);
                }
                let mut live = json!({"metadata": {}, "data": {"password": "x"}});
                let cover = Cover::new(std::slice::from_ref(&object), Some(known.into()), Vec::new(), &key);
                Cover::dress(&[std::sync::Arc::new(cover)], &mut live, &key);
            }
        }
    }

    #[test]
    fn no_text_has_a_value_after_scrubbing(secret in "[a-zA-Z0-9/\"\\\\]{5,40}", before in ".{0,30}", after in ".{0,30}") {
        let mut secrets = Texts::default();
        secrets.add(secret.as_bytes());
        let secrets = secrets.done();
        let told = secrets.scrub(&format!("{before}{secret}{after}"));
        prop_assert!(!told.contains(&secret) || "***".contains(&secret), "{told}");
        let key = Key::new([7; 32]);
        let told = secrets.traces(&key).scrub(&format!("{before}{secret}{after}"), &key);
        prop_assert!(!told.contains(&secret) || "***".contains(&secret), "{told}");
    }
}
