//! Pressure stall information (Documentation/accounting/psi.rst).

use crate::api::types::PressureDoc;

/// The three files, by what they are about.
pub(super) const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];

/// `some avg10=0.12 avg60=0.03 avg300=0.01 total=5822`, and a line `full`, which the host's `cpu` has not always.
pub(super) fn parse(what: &str, text: &str) -> Option<PressureDoc> {
    let (some_avg10, some_total_us) = line(text, "some ")?;
    let full = line(text, "full ");
    Some(PressureDoc {
        what: what.to_owned(),
        some_percent: None,
        full_percent: None,
        some_avg10,
        full_avg10: full.map(|(average, _)| average),
        some_total_us,
        full_total_us: full.map(|(_, total)| total),
    })
}

fn line(text: &str, begins: &str) -> Option<(f64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix(begins))?;
    let of = |key: &str| line.split_ascii_whitespace().find_map(|word| word.strip_prefix(key));
    Some((of("avg10=")?.parse().ok()?, of("total=")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lines_are_read_and_one_may_be_missing() {
        let some = "some avg10=1.50 avg60=0.40 avg300=0.10 total=123456\n";
        let both = format!("{some}full avg10=0.25 avg60=0.00 avg300=0.00 total=99\n");
        let found = parse("io", &both).unwrap();
        assert_eq!((found.some_avg10, found.some_total_us), (1.5, 123_456));
        assert_eq!((found.full_avg10, found.full_total_us), (Some(0.25), Some(99)));
        assert_eq!(parse("cpu", some).unwrap().full_total_us, None, "not 0");
        assert_eq!(parse("cpu", "some avg10=1.5\n"), None);
        assert_eq!(parse("cpu", ""), None);
    }
}
