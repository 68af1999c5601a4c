//! Pressure stall information.

/// `some avg10` in percent, of `some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459`
/// (Documentation/accounting/psi.rst).
pub(super) fn some_avg10(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let value: f64 = line.split_whitespace().find_map(|field| field.strip_prefix("avg10="))?.parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::some_avg10;

    #[test]
    fn of_some_and_not_of_full() {
        let text = "some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459\nfull avg10=9.00 avg60=0 avg300=0 total=5\n";
        assert_eq!(some_avg10(text), Some(0.22));
        for wrong in ["", "full avg10=1.0 total=1\n", "some avg60=1\n", "some avg10=x\n", "some avg10=NaN\n"]
        {
            assert_eq!(some_avg10(wrong), None, "{wrong:?}");
        }
    }
}
