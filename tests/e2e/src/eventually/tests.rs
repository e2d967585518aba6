use std::time::Duration;

use anyhow::bail;

use super::poll;

#[tokio::test]
async fn the_answer_comes_back_once_the_condition_holds() {
    let mut attempts = 0;
    let answer = poll(Duration::from_secs(30), async || {
        attempts += 1;
        if attempts < 4 {
            bail!("attempt {attempts}");
        }
        Ok(attempts)
    });
    assert_eq!(answer.await, Ok(4));
}

#[tokio::test]
async fn the_last_thing_seen_comes_back_at_the_deadline() {
    let mut attempts = 0;
    let answer = poll::<()>(Duration::from_millis(50), async || {
        attempts += 1;
        bail!("attempt {attempts}")
    });
    let seen = answer.await.expect_err("the condition never holds");
    assert_eq!(seen, format!("attempt {attempts}"));
    assert!(attempts > 1, "it asked only once");
}

#[tokio::test]
async fn an_attempt_that_hangs_ends_at_the_deadline() {
    let mut attempts = 0;
    let answer = poll::<()>(Duration::from_millis(50), async || {
        attempts += 1;
        if attempts == 1 {
            bail!("connection refused");
        }
        std::future::pending().await
    });
    assert_eq!(answer.await, Err("connection refused".to_owned()));
}
