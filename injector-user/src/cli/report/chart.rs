//! Drawings as SVG: lines over two axes.

use std::fmt::Write as _;

use super::html::escaped;
use crate::{
    api::types::{BucketsDoc, DistributionsDoc, ReportDoc},
    cli::text::{count, micros},
};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
/// Room for the labels: left, right, above, below.
const ROOM: [f64; 4] = [64.0, 12.0, 28.0, 34.0];
/// Colours that most people tell apart; the dashes are for the others, and for paper.
const STYLES: [(&str, &str); 3] = [("#0072b2", "none"), ("#d55e00", "7 3"), ("#009e73", "2 3")];

/// Some lines.
pub(super) struct Chart {
    /// What is shown.
    pub(super) title: String,
    /// Name and points of each line, both axes 0 to 1.
    lines: Vec<(&'static str, Vec<(f64, f64)>)>,
    /// Where marks stand on an axis, 0 to 1, and what they say.
    across: Vec<(f64, String)>,
    up: Vec<(f64, String)>,
}

/// The share of the round trips that took no longer, by latency on a scale of powers of ten, in the three windows.
pub(super) fn distributions(title: &str, of: &DistributionsDoc) -> Chart {
    let all = [("before", &of.before), ("during", &of.during), ("after", &of.after)];
    let seen =
        || all.iter().flat_map(|(_, buckets)| buckets.iter().map(|(us, _)| f64::from((*us).max(1)).log10()));
    let (low, high) =
        (seen().fold(f64::INFINITY, f64::min).floor(), seen().fold(0.0, f64::max).floor() + 1.0);
    let low = if low.is_finite() { low } else { 0.0 };
    let x = |us: u32| (f64::from(us.max(1)).log10() - low) / (high - low);
    let line = |buckets: &BucketsDoc| {
        let total: u64 = buckets.iter().map(|(_, n)| n).sum();
        let (mut sum, mut points) = (0, Vec::new());
        for (us, n) in buckets {
            points.push((x(*us), sum as f64 / total as f64));
            sum += n;
            points.push((x(*us), sum as f64 / total as f64));
        }
        points
    };
    let decades = (low as u32)..=(high as u32);
    let mark = |decade: u32| {
        let us = 10_u64.saturating_pow(decade);
        ((f64::from(decade) - low) / (high - low), micros(Some(us)))
    };
    Chart {
        title: format!("{title}: the share that took no longer"),
        lines: all.iter().filter(|(_, b)| !b.is_empty()).map(|(name, b)| (*name, line(b))).collect(),
        across: decades.map(mark).collect(),
        up: [0, 25, 50, 75, 100].map(|share| (f64::from(share) / 100.0, format!("{share} %"))).to_vec(),
    }
}

/// What matched and what was acted on, a second.
pub(super) fn timeline(report: &ReportDoc) -> Chart {
    let points = &report.timeline;
    let end = points.last().map_or(1, |point| point.at_ms).max(1) as f64;
    let rates = |number: fn(&crate::api::types::PointDoc) -> u64| -> Vec<(f64, f64)> {
        let rate = |two: &[crate::api::types::PointDoc]| {
            let ms = two[1].at_ms.saturating_sub(two[0].at_ms).max(1) as f64;
            let number = number(&two[1]).saturating_sub(number(&two[0]));
            (two[1].at_ms as f64 / end, number as f64 / ms * 1e3)
        };
        points.windows(2).map(rate).collect()
    };
    let (matched, acted) = (rates(|point| point.matched), rates(|point| point.acted));
    let most = matched.iter().chain(&acted).map(|point| point.1).fold(1.0, f64::max);
    let scaled = |line: Vec<(f64, f64)>| line.into_iter().map(|(x, y)| (x, y / most)).collect();
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0];
    Chart {
        title: "Matched and acted on in a second".to_owned(),
        lines: vec![("matched", scaled(matched)), ("acted", scaled(acted))],
        across: quarters.map(|share| (share, format!("{:.1} s", share * end / 1e3))).to_vec(),
        up: quarters.map(|share| (share, count((share * most).round() as u64))).to_vec(),
    }
}

impl Chart {
    /// The drawing.
    pub(super) fn svg(&self) -> String {
        let [left, right, above, below] = ROOM;
        let x = |share: f64| left + share * (WIDTH - left - right);
        let y = |share: f64| HEIGHT - below - share * (HEIGHT - above - below);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            escaped(&self.title)
        );
        let mut add = |line: std::fmt::Arguments<'_>| {
            // A String takes everything.
            _ = writeln!(svg, "{line}");
        };
        let (x0, x1, y0, y1) = (x(0.0), x(1.0), y(0.0), y(1.0));
        for (share, text) in &self.up {
            let y = y(*share);
            add(format_args!("<path d=\"M{x0:.1} {y:.1}H{x1:.1}\" stroke=\"#ddd\"/>"));
            add(format_args!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                x0 - 6.0,
                y + 4.0,
                escaped(text)
            ));
        }
        for (share, text) in &self.across {
            let x = x(*share);
            add(format_args!("<path d=\"M{x:.1} {y0:.1}V{y1:.1}\" stroke=\"#ddd\"/>"));
            let anchor = if *share > 0.95 { "end" } else { "middle" };
            add(format_args!(
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                y0 + 18.0,
                escaped(text)
            ));
        }
        if self.lines.iter().all(|(_, points)| points.is_empty()) {
            add(format_args!("<text x=\"{:.1}\" y=\"{:.1}\">nothing was seen</text>", x0 + 12.0, y1 + 20.0));
        }
        for (at, ((name, points), (colour, dash))) in self.lines.iter().zip(STYLES).enumerate() {
            let style = format!("stroke=\"{colour}\" stroke-dasharray=\"{dash}\" stroke-width=\"2\"");
            let points: Vec<String> =
                points.iter().map(|(px, py)| format!("{:.1},{:.1}", x(*px), y(*py))).collect();
            add(format_args!("<polyline fill=\"none\" {style} points=\"{}\"/>", points.join(" ")));
            let legend = x0 + 110.0 * at as f64;
            add(format_args!("<path d=\"M{legend:.1} 12H{:.1}\" {style}/>", legend + 28.0));
            add(format_args!("<text x=\"{:.1}\" y=\"16\">{}</text>", legend + 34.0, escaped(name)));
        }
        svg + "</svg>\n"
    }
}
