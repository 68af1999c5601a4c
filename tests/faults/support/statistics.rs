//! How far two samples are apart.

/// The two-sample Kolmogorov-Smirnov distance, 0..=1: the largest difference of the two empirical distribution functions,
/// where `a` may be up to `later` above `b`, as what goes a longer way is, and never below.
pub fn ks_distance(a: &[u64], b: &[u64], later: u64) -> f64 {
    let sorted = |values: &[u64], more: u64| {
        let mut values: Vec<u64> = values.iter().map(|value| value + more).collect();
        values.sort_unstable();
        values
    };
    let (a, early, late) = (sorted(a, 0), sorted(b, 0), sorted(b, later));
    let share =
        |sorted: &[u64], at: u64| sorted.partition_point(|value| *value <= at) as f64 / sorted.len() as f64;
    let apart = |at: &u64| {
        let ours = share(&a, *at);
        (ours - share(&early, *at)).max(share(&late, *at) - ours)
    };
    a.iter().chain(&early).chain(&late).map(apart).fold(0.0, f64::max)
}

/// The lengths of the runs of numbers below `n` that are not among the `seen`.
pub fn lost_runs(n: u64, seen: impl Fn(u64) -> bool) -> Vec<u64> {
    let mut runs = Vec::new();
    let mut run = 0;
    for number in 0..n {
        if !seen(number) {
            run += 1;
        } else if run > 0 {
            runs.push(std::mem::take(&mut run));
        }
    }
    runs.extend((run > 0).then_some(run));
    runs
}

pub fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len() as f64
}

#[test]
fn distances_of_known_samples() {
    assert_eq!(ks_distance(&[1, 2, 3, 4], &[4, 3, 2, 1], 0), 0.0);
    assert_eq!(ks_distance(&[1, 2], &[3, 4], 0), 1.0);
    // At 2 three quarters of the first are done, and one of the four of the second.
    assert_eq!(ks_distance(&[1, 2, 2, 9], &[1, 3, 4, 9], 0), 0.5);
    assert_eq!(ks_distance(&[1, 3], &[1, 2, 3, 4], 0), 0.25);
    assert_eq!(ks_distance(&[5, 5, 5], &[5], 0), 0.0);
    // Later by 1 or 2 is what was allowed, by 3 is not, and earlier never is.
    assert_eq!(ks_distance(&[2, 4], &[1, 2], 2), 0.0);
    assert_eq!(ks_distance(&[2, 5], &[1, 2], 2), 0.5);
    assert_eq!(ks_distance(&[1, 2], &[2, 4], 2), 0.5);
}

#[test]
fn runs_of_what_is_lost() {
    let lost = [0, 3, 4, 9];
    assert_eq!(lost_runs(10, |number| !lost.contains(&number)), [1, 2, 1]);
    assert_eq!(lost_runs(3, |_| true), [0_u64; 0]);
}
