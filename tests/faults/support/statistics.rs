//! How far two samples are apart.

/// The two-sample Kolmogorov-Smirnov distance: the largest difference of the two empirical distribution functions,
/// 0..=1.
pub fn ks_distance(a: &[u64], b: &[u64]) -> f64 {
    let sorted = |values: &[u64]| {
        let mut values = values.to_vec();
        values.sort_unstable();
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let share =
        |sorted: &[u64], at: u64| sorted.partition_point(|value| *value <= at) as f64 / sorted.len() as f64;
    a.iter().chain(&b).map(|at| (share(&a, *at) - share(&b, *at)).abs()).fold(0.0, f64::max)
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
    assert_eq!(ks_distance(&[1, 2, 3, 4], &[4, 3, 2, 1]), 0.0);
    assert_eq!(ks_distance(&[1, 2], &[3, 4]), 1.0);
    // At 2 three quarters of the first are done, and one of the four of the second.
    assert_eq!(ks_distance(&[1, 2, 2, 9], &[1, 3, 4, 9]), 0.5);
    assert_eq!(ks_distance(&[1, 3], &[1, 2, 3, 4]), 0.25);
    assert_eq!(ks_distance(&[5, 5, 5], &[5]), 0.0);
}

#[test]
fn runs_of_what_is_lost() {
    let lost = [0, 3, 4, 9];
    assert_eq!(lost_runs(10, |number| !lost.contains(&number)), [1, 2, 1]);
    assert_eq!(lost_runs(3, |_| true), [0_u64; 0]);
}
