use serde_json::json;

use super::said;

#[test]
fn how_rollouts_stand_is_a_line_for_each_and_one_for_each_condition() {
    let list = json!({"items": [
        {
            "kind": "FleetRollout", "metadata": {"name": "web-2"},
            "status": {"phase": "Progressing", "waitsFor": "eu-1 is syncing", "waves": []},
        },
        {
            "kind": "ApplicationSet", "metadata": {"name": "web"},
            "status": {"conditions": [
                {"type": "ErrorOccurred", "status": "True", "reason": "Git", "message": "no such branch"},
            ]},
        },
        {"kind": "Cluster", "metadata": {"name": "eu-1"}},
    ]});
    assert_eq!(
        said(&list),
        "FleetRollout web-2: Progressing, waits for: eu-1 is syncing\n\
         ApplicationSet web: \n    ErrorOccurred=True Git: no such branch\n\
         Cluster eu-1: \n"
    );
    assert_eq!(said(&json!(null)), "");
}
