//! A line in SVG.

use super::escape::Escaped;

const WIDTH: usize = 120;
const HEIGHT: f64 = 20.0;

/// The last looks, the newest at the right; `what` says it in words.
pub(super) fn line(values: &[u64], what: &str) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH as f64 / 59.0;
    let first = WIDTH as f64 - step * values.len().saturating_sub(1) as f64;
    let point = |(at, value): (usize, &u64)| {
        format!("{:.1},{:.1}", first + step * at as f64, 1.0 + HEIGHT * (1.0 - *value as f64 / most))
    };
    let points: Vec<_> = values.iter().enumerate().map(point).collect();
    format!(
        "<svg viewBox=\"0 0 {WIDTH} 22\" width=\"{WIDTH}\" height=\"22\" role=\"img\" aria-label=\"{what}\"><title>{what}</title>\
         <polyline points=\"{}\"/></svg>",
        points.join(" "),
        what = Escaped(what)
    )
}
