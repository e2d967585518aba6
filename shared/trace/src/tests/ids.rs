use crate::{Context, Sampler, SpanId, TraceId};

#[test]
fn a_traceparent_is_read_as_the_specification_says() {
    let check = |text: &str, expect: Option<bool>| {
        let read = text.parse::<Context>().ok();
        assert_eq!(read.map(|read| read.sampled), expect, "{text}");
        if let Some(read) = read.filter(|_| text.starts_with("00")) {
            assert_eq!(read.to_string(), text);
        }
    };
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Some(true));
    check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", Some(false));
    check("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", Some(true));
    for wrong in [
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7-b7ad6b7169203331-01",
    ] {
        check(wrong, None);
    }
}

#[test]
fn samplers_have_opentelemetrys_names() {
    let check = |name: &str, argument: &str, expect: &str| {
        let found = Sampler::named(name, argument);
        let found = found.map_or_else(|error| error.to_string(), |sampler| format!("{sampler:?}"));
        assert_eq!(found, expect, "{name} {argument}");
    };
    check("", "", "Always");
    check("always_on", "", "Always");
    check("parentbased_always_on", "", "Always");
    check("parentbased_always_off", "", "Never");
    check("traceidratio", "", "Always");
    check("traceidratio", "0", "Share(0)");
    check("parentbased_traceidratio", "0.5", "Share(9223372036854775808)");
    check("traceidratio", "2", "`2` is no share: expected a number from 0 to 1, e.g. 0.1");
    check("traceidratio", "NaN", "`NaN` is no share: expected a number from 0 to 1, e.g. 0.1");
    check(
        "jaeger_remote",
        "",
        "`jaeger_remote` is no sampler: expected always_on, always_off, traceidratio, or one of these after parentbased_",
    );
    check(
        "parentbased_",
        "",
        "`parentbased_` is no sampler: expected always_on, always_off, traceidratio, or one of these after parentbased_",
    );
}

#[test]
fn a_share_keeps_about_its_share_and_always_the_same() {
    let sampler = Sampler::named("traceidratio", "0.1").unwrap();
    let trace = TraceId::of("rollout");
    let kept = |_: usize| {
        (0..10_000).filter(|number| sampler.keeps(SpanId::of(trace, &format!("member/{number}")))).count()
    };
    assert!((900..1100).contains(&kept(1)), "{}", kept(1));
    assert_eq!(kept(1), kept(2));
}
