//! A place, as it is filled by readers.

use crate::api::types::{CounterDoc, GaugeDoc, MissingDoc, PlaceDoc, PlaceKind, Unit};

impl GaugeDoc {
    /// `used` of `limit`.
    pub fn new(what: &str, used: u64, limit: Option<u64>, unit: Unit) -> Self {
        let percent = limit.filter(|limit| *limit > 0).map(|limit| percent(used as f64, limit as f64));
        Self { what: what.to_owned(), of: None, used, limit, percent, unit }
    }

    /// The same, of one among several.
    pub fn of(self, of: impl Into<String>) -> Self {
        Self { of: Some(of.into()), ..self }
    }
}

/// A tenth of a percent is what is shown.
pub fn percent(part: f64, whole: f64) -> f64 {
    (part / whole * 1000.0).round() / 10.0
}

impl PlaceDoc {
    /// A place of which nothing is known yet.
    pub fn new(kind: PlaceKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            cgroup: None,
            netns: None,
            members: Vec::new(),
            gauges: Vec::new(),
            counters: Vec::new(),
            pressures: Vec::new(),
            lags: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Adds what is in use.
    pub fn gauge(&mut self, what: &str, used: u64, limit: Option<u64>, unit: Unit) {
        self.gauges.push(GaugeDoc::new(what, used, limit, unit));
    }

    /// Adds what the kernel counts: what is just traffic.
    pub fn traffic(&mut self, what: &str, total: u64) {
        self.count(what, None, total, false);
    }

    /// Adds what the kernel counts: what was turned away, lost or held up.
    pub fn overflow(&mut self, what: &str, of: Option<&str>, total: u64) {
        self.count(what, of, total, true);
    }

    fn count(&mut self, what: &str, of: Option<&str>, total: u64, overflow: bool) {
        let of = of.map(str::to_owned);
        self.counters.push(CounterDoc { what: what.to_owned(), of, total, per_second: None, overflow });
    }

    /// Says what cannot be told, and why.
    pub fn lacks(&mut self, what: &str, why: impl Into<String>) {
        self.missing.push(MissingDoc { what: what.to_owned(), why: why.into() });
    }

    /// Whether both are the same place, at two times.
    pub fn is(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.cgroup, self.netns)
            == (other.kind, &other.name, &other.cgroup, other.netns)
    }

    /// The total of a counter.
    pub(super) fn total(&self, what: &str) -> Option<u64> {
        self.counters.iter().find(|counter| counter.what == what).map(|counter| counter.total)
    }
}

/// `the node`, `/app`, `/app to 10.0.0.5:5432`, `/app on *:80`.
pub fn place_words(place: &PlaceDoc) -> String {
    let cgroup = place.cgroup.as_deref().unwrap_or("?");
    match place.kind {
        PlaceKind::Node => "the node".to_owned(),
        PlaceKind::Cgroup | PlaceKind::Namespace => place.name.clone(),
        PlaceKind::Listener => format!("{cgroup} on {}", place.name),
        PlaceKind::Dependency if place.name.starts_with('*') => format!("{cgroup} from {}", place.name),
        PlaceKind::Dependency => format!("{cgroup} to {}", place.name),
    }
}
