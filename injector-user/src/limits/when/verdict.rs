//! Whether a fault may live from now on, and how long.

use super::{When, days};
use crate::error::Error;
use crate::limits::check::Ledger;
use crate::spec::Span;
use jiff::{Timestamp, Zoned};
use std::time::SystemTime;

/// Windows that follow one another without a gap are one; after so many nobody asks any more.
const MOST_STEPS: usize = 1000;

/// Refuses a fault of `ttl` that would begin or end outside the windows, or live in a freeze.
pub(in crate::limits) fn verdict(
    when: &When,
    now: SystemTime,
    clock_jumped: bool,
    ttl: Span,
    ledger: &mut Ledger,
) -> Result<(), Error> {
    let unknown = |message: &str| {
        Error::refused(format!("{message}: the windows in which faults are allowed can't be judged"))
            .hint("set the clock, then: injector limits reload")
            .limit("when", message, "a clock that can be trusted")
    };
    if clock_jumped {
        return Err(unknown("the clock jumped"));
    }
    let now = Timestamp::try_from(now).map_err(|_| unknown("the clock is beyond the calendar"))?;
    let ends = i64::try_from(ttl.as_micros())
        .ok()
        .and_then(|micros| now.checked_add(jiff::SignedDuration::from_micros(micros)).ok())
        .ok_or_else(|| unknown("the fault would end beyond the calendar"))?;
    if !when.windows.is_empty() {
        windows(when, now, ends, ttl, ledger)?;
    }
    freezes(when, now, ends, ttl, ledger)
}

fn windows(
    when: &When,
    now: Timestamp,
    ends: Timestamp,
    ttl: Span,
    ledger: &mut Ledger,
) -> Result<(), Error> {
    const LIMIT: &str = "when.windows";
    let open = when.open_until(now, ends);
    let list: Vec<String> = when.windows.iter().map(ToString::to_string).collect();
    let allowed = format!("{} ({})", list.join("; "), when.zone);
    if open <= now {
        let now = when.shown(now);
        return Err(Error::refused(format!("it is {now}: outside the windows in which faults are allowed"))
            .hint(format!("the windows are {allowed}"))
            .limit(LIMIT, now, allowed));
    }
    if open < ends {
        let latest = whole_seconds(now, open);
        return Err(Error::refused(format!(
            "a fault of {ttl} would end at {}, and the window ends at {}",
            when.shown(ends),
            when.shown(open)
        ))
        .hint(format!("ask for {latest} or less"))
        .limit(LIMIT, ttl, latest));
    }
    ledger.passed(LIMIT, format!("until {}", when.shown(ends)), allowed);
    Ok(())
}

fn freezes(
    when: &When,
    now: Timestamp,
    ends: Timestamp,
    ttl: Span,
    ledger: &mut Ledger,
) -> Result<(), Error> {
    const LIMIT: &str = "when.freezes";
    for freeze in &when.freezes {
        // What can't be computed is taken as always.
        let (first, last) = freeze.span(&when.zone).unwrap_or((Timestamp::MIN, Timestamp::MAX));
        let why = freeze.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        if first <= now && now < last {
            return Err(Error::refused(format!(
                "it is {}, and the node is frozen {freeze}{why}",
                when.shown(now)
            ))
            .hint(format!("ask again after {}", freeze.to))
            .limit(LIMIT, when.shown(now), format!("a day that is not in {freeze}")));
        }
        if now < first && first < ends {
            let latest = whole_seconds(now, first);
            return Err(Error::refused(format!(
                "a fault of {ttl} would end at {}, and the node is frozen {freeze}{why}",
                when.shown(ends)
            ))
            .hint(format!("ask for {latest} or less"))
            .limit(LIMIT, ttl, latest));
        }
        ledger.passed(LIMIT, format!("until {}", when.shown(ends)), format!("not in {freeze}"));
    }
    Ok(())
}

impl When {
    /// Until when the windows are open without a break, if `now` is in one: at least to `enough`, or as far as it
    /// goes. Not later than `now`: they are closed.
    fn open_until(&self, now: Timestamp, enough: Timestamp) -> Timestamp {
        let mut open = now;
        for _ in 0..MOST_STEPS {
            let date = open.to_zoned(self.zone.rules.clone()).date();
            // A window that began yesterday may end today.
            let dates = [date.yesterday().ok(), Some(date)];
            let further = dates
                .into_iter()
                .flatten()
                .flat_map(|date| self.windows.iter().filter_map(move |window| window.on(date, &self.zone)))
                .filter(|(begins, ends)| *begins <= open && open < *ends)
                .map(|(_, ends)| ends)
                .max();
            match further {
                Some(ends) if open < enough => open = ends,
                _ => break,
            }
        }
        open
    }

    /// `fri 2026-11-20 16:59:30`, in the zone of the limits.
    fn shown(&self, at: Timestamp) -> String {
        let at: Zoned = at.to_zoned(self.zone.rules.clone());
        format!("{} {}", days::name(at.weekday()), at.strftime("%F %T %Z"))
    }
}

/// From one time to a later one, rounded down, so that what is told fits.
fn whole_seconds(from: Timestamp, to: Timestamp) -> Span {
    Span::from_secs(u64::try_from(to.duration_since(from).as_secs()).unwrap_or(0))
}
