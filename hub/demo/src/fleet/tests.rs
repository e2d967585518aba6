use super::places;

#[track_caller]
fn check(count: usize, expect: &str) {
    let places = places(count);
    let shown: Vec<_> =
        places.iter().map(|place| format!("{} {}", place.name, place.labels["ring"])).collect();
    assert_eq!(shown.join(", "), expect);
}

#[test]
fn every_wave_has_a_cluster() {
    check(3, "eu-1 canary, us-1 early, ap-1 main");
    check(4, "eu-1 canary, us-1 early, ap-1 early, eu-2 main");
    check(7, "eu-1 canary, us-1 early, ap-1 early, eu-2 early, us-2 main, ap-2 main, eu-3 main");
}
