//! A live object told without plain values.
//!
//! Where the live object has what an encrypted value stands for, it is told with the encrypted value, and where it has
//! something else, with what tells it apart and no more. So whoever compares it with its release sees equality and
//! difference as they are, and no plain value. What an earlier release encrypted is told by its name as well, unless it is
//! what the present one says in the open: until that has been applied, the cluster has the earlier one's.
//!
//! No file is opened and no plain value is known for it: prints of the values ([`Key`]) are kept.

use crate::{
    Key, Sealed, Unsealed,
    object::{Step, keys, leaves, set},
    originals,
    print::{Print, Traces},
    scrub::MASK,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

/// kubectl keeps a copy of the whole object here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// So many bytes of a status's sentences are looked through; of what comes after nothing is told.
const MOST_SAID: usize = 64 << 10;

/// The keys on the way to a value, without the places in lists.
type Keys = Vec<String>;

/// What one release encrypts of an object, as the API server keeps it.
#[derive(Debug)]
pub struct Known {
    places: Vec<Place>,
    /// By the keys on the way, those of the places.
    at: BTreeMap<Keys, Vec<usize>>,
    dropped: Vec<(Vec<Step>, Value)>,
    opened: OnceLock<Prints>,
}

#[derive(Debug)]
struct Place {
    path: Vec<Step>,
    /// What it is told as.
    told: Value,
    /// Whether the API server puts what was text there into base64.
    encoded: bool,
}

/// Of what is encrypted, once it has been opened.
#[derive(Debug)]
struct Prints {
    /// For each place what stands there; `None` where nothing does.
    values: Vec<Option<Print>>,
    texts: Traces,
}

/// What live objects of one id are covered with for one application.
#[derive(Debug)]
pub struct Cover {
    current: Option<Arc<Known>>,
    earlier: Vec<Arc<Known>>,
    /// What the present release says in the open, where any of them encrypts.
    open: BTreeMap<Keys, BTreeSet<Print>>,
}

impl Known {
    /// What an object holds encrypted; nothing is known yet of what that stands for.
    pub fn new(sealed: &Sealed, object: &Value) -> Self {
        let is_secret = is_secret(object);
        let place = |path: &[Step], value: Value| {
            let encoded = is_secret && is_text_of_secret(path);
            Place { path: of_live(path, encoded), told: as_kept(&value, encoded), encoded }
        };
        let places = sealed.places.iter().map(|one| place(&one.path, Value::from(one.sealed.as_str())));
        let places: Vec<Place> = places.collect();
        let mut at: BTreeMap<Keys, Vec<usize>> = BTreeMap::new();
        for (index, place) in places.iter().enumerate() {
            at.entry(owned(&place.path)).or_default().push(index);
        }
        let dropped = sealed.dropped.iter().map(|(path, value)| place(path, value.clone()));
        let dropped = dropped.map(|place| (place.path, place.told)).collect();
        Self { places, at, dropped, opened: OnceLock::new() }
    }

    /// Learns what the encrypted values stand for: prints of it are kept.
    pub fn learn(&self, unsealed: &Unsealed, key: &Key) {
        let print = |(place, value): (&Place, &Option<Value>)| {
            value.as_ref().map(|value| match place.encoded {
                true => key.print(&as_kept(value, true)),
                false => key.print(value),
            })
        };
        let values = self.places.iter().zip(&unsealed.values).map(print).collect();
        let _the_first_stays = self.opened.set(Prints { values, texts: unsealed.traces(key) });
    }

    /// Whether it has learnt them.
    pub fn is_opened(&self) -> bool {
        self.opened.get().is_some()
    }

    /// The place with this value, the one at this path first.
    fn find(&self, path: &[Step], keys: &Keys, print: Print) -> Option<&Place> {
        let (here, opened) = (self.at.get(keys)?, self.opened.get()?);
        let same = |index: &&usize| opened.values.get(**index) == Some(&Some(print));
        let exact = here.iter().find(|index| same(index) && self.places[**index].path == path);
        exact.or_else(|| here.iter().find(same)).map(|index| &self.places[*index])
    }
}

impl Cover {
    /// `objects` is what the present release says, if it has the object (in several namespaces, where it is not known in
    /// which); `current` what it encrypts of it, and `earlier` what releases did that came before it.
    pub fn new(objects: &[Value], current: Option<Arc<Known>>, earlier: Vec<Arc<Known>>, key: &Key) -> Self {
        let mut cover = Self { current, earlier, open: BTreeMap::new() };
        let mut open: BTreeMap<Keys, BTreeSet<Print>> = BTreeMap::new();
        for object in objects {
            let is_secret = is_secret(object);
            leaves(object, &mut Vec::new(), &mut |path, value| {
                let encoded = is_secret && is_text_of_secret(path);
                let keys = owned(&of_live(path, encoded));
                if cover.hides(&keys) {
                    open.entry(keys).or_default().insert(key.print(&as_kept(value, encoded)));
                }
            });
        }
        cover.open = open;
        cover
    }

    /// What is encrypted of it now.
    pub fn current(&self) -> Option<&Arc<Known>> {
        self.current.as_ref()
    }

    /// Puts encrypted values and names into the place of plain ones in a live object, for all applications that have it.
    pub fn dress(covers: &[impl AsRef<Self>], live: &mut Value, key: &Key) {
        let covers = || covers.iter().map(AsRef::as_ref);
        let mut told: Vec<(Vec<Step>, Value)> = Vec::new();
        leaves(live, &mut Vec::new(), &mut |path, value| {
            let keys = owned(path);
            if value.is_null() || !covers().any(|cover| cover.hides(&keys)) {
                return;
            }
            let print = key.print(value);
            let current = || covers().filter_map(|cover| cover.current.as_deref());
            let exact = current().filter_map(|known| known.find(path, &keys, print));
            let mut exact = exact.collect::<Vec<_>>();
            // Of several applications the one that has it at this very place.
            exact.sort_by_key(|place| place.path != path);
            let released = |cover: &Self| cover.open.get(&keys).is_some_and(|open| open.contains(&print));
            if let Some(place) = exact.first() {
                told.push((path.to_vec(), place.told.clone()));
            } else if !covers().any(released) {
                told.push((path.to_vec(), key.name(value)));
            }
        });
        for (path, value) in told {
            set(live, &path, Some(value));
        }
        let copy = live.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(LAST_APPLIED));
        if let Some(copy) = copy {
            *copy = Value::from(MASK);
        }
        if let Some(status) = live.get_mut("status") {
            // Of what was never opened here it is not known how it begins.
            let known =
                covers().flat_map(Self::all).map(|known| known.opened.get().map(|opened| &opened.texts));
            let texts = known.collect::<Option<Vec<&Traces>>>();
            scrub(status, "", &mut MOST_SAID.clone(), texts.as_deref(), key);
        }
        for known in covers().filter_map(|cover| cover.current.as_deref()) {
            known.put_dropped(live);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Known> {
        self.current.iter().chain(&self.earlier).map(|known| &**known)
    }

    fn hides(&self, keys: &Keys) -> bool {
        self.all().any(|known| known.at.contains_key(keys))
    }
}

impl Known {
    /// Puts back what is in the release alone.
    fn put_dropped(&self, live: &mut Value) {
        let opened = self.opened.get().map(|opened| opened.values.as_slice()).unwrap_or_default();
        // What sops made an item of and is none.
        for (place, value) in self.places.iter().zip(opened) {
            if value.is_none() {
                put_item(live, &place.path, &place.told);
            }
        }
        for (path, value) in &self.dropped {
            insert(live, path, value.clone());
        }
    }
}

fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

fn is_text_of_secret(path: &[Step]) -> bool {
    matches!(path.first(), Some(Step::Key(part)) if part == "stringData")
}

/// Where the API server keeps a value: a Secret's `stringData` in its `data`.
fn of_live(path: &[Step], encoded: bool) -> Vec<Step> {
    let mut path = path.to_vec();
    if let Some(part) = path.first_mut().filter(|_| encoded) {
        *part = Step::Key("data".to_owned());
    }
    path
}

/// How it keeps it.
fn as_kept(value: &Value, encoded: bool) -> Value {
    match value {
        Value::String(text) if encoded => Value::from(STANDARD.encode(text)),
        Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_) => value.clone(),
    }
}

fn owned(path: &[Step]) -> Keys {
    keys(path).map(str::to_owned).collect()
}

fn insert(live: &mut Value, path: &[Step], value: Value) {
    match path {
        [Step::Key(key)] => {
            if let Some(map) = live.as_object_mut() {
                map.insert(key.clone(), value);
            }
        }
        [Step::Key(key), rest @ ..] => insert(originals::field(live, key), rest, value),
        [] | [Step::Index(_), ..] => {}
    }
}

/// Puts an item into a list that is there.
fn put_item(live: &mut Value, path: &[Step], item: &Value) {
    match (path, live) {
        ([Step::Index(index)], Value::Array(items)) if *index <= items.len() => {
            items.insert(*index, item.clone());
        }
        ([Step::Key(key), rest @ ..], Value::Object(map)) => {
            if let Some(inner) = map.get_mut(key) {
                put_item(inner, rest, item);
            }
        }
        ([Step::Index(index), rest @ ..], Value::Array(items)) => {
            if let Some(inner) = items.get_mut(*index) {
                put_item(inner, rest, item);
            }
        }
        _ => {}
    }
}

/// Sentences of a status may quote what the object holds; where it is not known how that looks, none is told.
fn scrub(value: &mut Value, key: &str, left: &mut usize, texts: Option<&[&Traces]>, by: &Key) {
    match value {
        Value::String(text) if key == "message" || text.contains(char::is_whitespace) => {
            let room = left.checked_sub(text.len());
            *left = room.unwrap_or(0);
            let told = match (texts, room) {
                (Some(texts), Some(_)) => {
                    texts.iter().fold(text.clone(), |text, traces| traces.scrub(&text, by))
                }
                (None, _) | (_, None) => MASK.to_owned(),
            };
            if told != *text {
                *text = told;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, key, left, texts, by)),
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| scrub(item, key, left, texts, by)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
