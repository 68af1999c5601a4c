//! Windows and freezes, over midnight and where the clock is changed.

use super::*;
use crate::limits::check::Ledger;
use crate::spec::Span;
use jiff::Timestamp;

fn when(zone: &str, windows: &[(&[&str], &str, &str)], freezes: &[(&str, &str)]) -> When {
    let window = |(days, from, to): &(&[&str], &str, &str)| Window {
        days: days.iter().map(|days| days.parse().unwrap()).collect(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    };
    let freeze = |(from, to): &(&str, &str)| Freeze {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        why: None,
    };
    let when = When {
        zone: zone.parse().unwrap(),
        windows: windows.iter().map(window).collect(),
        freezes: freezes.iter().map(freeze).collect(),
    };
    when.validate().unwrap();
    when
}

/// `Ok`, or the key of the limit and what it allows.
fn ask(when: &When, at: &str, ttl: &str) -> Result<(), (String, String)> {
    let now = at.parse::<Timestamp>().unwrap().into();
    verdict(when, now, false, ttl.parse().unwrap(), &mut Ledger::default())
        .map_err(|error| (error.limit.unwrap().into(), error.allowed.unwrap()))
}

/// The longest that is allowed: it passes, and one second more is refused with that as the answer.
#[track_caller]
fn longest(when: &When, at: &str, ttl: &str) {
    assert_eq!(ask(when, at, ttl), Ok(()));
    let more = ttl.parse::<Span>().unwrap().plus(Span::from_secs(1)).to_string();
    assert_eq!(ask(when, at, &more).unwrap_err().1, ttl, "{at}");
}

#[track_caller]
fn closed(when: &When, at: &str) {
    assert_eq!(ask(when, at, "1us").unwrap_err().0, "when.windows", "{at}");
}

const WEEK: &[&str] = &["mon..thu"];

#[test]
fn business_hours_in_the_zones_summer_and_winter() {
    // 2026-11-19 is a Thursday, 2026-07-16 too.
    let when = when("Europe/Berlin", &[(WEEK, "09:00", "17:00")], &[]);
    closed(&when, "2026-11-19T07:59:59Z");
    longest(&when, "2026-11-19T08:00:00Z", "8h");
    longest(&when, "2026-07-16T07:00:00Z", "8h");
    longest(&when, "2026-11-19T15:59:30.5Z", "29s");
    closed(&when, "2026-11-19T16:00:00Z");
    closed(&when, "2026-11-20T10:00:00Z");
}

#[test]
fn over_midnight_and_over_the_end_of_the_week() {
    let when = when("UTC", &[(&["sun"], "22:00", "06:00")], &[]);
    closed(&when, "2026-11-22T21:59:59Z");
    longest(&when, "2026-11-22T22:00:00Z", "8h");
    longest(&when, "2026-11-23T05:00:00Z", "1h");
    closed(&when, "2026-11-23T06:00:00Z");
    closed(&when, "2026-11-22T05:00:00Z");
    closed(&when, "2026-11-23T22:00:00Z");
}

#[test]
fn windows_that_touch_are_one() {
    let touching = when("UTC", &[(&[], "09:00", "12:00"), (&[], "12:00", "13:00")], &[]);
    longest(&touching, "2026-11-19T11:59:00Z", "1h1m");
    let lunch = when("UTC", &[(&[], "09:00", "12:00"), (&[], "12:01", "13:00")], &[]);
    longest(&lunch, "2026-11-19T11:59:00Z", "1m");
    let always = when("UTC", &[(&[], "00:00", "24:00")], &[]);
    assert_eq!(ask(&always, "2026-11-19T23:59:59Z", "240h"), Ok(()));
    let weekend = when("UTC", &[(&["fri..mon"], "00:00", "24:00")], &[]);
    longest(&weekend, "2026-11-20T00:00:00Z", "96h");
    // An answer comes for every length.
    assert!(ask(&always, "2026-11-19T23:59:59Z", "9999999h").is_err());
    assert!(ask(&always, "2026-11-19T23:59:59Z", "5000000000h").is_err());
}

#[test]
fn when_the_clock_goes_forward() {
    // Berlin, 2026-03-29: 01:59:59 CET (00:59:59Z) is followed by 03:00 CEST.
    let night = when("Europe/Berlin", &[(&[], "00:00", "06:00")], &[]);
    longest(&night, "2026-03-28T23:00:00Z", "5h");
    // 02:30 does not exist: a window ends before the gap, and begins after it.
    let ends = when("Europe/Berlin", &[(&[], "00:00", "02:30")], &[]);
    longest(&ends, "2026-03-28T23:00:00Z", "1h30m");
    let begins = when("Europe/Berlin", &[(&[], "02:30", "06:00")], &[]);
    closed(&begins, "2026-03-29T01:29:59Z");
    longest(&begins, "2026-03-29T01:30:00Z", "2h30m");
    let inside = when("Europe/Berlin", &[(&[], "02:10", "02:50")], &[]);
    for at in ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"] {
        closed(&inside, at);
    }
}

#[test]
fn when_the_clock_goes_back() {
    // Berlin, 2026-10-25: 02:59:59 CEST (00:59:59Z) is followed by 02:00 CET.
    let night = when("Europe/Berlin", &[(&[], "00:00", "06:00")], &[]);
    longest(&night, "2026-10-24T22:00:00Z", "7h");
    // 02:30 comes twice: a window ends at the first, and begins at the second.
    let ends = when("Europe/Berlin", &[(&[], "00:00", "02:30")], &[]);
    longest(&ends, "2026-10-24T22:00:00Z", "2h30m");
    closed(&ends, "2026-10-25T01:10:00Z");
    let begins = when("Europe/Berlin", &[(&[], "02:30", "06:00")], &[]);
    closed(&begins, "2026-10-25T00:45:00Z");
    longest(&begins, "2026-10-25T01:30:00Z", "3h30m");
}

#[test]
fn a_freeze_is_whole_days_of_the_zone() {
    let when = when("Europe/Berlin", &[], &[("2026-12-20", "2027-01-06")]);
    longest(&when, "2026-12-19T22:59:00Z", "1m");
    for at in ["2026-12-19T23:00:00Z", "2026-12-31T12:00:00Z", "2027-01-06T22:59:59Z"] {
        let (limit, allowed) = ask(&when, at, "1us").unwrap_err();
        assert_eq!(
            (limit.as_str(), allowed.as_str()),
            ("when.freezes", "a day that is not in 2026-12-20 to 2027-01-06")
        );
    }
    assert_eq!(ask(&when, "2027-01-06T23:00:00Z", "240h"), Ok(()));
}

#[test]
fn a_refusal_says_when_it_is_and_what_would_fit() {
    let when = When {
        freezes: vec![Freeze {
            from: "2026-11-20".parse().unwrap(),
            to: "2026-11-20".parse().unwrap(),
            why: Some("the auditors are here".parse().unwrap()),
        }],
        ..when("Europe/Berlin", &[(WEEK, "09:00", "17:00"), (&["fri"], "09:00", "17:00")], &[])
    };
    let said = |at: &str, jumped| {
        let now = at.parse::<Timestamp>().unwrap().into();
        verdict(&when, now, jumped, Span::from_secs(600), &mut Ledger::default()).unwrap_err().to_string()
    };
    assert_eq!(
        said("2026-11-19T15:55:00Z", false),
        "a fault of 10m would end at thu 2026-11-19 17:05:00 CET, and the window ends at thu 2026-11-19 17:00:00 \
         CET (ask for 5m or less)"
    );
    assert_eq!(
        said("2026-11-19T19:00:00Z", false),
        "it is thu 2026-11-19 20:00:00 CET: outside the windows in which faults are allowed (the windows are \
         mon..thu 09:00-17:00; fri 09:00-17:00 (Europe/Berlin))"
    );
    assert!(
        said("2026-11-20T12:00:00Z", false)
            .contains("frozen 2026-11-20 to 2026-11-20: the auditors are here")
    );
    assert!(said("2026-11-19T12:00:00Z", true).starts_with("the clock jumped: "));
}
