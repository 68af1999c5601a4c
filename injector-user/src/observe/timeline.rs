//! What a fault had matched and acted on, second by second, in a bounded number of points.

use crate::api::types::PointDoc;

/// The most points that are kept.
const MOST: usize = 600;
/// The least time between two of them, milliseconds. Looks come once a second, never quite exactly.
const STEP_MS: u64 = 900;

/// See the module.
#[derive(Clone, Debug)]
pub struct Timeline {
    points: Vec<PointDoc>,
    step_ms: u64,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { points: Vec::new(), step_ms: STEP_MS }
    }
}

impl Timeline {
    /// Takes a look. Of looks that come too early for a point of their own nothing is lost: the numbers are sums.
    pub fn look(&mut self, point: PointDoc) {
        if self.points.last().is_some_and(|last| point.at_ms < last.at_ms.saturating_add(self.step_ms)) {
            return;
        }
        if self.points.len() >= MOST {
            // Every second one goes, and from now on only half as many come.
            let mut keep = false;
            self.points.retain(|_| {
                keep = !keep;
                keep
            });
            self.step_ms *= 2;
        }
        self.points.push(point);
    }

    /// The last look of all, at whatever time.
    pub fn end(&mut self, point: PointDoc) {
        if self.points.len() >= MOST {
            self.points.pop();
        }
        self.points.push(point);
    }

    /// Oldest first.
    pub fn points(&self) -> &[PointDoc] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_of_days_has_600_points_from_begin_to_end() {
        let mut timeline = Timeline::default();
        let point = |second: u64| PointDoc { at_ms: second * 1_000, matched: second * 5, acted: second };
        for second in 0..200_000 {
            timeline.look(point(second));
            assert!(timeline.points().len() <= MOST);
        }
        timeline.end(point(200_000));
        let points = timeline.points();
        assert!(points.len() > MOST / 2, "{}", points.len());
        assert_eq!((points[0], points[points.len() - 1]), (point(0), point(200_000)));
        assert!(points.windows(2).all(|two| two[0].at_ms < two[1].at_ms));
    }

    #[test]
    fn looks_that_come_too_early_are_left_out() {
        let mut timeline = Timeline::default();
        for at_ms in [0, 100, 850, 950, 1_900, 2_100] {
            timeline.look(PointDoc { at_ms, ..PointDoc::default() });
        }
        let at: Vec<u64> = timeline.points().iter().map(|point| point.at_ms).collect();
        assert_eq!(at, [0, 950, 1_900]);
    }
}
