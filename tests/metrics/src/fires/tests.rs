use super::*;

/// In which minutes of five hours, or of the days that are given, an alert fires.
#[track_caller]
fn check(alert: &str, given: &[(&str, &str)], last: u32, expect: &[(u32, u32)]) {
    assert_eq!(fires(alert, &series(given), last), expect, "{alert} over {given:?}");
}

#[test]
fn what_cannot_be_rendered_is_told_for_as_long_as_it_stays_so() {
    let check = |failing, expect: &[(u32, u32)]| {
        check("FlotillaRenderFails", &[("flotilla_render_failing", failing)], 300, expect);
    };
    check("0x300", &[]);
    // Mended within a quarter of an hour.
    check("0x9 2x13 0x200", &[]);
    // A wrong commit at minute 10, mended at minute 200.
    check("0x9 1x189 0x100", &[(25, 199)]);
    // The hub starts with one.
    check("1x300", &[(15, 300)]);
}

#[test]
fn a_store_that_fails_once_is_told_at_once() {
    let check = |failures, expect: &[(u32, u32)]| {
        check(
            "FlotillaStoreFails",
            &[("flotilla_store_failures_total{operation=\"commit\"}", failures)],
            300,
            expect,
        );
    };
    check("0x300", &[]);
    check("3x300", &[]);
    check("0x9 1x291", &[(10, 13)]);
}

#[test]
fn a_collector_that_refuses_rare_rollouts_is_told_as_one_that_is_away() {
    let check = |failures, lost, expect: &[(u32, u32)]| {
        let given =
            [("flotilla_trace_export_failures_total", failures), ("flotilla_trace_spans_lost_total", lost)];
        check("FlotillaTraceExportFails", &given, 300, expect);
    };
    check("0x300", "0x300", &[]);
    check("7x300", "40x300", &[]);
    // One that was away for three minutes and lost nothing.
    check("0x9 1+1x2 3x287", "0x300", &[]);
    // A rollout every forty minutes, whose one request is refused and not sent again.
    check("0x9 1x39 2x39 3x209", "0x9 12x39 24x39 36x209", &[(30, 148)]);
    // Away, and tried again each half minute, until minute 100.
    check("0x9 1+2x90 181x199", "0x300", &[(30, 113)]);
}

#[test]
fn one_pause_that_lasts_is_told_and_many_short_ones_are_not() {
    let check = |oldest, expect: &[(u32, u32)]| {
        let begun = "flotilla_pause_oldest_start_timestamp_seconds{what=\"cluster\"}";
        // Somebody is always paused.
        check(
            "FlotillaPausedTooLong",
            &[(begun, oldest), ("flotilla_paused{what=\"cluster\"}", "1x3000")],
            3000,
            expect,
        );
    };
    // Each hour another one is the oldest.
    let busy = (0..50).map(|hour| format!("{}x59", hour * 3600)).collect::<Vec<_>>().join(" ");
    check(&busy, &[]);
    // Paused at minute 60, resumed at minute 2000; the series ends and is looked back at for five minutes.
    check("_x60 3600x1940", &[(1506, 2004)]);
}

#[test]
fn a_sink_that_fails_is_told_until_it_takes_again_or_is_taken_away() {
    let check = |failing, given_up, expect: &[(u32, u32)]| {
        let given = [
            ("flotilla_notify_sink_failing{sink=\"oncall\"}", failing),
            ("flotilla_notify_messages_given_up_total{sink=\"oncall\"}", given_up),
        ];
        check("FlotillaNotificationsFail", &given, 300, expect);
    };
    check("0x300", "0x300", &[]);
    check("0x300", "4x300", &[]);
    check("0x9 1x9 0x280", "0x300", &[]);
    check("0x9 1x59 0x230", "0x300", &[(25, 69)]);
    // Taken away while it failed: its series end.
    check("0x9 1x59", "0x69", &[(25, 73)]);
    // It takes what comes next, and what was given up is told for an hour.
    check("0x9 1x4 0x285", "0x9 1x290", &[(25, 68)]);
}
