use super::*;
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use shared_objects::table::IncludeObject;

fn object(name: usize, size: usize) -> Value {
    json!({
        "kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": format!("m-{name}")},
        "data": {"a": "x".repeat(size), "b": "one\n\n  two\n"},
    })
}

fn listing(
    form: Form,
    encoding: Encoding,
    count: usize,
    next: Option<&str>,
) -> Listing<impl Stream<Item = Result<Item, Status>> + Send + 'static> {
    let next = next.map(str::to_owned);
    let paged = next.is_some();
    let objects = (0..count).flat_map(|n| [Ok(Item::Skipped), Ok(Item::Object(object(n, 1000)))]);
    let items = stream::iter(objects.chain(next.map(|next| Ok(Item::Next(next)))));
    Listing {
        kind: Kind::ConfigMap,
        form,
        encoding,
        gzip: false,
        revision: Revision(7),
        paged,
        now: Timestamp::UNIX_EPOCH,
        items,
        seat: None,
    }
}

async fn text(answer: Answer) -> String {
    String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn every_form_reads_the_same_in_both_encodings_whole_and_in_chunks() {
    let check = async |form: Form, count: usize, next: Option<&str>, field: &str| {
        let answered = answer(listing(form, Encoding::Json, count, next)).await.unwrap();
        assert_eq!(answered.body().size_hint().exact().is_some(), count < 100, "only small ones are whole");
        let read: Value = serde_json::from_str(&text(answered).await).unwrap();
        assert_eq!(read[field].as_array().unwrap().len(), count);
        assert_eq!(read["metadata"]["resourceVersion"], "7");
        assert_eq!(read["metadata"]["continue"].as_str(), next);
        let answered = answer(listing(form, Encoding::Yaml, count, next)).await.unwrap();
        assert_eq!(answered.headers()["content-type"], "application/yaml");
        assert_eq!(yaml::parse(&text(answered).await).unwrap(), read);
        read
    };
    let list = check(Form::Object, 3, None, "items").await;
    assert_eq!((&list["kind"], &list["items"][2]), (&json!("ConfigMapList"), &object(2, 1000)));
    check(Form::Object, 300, Some("after"), "items").await;
    check(Form::Object, 0, None, "items").await;
    let list = check(Form::Metadata, 3, Some("after"), "items").await;
    assert_eq!(list["items"][1]["metadata"]["name"], "m-1");
    let table = check(Form::Table(IncludeObject::Object), 300, None, "rows").await;
    assert_eq!((&table["kind"], &table["rows"][299]["cells"][0]), (&json!("Table"), &json!("m-299")));
    assert!(table["columnDefinitions"].as_array().unwrap().len() > 1);
}

#[tokio::test]
async fn no_more_is_read_than_was_asked_for() {
    let (asked, count) = (std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)), 10_000);
    let counted = std::sync::Arc::clone(&asked);
    let read = move || counted.load(std::sync::atomic::Ordering::Relaxed);
    let items = stream::iter(0..count).map(move |n| {
        asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Item::Object(object(n, 1000)))
    });
    let Listing { kind, form, encoding, gzip, revision, paged, now, seat, .. } =
        listing(Form::Object, Encoding::Json, 0, None);
    let listing = Listing { kind, form, encoding, gzip, revision, paged, now, items, seat };
    let mut body = answer(listing).await.unwrap().into_body();
    // What is worth compressing is made before the headers go out, and then a chunk at a time.
    assert!(read() < 200, "{}", read());
    let before = read();
    for _ in 0..10 {
        body.frame().await.unwrap().unwrap();
    }
    assert!(read() - before < 10 * 50, "{}", read() - before);
}

#[tokio::test]
async fn a_failure_is_told_before_the_headers_or_breaks_the_body() {
    let check = async |good: usize| {
        let items = (0..good).map(|n| Ok(Item::Object(object(n, 1000))));
        let items = stream::iter(items.chain([Err(Status::internal("the store failed"))]));
        let Listing { kind, form, encoding, gzip, revision, paged, now, seat, .. } =
            listing(Form::Object, Encoding::Json, 0, None);
        match answer(Listing { kind, form, encoding, gzip, revision, paged, now, items, seat }).await {
            Err(status) => Some(status.code),
            Ok(answered) => {
                assert!(answered.into_body().collect().await.is_err(), "half a list never looks whole");
                None
            }
        }
    };
    assert_eq!(check(10).await, Some(500));
    assert_eq!(check(1000).await, None);
}

#[tokio::test]
async fn whoever_waits_gets_a_turn_between_two_chunks() {
    // There is one thread: somebody else's turn comes only when the list gives up its own.
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&turns);
    let waits = shared_runtime::spawn("waits", async move {
        loop {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let mut body = answer(listing(Form::Object, Encoding::Json, 2000, None)).await.unwrap().into_body();
    let mut chunks = 0;
    while let Some(frame) = body.frame().await {
        chunks += 1;
        assert!(frame.unwrap().into_data().unwrap().len() < 2 * CHUNK);
    }
    waits.abort();
    let turns = turns.load(std::sync::atomic::Ordering::Relaxed);
    assert!(chunks > 50 && turns >= chunks, "{turns} turns in {chunks} chunks");
}
