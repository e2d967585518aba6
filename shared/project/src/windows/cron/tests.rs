use super::*;
use jiff::civil::DateTime;

fn seconds(text: &str) -> i64 {
    Offset::UTC.to_timestamp(text.parse::<DateTime>().expect("a civil time")).expect("in range").as_second()
}

/// The next three times after a moment, on a clock without zones.
fn check(schedule: &str, after: &str, expect: [&str; 3]) {
    let cron = Cron::new(schedule).expect(schedule);
    let mut at = seconds(after);
    for expected in expect {
        at = cron.next(at, at + AHEAD).expect(expected);
        assert_eq!(
            Offset::UTC.to_datetime(Timestamp::from_second(at).unwrap()).to_string(),
            format!("{expected}:00"),
            "{schedule}"
        );
    }
}

fn refused(schedule: &str, expect: &str) {
    assert_eq!(Cron::new(schedule).expect_err(schedule), expect, "{schedule}");
}

#[test]
fn fields_are_read_as_robfig_cron_reads_them() {
    check("0 22 * * *", "2026-03-01T22:00", ["2026-03-02T22:00", "2026-03-03T22:00", "2026-03-04T22:00"]);
    check(
        "*/20 9-10 * * *",
        "2026-03-01T09:30",
        ["2026-03-01T09:40", "2026-03-01T10:00", "2026-03-01T10:20"],
    );
    check("5/25 0 * * ?", "2026-03-01T00:00", ["2026-03-01T00:05", "2026-03-01T00:30", "2026-03-01T00:55"]);
    check(
        "0 0 * FEB-mar/1 Mon",
        "2026-02-20T00:00",
        ["2026-02-23T00:00", "2026-03-02T00:00", "2026-03-09T00:00"],
    );
    check("1,,2 3 4 5 *", "2026-01-01T00:00", ["2026-05-04T03:01", "2026-05-04T03:02", "2027-05-04T03:01"]);
    check("0 12 * * 1-5/2", "2026-11-20T12:00", ["2026-11-23T12:00", "2026-11-25T12:00", "2026-11-27T12:00"]);
    check("0 0 29 2 *", "2024-02-29T00:00", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]);
    check("0 0 31 * *", "2026-01-31T00:00", ["2026-03-31T00:00", "2026-05-31T00:00", "2026-07-31T00:00"]);
}

#[test]
fn day_of_month_and_day_of_week_are_alternatives_unless_one_is_a_star() {
    // The 13th, and every Friday: November 2026 has one on the 13th.
    check("0 0 13 * 5", "2026-11-12T12:00", ["2026-11-13T00:00", "2026-11-20T00:00", "2026-11-27T00:00"]);
    check("0 0 13 * *", "2026-11-12T12:00", ["2026-11-13T00:00", "2026-12-13T00:00", "2027-01-13T00:00"]);
    // A step is a limit: odd days, or Fridays.
    check("0 0 */2 * 5", "2026-11-18T12:00", ["2026-11-19T00:00", "2026-11-20T00:00", "2026-11-21T00:00"]);
    check("0 0 */1 * 5", "2026-11-18T12:00", ["2026-11-20T00:00", "2026-11-27T00:00", "2026-12-04T00:00"]);
}

#[test]
fn macros_stand_for_five_fields() {
    check("@hourly", "2026-12-31T22:10", ["2026-12-31T23:00", "2027-01-01T00:00", "2027-01-01T01:00"]);
    check("@midnight", "2026-12-31T00:00", ["2027-01-01T00:00", "2027-01-02T00:00", "2027-01-03T00:00"]);
    check("@weekly", "2026-11-20T00:00", ["2026-11-22T00:00", "2026-11-29T00:00", "2026-12-06T00:00"]);
    check("@monthly", "2026-11-20T00:00", ["2026-12-01T00:00", "2027-01-01T00:00", "2027-02-01T00:00"]);
    check("@annually", "2026-11-20T00:00", ["2027-01-01T00:00", "2028-01-01T00:00", "2029-01-01T00:00"]);
}

#[test]
fn what_cannot_be_read_says_how_to_mend_it() {
    refused(
        "0 22 * *",
        "expected the five fields minute, hour, day of month, month and day of week, found 4",
    );
    refused("0 25 * * *", "the hour `25` is not within 0 to 23");
    refused("0 0 0 * *", "the day of month `0` is not within 1 to 31");
    refused("0 0 * * 7", "the day of week `7` is not within 0 to 6");
    refused("x 0 * * *", "the minute `x` has `x` where a number belongs");
    refused("0 9-17-20 * * *", "the hour `9-17-20` has more than one range");
    refused("0/5/5 0 * * *", "the minute `0/5/5` has more than one step");
    refused("*/0 * * * *", "the minute `*/0` has the step 0; steps begin at 1");
    refused("0 20-4 * * *", "the hour `20-4` begins after it ends");
    refused(", 0 * * *", "the minute `,` names no value");
    refused("0 0 30 2 *", "it never fires; is there such a day?");
    refused("@every 1h", "use five fields, or @hourly, @daily, @weekly, @monthly or @yearly");
    refused("CRON_TZ=UTC 0 0 * * *", "a schedule takes no zone; write it in timeZone");
}

#[test]
fn pauses_between_firings_are_known() {
    let check = |schedule: &str, longest: i64, overnight: Option<i64>| {
        let cron = Cron::new(schedule).expect(schedule);
        assert_eq!((cron.longest_pause(), cron.overnight()), (longest, overnight), "{schedule}");
    };
    check("* * * * *", 60, Some(60));
    check("0 0 * * *", 0, Some(86_400));
    check("0,10,50 * * * *", 2400, Some(600));
    check("0,10 8,9,20 * * *", 10 * 3600 + 50 * 60, Some(11 * 3600 + 50 * 60));
    check("0 0 * * 1-5", 0, None);
    check("0 0 1 * *", 0, None);
    check("0 0 1-31 * 1", 0, Some(86_400));
}
