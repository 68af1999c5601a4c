//! The tables against figures of others.

use super::*;

/// What share of the entries is at most `value`.
fn at_most(entries: &[i16], value: i16) -> f64 {
    entries.iter().filter(|entry| **entry <= value).count() as f64 / entries.len() as f64
}

/// Quantiles looked up in the files that Debian 12's iproute2 6.1 ships (normal.dist, pareto.dist, paretonormal.dist):
/// the shares 0.01, 0.1, 0.25, 0.5, 0.75, 0.9 and 0.95 of their sorted entries.
#[test]
fn tables_are_those_of_iproute2() {
    let known = [
        (Table::Normal, [-19_121, -10_504, -5_525, 0, 5_526, 10_495, 13_473]),
        (Table::Pareto, [-5_426, -5_072, -4_362, -2_622, 955, 7_141, 13_255]),
        (Table::Paretonormal, [-8_849, -6_430, -4_652, -1_966, 2_097, 7_979, 13_309]),
    ];
    for (table, quantiles) in known {
        let entries = table.entries();
        assert_eq!(entries.len(), 4096);
        assert!(entries.is_sorted());
        for (share, value) in [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95].into_iter().zip(quantiles) {
            let got = at_most(&entries, value);
            assert!((got - share).abs() < 0.001, "{table:?}: {value} is the quantile {share}, here {got}");
        }
    }
}

#[test]
fn the_normal_table_is_symmetric_and_has_deviation_one() {
    let entries = Table::Normal.entries();
    assert!(entries.iter().zip(entries.iter().rev()).all(|(low, high)| *low == -*high));
    let variance = entries.iter().map(|entry| f64::from(*entry).powi(2)).sum::<f64>() / 4096.0;
    assert!((variance.sqrt() / 8192.0 - 1.0).abs() < 0.002, "{}", variance.sqrt());
    // Tables of the normal distribution: 97.5 % are below 1.959964 deviations.
    assert!((below(1.959_964) - 0.975).abs() < 1e-7);
}

/// The delays that netem makes of a table, in microseconds (tabledist, net/sched/sch_netem.c).
fn delays((mean, jitter, table): &(Duration, Duration, Table)) -> Vec<f64> {
    let micros = |span: &Duration| span.as_secs_f64() * 1e6;
    let entries = table.entries();
    entries.iter().map(|entry| micros(mean) + micros(jitter) * f64::from(*entry) / 8192.0).collect()
}

#[test]
fn samples_come_back_out() {
    let measured = Table::measured(&[3000, 1000, 2000, 2000]);
    assert_eq!((measured.0, measured.1), (Duration::from_millis(2), Duration::from_nanos(707_107)));
    let delays = delays(&measured);
    for (share, sample) in [(0, 1000.0), (1023, 1000.0), (1024, 2000.0), (3071, 2000.0), (3072, 3000.0)] {
        assert!((delays[share] - sample).abs() < 1.0, "{share}: {}", delays[share]);
    }
}

#[test]
fn the_latest_sample_is_not_cut() {
    // One in 1,000 is 31 deviations from the mean.
    let mut samples = vec![1000; 999];
    samples.push(1_000_000);
    let measured = Table::measured(&samples);
    assert_eq!(measured.0, Duration::from_micros(1999));
    let delays = delays(&measured);
    assert!((delays[4095] - 1e6).abs() < 100.0, "{}", delays[4095]);
    assert!((delays[0] - 1000.0).abs() < 20.0, "{}", delays[0]);
}

#[test]
fn samples_without_spread_are_a_constant() {
    let (mean, jitter, table) = Table::measured(&[500; 20]);
    assert_eq!((mean, jitter), (Duration::from_micros(500), Duration::ZERO));
    assert!(table.entries().iter().all(|entry| *entry == 0));
    assert_eq!(Table::measured(&[]).0, Duration::ZERO);
    assert_eq!(Table::measured(&[u32::MAX, 0]).0, Duration::from_nanos(2_147_483_647_500));
}
