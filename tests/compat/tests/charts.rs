//! Charts, rendered as the hub does it and by helm as a person would call it.

use tests_compat::disk;

#[test]
fn every_chart_says_what_it_is_for() {
    let folder = disk::folder("charts");
    for name in disk::cases(&folder).expect("the charts") {
        let files = disk::files(&folder.join(&name)).expect("its files");
        assert!(files.contains_key("app.yaml"), "{name}");
    }
}
