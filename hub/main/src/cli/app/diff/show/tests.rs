use super::*;
use expect_test::{Expect, expect};
use serde_json::json;
use shared_diff::Rules;
use shared_manifest::ObjectId;

fn map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"key": value, "same": "x"}})
}

fn change(before: Option<&Value>, after: Option<&Value>) -> Option<Change> {
    let id = ObjectId::of(before.or(after).unwrap());
    Change::of(&id, before, after, &Rules::default())
}

fn compared(cluster: &str, changes: Vec<Change>) -> Compared {
    Compared {
        application: AppKey::new("argocd", format!("web-{cluster}")),
        cluster: cluster.to_owned(),
        found: Ok(Changes { changes, same: 1, left_out: 0 }),
        note: "",
    }
}

fn check(compared: &[Compared], expect: &Expect) {
    let sides = Sides { left: "live".into(), right: "main".into() };
    expect.assert_eq(&text(compared, &sides, 1).join("\n"));
}

#[test]
fn equal_differences_are_shown_once_the_most_common_first() {
    let changed = || change(Some(&map("1")), Some(&map("2"))).unwrap();
    let mut all: Vec<Compared> = (1..=12).map(|n| compared(&format!("eu-{n}"), vec![changed()])).collect();
    all.insert(0, compared("us-1", vec![change(Some(&map("edited")), Some(&map("2"))).unwrap()]));
    all.push(compared("us-2", Vec::new()));
    check(
        &all,
        &expect![[r#"
            12 clusters: eu-1, eu-2, eu-3, eu-4, eu-5, eu-6, eu-7, eu-8, eu-9, eu-10 and 2 more
            --- ConfigMap shop/a (live)
            +++ ConfigMap shop/a (main)
            @@ -2,3 +2,3 @@
             data:
            -  key: "1"
            +  key: "2"
               same: x

            web-us-1 on us-1:
            --- ConfigMap shop/a (live)
            +++ ConfigMap shop/a (main)
            @@ -2,3 +2,3 @@
             data:
            -  key: edited
            +  key: "2"
               same: x"#]],
    );
    assert!(!all.last().unwrap().differs() && all[0].differs());
}

#[test]
fn what_comes_goes_and_is_left_alone() {
    let id = ObjectId::of(&map("1"));
    let mut new =
        change(None, Some(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})));
    let gone =
        change(Some(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "old"}})), None);
    let left = Change::remark(&id, "left alone: protected");
    let mut one = compared("eu-1", vec![new.take().unwrap(), gone.unwrap(), left.clone()]);
    one.note = "the Application is new";
    check(
        &[one],
        &expect![[r"
            web-eu-1 on eu-1:
            # the Application is new
            --- /dev/null
            +++ Namespace shop (main)
            @@ -0,0 +1,4 @@
            +apiVersion: v1
            +kind: Namespace
            +metadata:
            +  name: shop
            --- Namespace old (live)
            +++ /dev/null
            @@ -1,4 +0,0 @@
            -apiVersion: v1
            -kind: Namespace
            -metadata:
            -  name: old
            # ConfigMap shop/a: left alone: protected"]],
    );
    assert!(!compared("eu-1", vec![left]).differs());
}

#[test]
fn values_of_secrets_are_seen_to_differ_and_not_shown() {
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"token": value, "same": "c2FtZQ=="}});
    let one = compared("eu-1", vec![change(Some(&secret("b25l")), Some(&secret("dHdv"))).unwrap()]);
    check(
        std::slice::from_ref(&one),
        &expect![[r"
            web-eu-1 on eu-1:
            --- Secret s (live)
            +++ Secret s (main)
            @@ -3,3 +3,3 @@
               same: ++++++++
            -  token: ++++++++
            +  token: +++++++++
             kind: Secret"]],
    );
    assert!(!json(&[one]).contains("b25l"));
}

#[test]
fn what_failed_is_no_difference_and_no_text() {
    let one = Compared { found: Err("its agent is away".into()), ..compared("eu-1", Vec::new()) };
    assert!(!one.differs() && json(std::slice::from_ref(&one)).contains("its agent is away"));
    check(&[one], &expect![""]);
}
