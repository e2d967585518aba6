use crate::{Error, KeyFile, KeyFileError, OVERHEAD, Place, Ring, RingError, wrapped_by};
use proptest::prelude::*;

const HERE: Place<'_> = Place { area: "store", name: "obj/secrets/argocd/repo" };

fn ring(number: u8) -> Ring {
    Ring::fresh([number; 32])
}

/// A key file of the keys with these numbers.
fn file(numbers: &[u8]) -> KeyFile {
    let texts: Vec<String> = numbers.iter().map(|number| KeyFile::text([*number; 32]).to_string()).collect();
    KeyFile::parse(&texts.concat()).unwrap()
}

proptest! {
    #[test]
    fn what_is_sealed_opens_at_its_place(plain: Vec<u8>, name: String, nonce: [u8; 24], key: [u8; 32]) {
        let (ring, place) = (Ring::fresh(key), Place { area: "store", name: &name });
        let sealed = ring.seal(place, &plain, nonce);
        prop_assert_eq!(sealed.len(), plain.len() + OVERHEAD);
        prop_assert_eq!(ring.open(place, &sealed).unwrap(), plain.clone());
        let text = ring.seal_text(place, &plain, nonce);
        prop_assert!(Ring::is_sealed_text(&text) && ring.is_current_text(&text));
        prop_assert_eq!(ring.open_text(place, &text).unwrap(), plain);
    }

    #[test]
    fn one_changed_bit_and_it_does_not_open(plain: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
        let ring = ring(1);
        let mut sealed = ring.seal(HERE, &plain, [7; 24]);
        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        let error = ring.open(HERE, &sealed).unwrap_err();
        match at {
            0 => prop_assert_eq!(error, Error::NotSealed),
            1..=8 => prop_assert!(matches!(error, Error::UnknownKey(_))),
            _ => prop_assert_eq!(error, Error::Refused),
        }
    }

    #[test]
    fn nothing_opens_that_was_cut_or_is_something_else(plain: Vec<u8>, other: Vec<u8>, cut: prop::sample::Index) {
        let ring = ring(1);
        let sealed = ring.seal(HERE, &plain, [7; 24]);
        prop_assert!(ring.open(HERE, &sealed[..cut.index(sealed.len())]).is_err());
        prop_assert!(ring.open(HERE, &other).is_err());
        prop_assert!(ring.open_text(HERE, &String::from_utf8_lossy(&other)).is_err());
        prop_assert!(!ring.is_current(&other));
        prop_assert!(Ring::unwrap_with(&String::from_utf8_lossy(&other), &file(&[1])).is_err());
    }

    #[test]
    fn a_value_opens_nowhere_else(name in "[a-z/]{0,12}", other in "[a-z/]{0,12}") {
        let ring = ring(1);
        let sealed = ring.seal(Place { area: "store", name: &name }, b"value", [7; 24]);
        let there = Place { area: "store", name: &other };
        prop_assert_eq!(ring.open(there, &sealed).is_ok(), name == other);
        prop_assert_eq!(ring.open(Place { area: "bundle", name: &name }, &sealed), Err(Error::Refused));
    }
}

#[test]
fn areas_and_names_do_not_run_into_each_other() {
    let ring = ring(1);
    let sealed = ring.seal(Place { area: "store", name: "s/x" }, b"value", [7; 24]);
    assert_eq!(ring.open(Place { area: "stores", name: "/x" }, &sealed), Err(Error::Refused));
}

#[test]
fn another_key_is_named_and_opens_nothing() {
    let (ours, theirs) = (ring(1), ring(2));
    let sealed = theirs.seal(HERE, b"value", [7; 24]);
    let error = ours.open(HERE, &sealed).unwrap_err();
    assert_eq!(error, Error::UnknownKey(theirs.current()));
    assert_eq!(
        error.to_string(),
        format!(
            "it is sealed with data key {}, which is not among those of this data folder",
            theirs.current()
        )
    );
}

#[test]
fn the_newest_data_key_seals_and_the_others_open() {
    let old = ring(1);
    let before = old.seal(HERE, b"before", [7; 24]);
    let both = old.renewed([2; 32]);
    let after = both.seal(HERE, b"after", [8; 24]);
    assert_eq!((both.count(), both.open(HERE, &before).unwrap().as_slice()), (2, &b"before"[..]));
    assert!(both.is_current(&after) && !both.is_current(&before));
    let new = both.without_past();
    assert_eq!(new.open(HERE, &after).unwrap(), b"after");
    assert!(matches!(new.open(HERE, &before), Err(Error::UnknownKey(_))));
}

#[test]
fn data_keys_come_back_with_any_key_of_the_key_file_that_wrapped_them() {
    let ring = ring(1).renewed([2; 32]);
    let text = ring.wrap(&file(&[5]), || [3; 24]);
    assert_eq!(wrapped_by(&text).unwrap(), [file(&[5]).first()]);
    for keys in [&[5][..], &[6, 5]] {
        let found = Ring::unwrap_with(&text, &file(keys)).unwrap();
        assert_eq!((found.current(), found.count()), (ring.current(), 2));
    }
    // The new one is in front: what is wrapped next, the old one opens no more.
    let again = ring.wrap(&file(&[6, 5]), || [4; 24]);
    assert!(Ring::unwrap_with(&again, &file(&[6])).is_ok());
    let error = Ring::unwrap_with(&again, &file(&[5])).unwrap_err();
    let (data, by) = (ring.current(), file(&[6]).first());
    assert_eq!(error, RingError::OtherKeyFile { data, by, holds: file(&[5]).first().to_string() });
}

#[test]
fn wrapped_data_keys_are_not_exchanged_or_changed() {
    let ring = ring(1).renewed([2; 32]);
    let text = ring.wrap(&file(&[5]), || [3; 24]);
    let mut swapped: serde_json::Value = serde_json::from_str(&text).unwrap();
    let first = swapped["keys"][0]["key"].take();
    swapped["keys"][0]["key"] = swapped["keys"][1]["key"].take();
    swapped["keys"][1]["key"] = first;
    let error = Ring::unwrap_with(&swapped.to_string(), &file(&[5])).unwrap_err();
    assert_eq!(error, RingError::Refused(ring.current()));
    let newer = text.replace("\"format\": 1", "\"format\": 2");
    assert_eq!(Ring::unwrap_with(&newer, &file(&[5])).unwrap_err(), RingError::Newer(2));
    let none = "{\"format\": 1, \"keys\": []}";
    assert_eq!(
        Ring::unwrap_with(none, &file(&[5])).unwrap_err(),
        RingError::Damaged("it names no data key".to_owned())
    );
}

/// What a text is as a key file: how many keys, or what is wrong.
fn check(text: &str, expect: &Result<usize, KeyFileError>) {
    assert_eq!(KeyFile::parse(text).map(|file| file.ids().count()), *expect, "{text}");
}

#[test]
fn key_files() {
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    check(key, &Ok(1));
    check(&format!("# new\n  {key}\r\n\n{}\n", key.trim_end_matches('=')), &Ok(2));
    check("", &Err(KeyFileError::Empty));
    check("# nothing\n\n", &Err(KeyFileError::Empty));
    check(&format!("{key}\nhunter2"), &Err(KeyFileError::NoKey { line: 2 }));
    check(&key[4..], &Err(KeyFileError::NoKey { line: 1 }));
    check(&format!("{key}AAAA"), &Err(KeyFileError::NoKey { line: 1 }));
    assert!(KeyFile::parse("hunter2").is_err_and(|error| !error.to_string().contains("hunter2")));
}

#[test]
fn nothing_that_is_printed_tells_a_key() {
    let ring = Ring::fresh([0xab; 32]);
    let keys = KeyFile::parse(&KeyFile::text([0xcd; 32])).unwrap();
    let printed = format!("{ring:?} {keys:?} {:?}", ring.renewed([0xef; 32]));
    for byte in ["ab, ab", "abab", "171, 171", "205, 205", "cdcd", "239, 239", "efef"] {
        assert!(!printed.contains(byte), "{printed}");
    }
    assert!(printed.contains(&ring.current().to_string()) && printed.contains(&keys.first().to_string()));
}
