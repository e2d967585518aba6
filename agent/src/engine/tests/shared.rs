//! Objects that two Applications have.

use super::{watches::in_shop, *};

#[test]
fn what_another_application_has_is_let_go_and_not_deleted() {
    let (orders, billing) = (app(), AppKey::new("argocd", "billing"));
    let mut bench = Bench::new();
    let both = [config_map("a", "1"), config_map("b", "1"), config_map("c", "1")];
    bench.assign_to(&orders, 1, &both);
    bench.assign_to(&billing, 1, &[config_map("b", "1")]);
    // One that somebody else has, and one that nobody has.
    bench.assign_to(&orders, 2, &[config_map("a", "2")]);
    bench.pass(5);
    assert_eq!(bench.deleted, [in_shop("c")]);
    assert_eq!(bench.live.keys().cloned().collect::<Vec<_>>(), [in_shop("a"), in_shop("b")]);
    let owns = |bench: &Bench, application: &AppKey| {
        let (apps, _) = bench.journal.apps().unwrap();
        let kept = apps.into_iter().find(|kept| kept.order.application == *application).unwrap();
        kept.inventory.unwrap_or_default()
    };
    assert_eq!(owns(&bench, &orders), [in_shop("a")]);
    // Whoever is the last to have it deletes it.
    bench.assign_to(&billing, 2, &[config_map("d", "1")]);
    bench.pass(60);
    assert_eq!(owns(&bench, &billing), [in_shop("d")]);
    assert_eq!(bench.deleted, [in_shop("c"), in_shop("b")]);
}
