//! Measured latencies, for their shape.

use super::Span;
use crate::error::Error;
use std::str::FromStr;
use std::sync::Arc;

/// Fewer have no shape; more do not change it.
const SAMPLES: std::ops::RangeInclusive<usize> = 10..=10_000;

/// 10 to 10,000 measured latencies in microseconds, in ascending order, not all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyTable(Arc<[u32]>);

impl LatencyTable {
    /// Of latencies in any order.
    ///
    /// # Errors
    /// Usage: too few or too many, one longer than 71 minutes, or all the same.
    pub fn new(spans: impl IntoIterator<Item = Span>) -> Result<Self, Error> {
        let most = *SAMPLES.end();
        let long = |span: Span| {
            Error::usage(format!("a measured latency of {span} is too long")).hint("at most 1h11m")
        };
        let mut micros = spans
            .into_iter()
            .take(most + 1)
            .map(|span| u32::try_from(span.as_micros()).map_err(|_| long(span)))
            .collect::<Result<Vec<u32>, Error>>()?;
        if !SAMPLES.contains(&micros.len()) {
            let many =
                if micros.len() > most { format!("more than {most}") } else { micros.len().to_string() };
            return Err(Error::usage(format!("{many} measured latencies"))
                .hint(format!("give {} to {most}: fewer have no shape", SAMPLES.start())));
        }
        micros.sort_unstable();
        if micros.first() == micros.last() {
            return Err(
                Error::usage("all measured latencies are the same").hint("that is a delay without jitter")
            );
        }
        Ok(LatencyTable(micros.into()))
    }

    /// In microseconds, in ascending order.
    pub fn micros(&self) -> &[u32] {
        &self.0
    }

    /// Their mean, rounded to microseconds.
    pub fn mean(&self) -> Span {
        Span::from_micros(self.exact_mean().round() as u64)
    }

    /// Their standard deviation (of these, not of what they are a sample of), rounded to microseconds, at least 1.
    pub fn deviation(&self) -> Span {
        let mean = self.exact_mean();
        let squares: f64 = self.0.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum();
        Span::from_micros(((squares / self.0.len() as f64).sqrt().round() as u64).max(1))
    }

    /// At most so many of them, of the same shape: these quantiles.
    ///
    /// # Errors
    /// Usage: they are all the same, or too few.
    pub fn quantiles(self, most: usize) -> Result<Self, Error> {
        let all = self.0.len();
        if all <= most {
            return Ok(self);
        }
        let nth = |n: usize| self.0.get((2 * n + 1) * all / (2 * most)).copied().unwrap_or_default();
        LatencyTable::new((0..most).map(|n| Span::from_micros(u64::from(nth(n)))))
    }

    fn exact_mean(&self) -> f64 {
        self.0.iter().map(|sample| f64::from(*sample)).sum::<f64>() / self.0.len() as f64
    }

    /// The samples as durations, as they are written.
    pub fn spans(&self) -> impl Iterator<Item = Span> {
        self.0.iter().map(|micros| Span::from_micros(u64::from(*micros)))
    }
}

/// One latency a line, with its unit; empty lines and what follows a `#` are left out.
impl FromStr for LatencyTable {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut spans = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let span = line.parse::<Span>();
            spans.push(span.map_err(|error| Error {
                message: format!("line {}: {}", index + 1, error.message),
                ..error
            })?);
        }
        LatencyTable::new(spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_the_samples() {
        let text = "# ten\n1ms\n1ms\n1ms\n1ms\n1ms\n\n3ms # slow\n3ms\n3ms\n3ms\n3000us\n";
        let table: LatencyTable = text.parse().unwrap();
        assert_eq!((table.mean(), table.deviation()), (Span::from_millis(2), Span::from_millis(1)));
        assert_eq!((table.micros()[0], table.micros()[9], table.micros().len()), (1_000, 3_000, 10));
    }

    #[test]
    fn quantiles_keep_the_shape() {
        let table = LatencyTable::new((1..=5_000).map(Span::from_micros)).unwrap();
        let few = table.clone().quantiles(100).unwrap();
        assert_eq!(few.micros()[..3], [26, 76, 126]);
        assert_eq!((few.micros().len(), few.micros()[99]), (100, 4_976));
        assert_eq!(table.clone().quantiles(5_000).unwrap(), table);
    }

    #[test]
    fn says_what_is_wrong() {
        let same = "5ms\n".repeat(10);
        let many = "5ms\n6ms\n".repeat(5_001);
        for (text, says) in [
            ("1ms\n2ms\n", "2 measured latencies (give 10 to 10000: fewer have no shape)"),
            ("1ms\n2\n", "line 2: `2` has no unit (write 2us, 2ms, 2s, 2m or 2h)"),
            (&same, "all measured latencies are the same (that is a delay without jitter)"),
            (&many, "more than 10000 measured latencies (give 10 to 10000: fewer have no shape)"),
            (&format!("{same}2h\n"), "a measured latency of 2h is too long (at most 1h11m)"),
        ] {
            assert_eq!(text.parse::<LatencyTable>().unwrap_err().to_string(), says);
        }
    }
}
