//! How long requests to disks took and tasks waited for a CPU, of each cgroup with all below it.

use std::collections::BTreeMap;

use injector_ebpf::lag::Lag;

use super::scope::Scope;
use crate::{
    api::types::PlaceDoc,
    observe::{RawLags, add_lag, lag_doc},
};

/// By cgroup and kind.
pub(super) type Lags = BTreeMap<String, BTreeMap<u32, Lag>>;

/// The programs count for each cgroup alone; here each also has what is below it, as its own files do.
pub(super) fn sums(scope: &Scope) -> Lags {
    let mut all: Lags = scope.places.iter().map(|place| (place.path.clone(), BTreeMap::new())).collect();
    let paths: BTreeMap<u64, &str> =
        scope.places.iter().map(|place| (place.id, place.path.as_str())).collect();
    for (key, lag) in &scope.lags.lags {
        let mut path = paths.get(&key.cgroup).copied();
        while let Some(here) = path {
            if let Some(kinds) = all.get_mut(here) {
                add_lag(kinds.entry(key.kind).or_insert(Lag::ZERO), lag);
            }
            path = here.rsplit_once('/').map(|(above, _)| above).filter(|above| !above.is_empty());
        }
    }
    all
}

/// Adds what is known of a place, and what is not; `before` is an earlier reading's.
pub(super) fn add(place: &mut PlaceDoc, now: &Lags, before: Option<&Lags>, raw: &RawLags) {
    let before = before.and_then(|before| before.get(&place.name));
    let missing = |what: &str| raw.missing.iter().any(|(lacks, _)| *lacks == what);
    for (kind, lag) in now.get(&place.name).into_iter().flatten() {
        if !missing(source(*kind)) {
            place.lags.push(lag_doc(*kind, lag, before.and_then(|before| before.get(kind))));
        }
    }
    for (what, why) in &raw.missing {
        place.lacks(what, why);
    }
}

/// What tells of it.
fn source(kind: u32) -> &'static str {
    match kind {
        injector_ebpf::lag::RUN_QUEUE => crate::observe::CPU,
        _ => crate::observe::BLOCK_IO,
    }
}

#[cfg(test)]
mod tests {
    use injector_ebpf::lag::{IO_READ, LagKey, RUN_QUEUE};

    use super::*;
    use crate::{
        api::types::PlaceKind,
        observe::{BLOCK_IO, CPU, saturation::Place},
    };

    fn scope(lags: &[(u64, u32, u64)]) -> Scope {
        let paths = ["/app", "/app/a", "/app/a/b", "/apple"];
        let place =
            |(id, path): (usize, &str)| Place { path: path.to_owned(), id: id as u64 + 1, pids: vec![] };
        let lag = |(cgroup, kind, n): &(u64, u32, u64)| {
            let mut buckets = Lag::ZERO.buckets;
            buckets[9] = *n;
            (LagKey { cgroup: *cgroup, kind: *kind, pad: 0 }, Lag { samples: *n, ns: 9_000 * n, buckets })
        };
        Scope {
            places: paths.into_iter().enumerate().map(place).collect(),
            lags: RawLags { lags: lags.iter().map(lag).collect(), ..RawLags::default() },
            ..Scope::default()
        }
    }

    fn filled(scope: &Scope, path: &str, before: Option<&Lags>) -> PlaceDoc {
        let mut place = PlaceDoc::new(PlaceKind::Cgroup, path);
        add(&mut place, &sums(scope), before, &scope.lags);
        place
    }

    #[test]
    fn a_cgroup_has_what_is_below_it_and_not_what_has_a_similar_name() {
        let scope = scope(&[
            (1, IO_READ, 1),
            (2, IO_READ, 20),
            (3, IO_READ, 300),
            (4, IO_READ, 4_000),
            (77, IO_READ, 9),
        ]);
        let samples = |path: &str| filled(&scope, path, None).lags[0].samples;
        assert_eq!(["/app", "/app/a", "/app/a/b", "/apple"].map(samples), [321, 320, 300, 4_000]);
    }

    #[test]
    fn the_interval_is_from_the_reading_before() {
        let before = sums(&scope(&[(2, RUN_QUEUE, 30)]));
        let now = scope(&[(2, RUN_QUEUE, 35), (1, RUN_QUEUE, 2)]);
        let place = filled(&now, "/app", Some(&before));
        assert_eq!((place.lags[0].samples, place.lags[0].recent.as_ref().unwrap().samples), (37, 7));
        assert_eq!(filled(&now, "/app", None).lags[0].recent, None);
        assert!(filled(&now, "/apple", Some(&before)).lags.is_empty(), "not observed is not 0");
    }

    #[test]
    fn what_this_kernel_does_not_tell_has_no_number() {
        let mut now = scope(&[(1, IO_READ, 0), (1, RUN_QUEUE, 3)]);
        now.lags.missing = vec![(BLOCK_IO, "no such tracepoint".to_owned())];
        let place = filled(&now, "/app", None);
        assert_eq!((place.lags.len(), place.lags[0].what.as_str()), (1, "run_queue"), "{place:?}");
        assert_eq!(place.missing[0].why, "no such tracepoint");
        now.lags.missing = vec![(CPU, "no".to_owned())];
        assert_eq!(filled(&now, "/app", None).lags[0].what, "io_read");
    }
}
