use super::frame;
use crate::{style::Style, tests::halfway};
use expect_test::{Expect, expect};

fn check(style: Style, expect: &Expect) {
    expect.assert_eq(&frame(&halfway(), "second commit", style).join("\n"));
}

#[test]
fn waves_then_clusters() {
    check(
        Style { color: false, width: 120, height: 30 },
        &expect![[r#"
            second commit 3f2a1bc  Progressing  wave regions waits for us-1
              wave canary   ████████████████████  2/2 proven
              wave regions  ██████████░░░░░░░░░░  2/4 proven, 2 updating
              wave rest     ░░░░░░░░░░░░░░░░░░░░  0/2 proven

              ap-1  rest     0a1b2c3  Healthy      waiting   wave rest has not opened: wave regions waits for us-1
              eu-1  canary   3f2a1bc  Healthy      proven
              eu-2  regions  3f2a1bc  Healthy      proven
              us-1  regions  3f2a1bc  Progressing  updating  0 of 2 replicas updated"#]],
    );
}

#[test]
fn lines_end_at_the_edge() {
    check(
        Style { color: false, width: 60, height: 30 },
        &expect![[r#"
            second commit 3f2a1bc  Progressing  wave regions waits for…
              wave canary   ████████████████████  2/2 proven
              wave regions  ██████████░░░░░░░░░░  2/4 proven, 2 updati…
              wave rest     ░░░░░░░░░░░░░░░░░░░░  0/2 proven

              ap-1  rest     0a1b2c3  Healthy      waiting   wave rest…
              eu-1  canary   3f2a1bc  Healthy      proven
              eu-2  regions  3f2a1bc  Healthy      proven
              us-1  regions  3f2a1bc  Progressing  updating  0 of 2 re…"#]],
    );
}

#[test]
fn without_room_only_the_exceptional() {
    check(
        Style { color: false, width: 100, height: 10 },
        &expect![[r#"
            second commit 3f2a1bc  Progressing  wave regions waits for us-1
              wave canary   ████████████████████  2/2 proven
              wave regions  ██████████░░░░░░░░░░  2/4 proven, 2 updating
              wave rest     ░░░░░░░░░░░░░░░░░░░░  0/2 proven

              us-1  regions  3f2a1bc  Progressing  updating  0 of 2 replicas updated
              and 3 other clusters; 2 of 4 are proven"#]],
    );
}

#[test]
fn colours() {
    check(
        Style { color: true, width: 100, height: 10 },
        &expect![[r#"
            [1msecond commit 3f2a1bc[0m  [33mProgressing[0m  wave regions waits for us-1
              wave canary   [32m████████████████████[0m  2/2 proven
              wave regions  [33m██████████░░░░░░░░░░[0m  2/4 proven, 2 updating
              wave rest     [2m░░░░░░░░░░░░░░░░░░░░[0m  0/2 proven

              [1mus-1[0m  regions  3f2a1bc  [33mProgressing[0m  [33mupdating[0m  [2m0 of 2 replicas updated[0m
            [2m  and 3 other clusters; 2 of 4 are proven[0m"#]],
    );
}
