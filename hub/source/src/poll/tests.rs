mod servers;

use super::*;
use proptest::prelude::*;

const SETTINGS: Settings = Settings {
    period: Duration::from_secs(120),
    jitter: Duration::from_secs(12),
    period_with_webhooks: None,
    first_retry: Duration::from_secs(10),
    longest_retry: Duration::from_secs(300),
    per_host: 2,
};

fn at(seconds: f64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs_f64(seconds))
}

fn key(host: u8, name: u8) -> Key {
    Key::new(RepoUrl::new(format!("https://git{host}.example/repo{name}")), "main")
}

fn commit(digit: u8) -> CommitId {
    format!("{:0>40}", digit % 10).parse().unwrap()
}

/// Asks and answers until nothing is due; gives back what was asked.
fn asked(schedule: &mut Schedule, answer: &Result<CommitId, Failed>, now: Timestamp) -> Vec<String> {
    let mut asked = Vec::new();
    while let Some(key) = schedule.poll_action(now) {
        asked.push(key.to_string());
        let _answer = schedule.handle_resolved(&key, answer.clone(), now);
    }
    asked
}

#[test]
fn spellings_are_one_key() {
    let mut schedule = Schedule::new(SETTINGS);
    for url in ["https://git.example/a.git", "https://Git.example/a", "https://me:pw@git.example/a/"] {
        schedule.subscribe(Key::new(RepoUrl::new(url), "main"), at(0.0));
    }
    schedule.subscribe(Key::new(RepoUrl::new("https://git.example/a"), ""), at(0.0));
    schedule.subscribe(Key::new(RepoUrl::new("https://git.example/a"), "HEAD"), at(0.0));
    let expect = ["https://git.example/a@HEAD", "https://git.example/a.git@main"];
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)), expect);
}

#[test]
fn answers_are_compared_with_the_last() {
    let mut schedule = Schedule::new(SETTINGS);
    let key = key(1, 1);
    let mut answer = |answer, now| {
        schedule.subscribe(key.clone(), now);
        schedule.refresh(&key, now);
        assert_eq!(schedule.poll_action(now), Some(key.clone()));
        schedule.handle_resolved(&key, answer, now)
    };
    assert_eq!(answer(Ok(commit(1)), at(0.0)), Answer::Changed(commit(1)));
    assert_eq!(answer(Ok(commit(1)), at(1.0)), Answer::Same);
    assert!(matches!(answer(Err(Failed::Repository), at(2.0)), Answer::Failed { times: 1, .. }));
    assert_eq!(answer(Ok(commit(1)), at(3.0)), Answer::Same);
    assert_eq!(answer(Ok(commit(2)), at(4.0)), Answer::Changed(commit(2)));
    assert_eq!(schedule.last(&key), Some(&commit(2)));
}

#[test]
fn a_failing_repository_is_asked_less_and_less() {
    let mut schedule = Schedule::new(SETTINGS);
    let key = key(1, 1);
    schedule.subscribe(key.clone(), at(0.0));
    for expect in [10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0] {
        let (due, _) = schedule.poll_timeout().unwrap();
        assert_eq!(schedule.poll_action(due), Some(key.clone()));
        let Answer::Failed { next, .. } = schedule.handle_resolved(&key, Err(Failed::Repository), due) else {
            panic!("failed")
        };
        let waits = next.duration_since(due).as_secs_f64();
        assert!((expect * 0.9..=expect * 1.1).contains(&waits), "{waits} instead of {expect}");
        assert_eq!(schedule.poll_timeout(), Some((next, "a repository that did not answer is asked again")));
    }
    let (due, _) = schedule.poll_timeout().unwrap();
    assert_eq!(schedule.poll_action(due), Some(key.clone()));
    assert_eq!(schedule.handle_resolved(&key, Ok(commit(1)), due), Answer::Changed(commit(1)));
    let waits = schedule.poll_timeout().unwrap().0.duration_since(due).as_secs_f64();
    assert!((120.0..=132.0).contains(&waits), "{waits}: a good answer ends the back-off");
}

#[test]
fn a_refresh_comes_before_its_time() {
    let mut schedule = Schedule::new(SETTINGS);
    schedule.subscribe(key(1, 1), at(0.0));
    assert_eq!(asked(&mut schedule, &Err(Failed::Repository), at(0.0)).len(), 1);
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1.0)).len(), 0);
    schedule.refresh(&key(1, 1), at(2.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(2.0)).len(), 1);
    schedule.refresh(&key(1, 2), at(2.0));
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(2.0)).len(), 0, "nobody subscribed to it");
}

#[test]
fn a_refresh_while_out_asks_again() {
    let mut schedule = Schedule::new(SETTINGS);
    schedule.subscribe(key(1, 1), at(0.0));
    assert_eq!(schedule.poll_action(at(0.0)), Some(key(1, 1)));
    schedule.refresh(&key(1, 1), at(1.0));
    assert_eq!(schedule.poll_action(at(1.0)), None, "one at a time");
    assert_eq!(schedule.handle_resolved(&key(1, 1), Ok(commit(1)), at(2.0)), Answer::Changed(commit(1)));
    assert_eq!(schedule.poll_action(at(2.0)), Some(key(1, 1)));
}

#[test]
fn a_host_gets_its_share_and_no_more() {
    let mut schedule = Schedule::new(SETTINGS);
    for name in 1..=4 {
        schedule.subscribe(key(1, name), at(f64::from(name)));
    }
    schedule.subscribe(key(2, 1), at(9.0));
    let out: Vec<_> = std::iter::from_fn(|| schedule.poll_action(at(9.0))).collect();
    assert_eq!(out, [key(1, 1), key(1, 2), key(2, 1)]);
    assert_eq!(schedule.poll_timeout(), None, "only an answer helps the others");
    let _answer = schedule.handle_resolved(&key(1, 2), Err(Failed::Repository), at(9.0));
    assert_eq!(schedule.poll_action(at(9.0)), Some(key(1, 3)), "it waited longest");
    assert_eq!(schedule.poll_action(at(9.0)), None);
}

#[test]
fn subscriptions_are_replaced() {
    let mut schedule = Schedule::new(SETTINGS);
    schedule.replace([key(1, 1), key(1, 2), key(1, 3)], at(0.0));
    let out = schedule.poll_action(at(0.0)).unwrap();
    assert_eq!(out, key(1, 1));
    schedule.replace([key(1, 3), key(1, 4)], at(1.0));
    assert_eq!(schedule.keys().cloned().collect::<Vec<_>>(), [key(1, 3), key(1, 4)]);
    assert_eq!(schedule.handle_resolved(&out, Ok(commit(1)), at(1.0)), Answer::Unwanted);
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(1.0)).len(), 2);
}

#[test]
fn a_thousand_keys_are_spread() {
    let mut schedule = Schedule::new(Settings { per_host: 1000, ..SETTINGS });
    for name in 0..1000 {
        schedule.subscribe(Key::new(RepoUrl::new(format!("https://git.example/{name}")), "main"), at(0.0));
    }
    assert_eq!(asked(&mut schedule, &Ok(commit(1)), at(0.0)).len(), 1000);
    let counts: Vec<usize> =
        (60..=132).map(|s| asked(&mut schedule, &Ok(commit(1)), at(f64::from(s))).len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1000, "each once");
    let busiest = counts.iter().max();
    assert!(busiest.is_some_and(|most| *most < 40), "{busiest:?} in one second, evenly it would be 14");
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Subscribe(u8, u8),
    Unsubscribe(u8, u8),
    Refresh(u8, u8),
    Answer { which: usize, good: bool },
    Wait(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8, 0..4_u8).prop_map(|(h, n)| Step::Subscribe(h, n)),
        (0..3_u8, 0..4_u8).prop_map(|(h, n)| Step::Unsubscribe(h, n)),
        (0..3_u8, 0..4_u8).prop_map(|(h, n)| Step::Refresh(h, n)),
        (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Step::Answer { which, good }),
        (0..200_u16).prop_map(Step::Wait),
    ]
}

/// What a key's last answer was, and when.
struct Answered {
    when: Timestamp,
    failures: u32,
}

/// The promises of the module's documentation, kept by hand beside the schedule.
struct Model {
    schedule: Schedule,
    now: Timestamp,
    out: Vec<Key>,
    answered: BTreeMap<Key, Answered>,
    refreshed: BTreeSet<Key>,
}

impl Model {
    fn step(&mut self, step: Step) {
        match step {
            Step::Subscribe(host, name) => self.schedule.subscribe(key(host, name), self.now),
            Step::Unsubscribe(host, name) => {
                self.schedule.unsubscribe(&key(host, name));
                if !self.out.contains(&key(host, name)) {
                    self.answered.remove(&key(host, name));
                }
            }
            Step::Refresh(host, name) => {
                self.schedule.refresh(&key(host, name), self.now);
                self.refreshed.insert(key(host, name));
            }
            Step::Answer { which, good } => self.answer(which, good),
            Step::Wait(seconds) => self.now = later(self.now, Duration::from_secs(seconds.into())),
        }
        self.take();
    }

    fn answer(&mut self, which: usize, good: bool) {
        if self.out.is_empty() {
            return;
        }
        let key = self.out.remove(which % self.out.len());
        let before = self.answered.get(&key).map_or(0, |a| a.failures);
        let failures = if good { 0 } else { before + 1 };
        let answer = if good { Ok(commit(1)) } else { Err(Failed::Repository) };
        match self.schedule.handle_resolved(&key, answer, self.now) {
            Answer::Unwanted => {
                self.answered.remove(&key);
            }
            Answer::Changed(_) | Answer::Same => {
                assert!(good);
                self.answered.insert(key, Answered { when: self.now, failures });
            }
            Answer::Failed { times, .. } => {
                assert_eq!(times, failures);
                self.answered.insert(key, Answered { when: self.now, failures });
            }
        }
    }

    fn take(&mut self) {
        while let Some(key) = self.schedule.poll_action(self.now) {
            assert!(!self.out.contains(&key), "{key} is out twice");
            if let Some(Answered { when, failures }) = self.answered.get(&key)
                && !self.refreshed.remove(&key)
            {
                let waited = self.now.duration_since(*when).as_secs_f64();
                let least =
                    if *failures == 0 { 60.0 } else { retry(&SETTINGS, *failures).as_secs_f64() * 0.9 };
                assert!(waited >= least - 0.001, "{key} is asked after {waited} s, not {least}");
            }
            self.refreshed.remove(&key);
            self.out.push(key);
        }
        for host in 0..3 {
            let out = self.out.iter().filter(|k| k.host == key(host, 0).host).count();
            assert!(out <= SETTINGS.per_host, "{out} of host {host} are out");
        }
        let free = |k: &Key| self.out.iter().filter(|o| o.host == k.host).count() < SETTINGS.per_host;
        for key in self.schedule.keys().filter(|k| !self.out.contains(k) && free(k)) {
            let Some(Answered { when, failures }) = self.answered.get(key) else {
                panic!("{key} was never asked although its host has a slot");
            };
            let most = if *failures == 0 { 132.0 } else { retry(&SETTINGS, *failures).as_secs_f64() * 1.1 };
            let waited = self.now.duration_since(*when).as_secs_f64();
            assert!(waited <= most + 0.001, "{key} is not asked after {waited} s");
        }
        if let Some((when, _)) = self.schedule.poll_timeout() {
            assert!(when > self.now, "what is due was taken");
        }
    }
}

proptest! {
    #[test]
    fn promises_hold_in_any_order(steps in prop::collection::vec(step(), 1..200)) {
        let mut model = Model {
            schedule: Schedule::new(SETTINGS),
            now: at(0.0),
            out: Vec::new(),
            answered: BTreeMap::new(),
            refreshed: BTreeSet::new(),
        };
        for step in steps {
            model.step(step);
        }
    }
}
