use super::*;
use serde_json::json;

fn listing(names: &[&str]) -> Value {
    let elements: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
    json!({
        "metadata": {"name": "web", "namespace": "argocd"},
        "spec": {
            "generators": [{"list": {"elements": elements}}],
            "template": {
                "metadata": {"name": "{{name}}"},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": "https://git.example.com/web", "path": "."},
                    "destination": {"name": "eu-1"},
                },
            },
        },
    })
}

fn revision(number: u64) -> Revision {
    Revision(number)
}

/// Expands a set, and puts its memory back.
fn look(memories: &Memories, uid: &str, at: u64, set: &Value) {
    let mut memory = memories.take(uid);
    let set = Arc::new(set.clone());
    memory.set(revision(at), &set);
    let Outcome::Done(expansion) = memory.expand(&set, &Inputs::default()) else { panic!("it asks nothing") };
    assert_eq!(expansion.problems, []);
    memories.put(uid, memory, &expansion);
}

fn kept(memories: &Memories) -> Vec<String> {
    memories.0.lock().kept.keys().cloned().collect()
}

#[test]
fn what_is_large_is_kept_until_there_is_no_room() {
    let memories = Memories::default();
    memories.0.lock().room = Room { worth: 2, most: 5 };
    look(&memories, "small", 1, &listing(&["a"]));
    assert_eq!(kept(&memories), [""; 0]);
    let mut careful = listing(&["a"]);
    careful["metadata"]["annotations"] = json!({"flotilla.dev/on-generator-failure": "Isolate"});
    look(&memories, "careful", 1, &careful);
    look(&memories, "one", 1, &listing(&["a", "b"]));
    look(&memories, "two", 1, &listing(&["a", "b"]));
    assert_eq!(kept(&memories), ["careful", "one", "two"]);
    // The one used longest ago goes.
    look(&memories, "careful", 1, &careful);
    look(&memories, "three", 1, &listing(&["a", "b"]));
    assert_eq!(kept(&memories), ["careful", "three", "two"]);
    look(&memories, "huge", 1, &listing(&["a", "b", "c", "d", "e", "f"]));
    assert_eq!(kept(&memories), ["huge"]);
    memories.retain(|uid| uid != "huge");
    assert_eq!(kept(&memories), [""; 0]);
}

#[test]
fn an_application_is_settled_until_it_or_its_set_or_what_that_gives_changes() {
    let mut memory = Memory::default();
    let expand = |memory: &mut Memory, at: u64, names: &[&str]| {
        let set = Arc::new(listing(names));
        memory.set(revision(at), &set);
        assert!(matches!(memory.expand(&set, &Inputs::default()), Outcome::Done(_)));
    };
    expand(&mut memory, 1, &["a", "b"]);
    let stored = [("a", revision(7)), ("b", revision(8))];
    let settled = |memory: &Memory| stored.map(|(name, revision)| memory.is_settled(name, revision));
    assert_eq!(settled(&memory), [false, false]);
    memory.settle(stored.into_iter());
    expand(&mut memory, 1, &["a", "b"]);
    assert_eq!(settled(&memory), [true, true]);
    assert!(!memory.is_settled("a", revision(9)), "somebody wrote to it");
    expand(&mut memory, 2, &["a", "b", "c"]);
    assert_eq!(settled(&memory), [false, false], "the set may say something else of all of them");
}
