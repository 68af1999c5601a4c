use std::path::Path;

use super::*;
use crate::{
    api::types::{CleanDoc, DistributionsDoc, EndKind, PointDoc, RecoveryDoc, State},
    output::samples,
    spec::FaultSpec,
};

/// What a name must not be able to do to a report.
const HOSTILE: &str = "</pre><script>alert(1)</script>\"'&]]>`|*_[x](http://x) # \u{1}\n# not a heading";

fn report() -> Doc<ReportDoc> {
    let mut fault = samples::with_windows("drop-7k3");
    fault.state = State::Ended;
    (fault.ended, fault.end) = (Some("2026-01-01T00:00:30Z".to_owned()), Some(EndKind::Expired));
    fault.summary = "5 % egress loss, /app".to_owned();
    let spec = br#"{"kind": "drop", "percent": 5, "targets": ["cgroup:/app"], "for": "30s", "hypothesis": "retries hide it"}"#;
    fault.spec = FaultSpec::from_json(spec).unwrap();
    fault.clean =
        Some(CleanDoc { removed: vec!["egress link".to_owned()], took_ms: 12, ..CleanDoc::default() });
    fault.recovery = Some(RecoveryDoc::Recovered { after_s: 3 });
    let point =
        |second: u64| PointDoc { at_ms: second * 1_000, matched: second * 200, acted: second * second };
    Doc {
        schema: "injector.report/1".to_owned(),
        node: "web-14".to_owned(),
        body: ReportDoc {
            at: "2026-01-01T00:01:40Z".to_owned(),
            kernel: "6.12.0".to_owned(),
            fault,
            target: DistributionsDoc {
                before: vec![(960, 1_500), (1_152, 1_400), (3_840, 100)],
                during: vec![(1_152, 50), (81_920, 200)],
                after: Vec::new(),
            },
            control: DistributionsDoc { during: vec![(960, 9)], ..DistributionsDoc::default() },
            timeline: (0..=30).map(point).collect(),
        },
    }
}

fn hostile() -> Doc<ReportDoc> {
    let mut report = report();
    report.node = HOSTILE.to_owned();
    let fault = &mut report.body.fault;
    for text in [&mut fault.id, &mut fault.summary, &mut fault.by, &mut fault.control_verdict] {
        HOSTILE.clone_into(text);
    }
    fault.notes = vec![HOSTILE.to_owned()];
    fault.end_reason = Some(HOSTILE.to_owned());
    fault.rung = Some(HOSTILE.to_owned());
    (fault.amplification[0].service, fault.amplification[0].cgroup) =
        (HOSTILE.to_owned(), HOSTILE.to_owned());
    report.body.kernel = HOSTILE.to_owned();
    report
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(text == published, "{name} has changed; see it with UPDATE_GOLDEN=1 and git diff:\n{text}");
}

#[test]
fn reports_are_as_published() {
    golden("report.md", &render(&report(), Format::Md).unwrap());
    golden("report.html", &render(&report(), Format::Html).unwrap());
    let json: Doc<ReportDoc> = serde_json::from_str(&render(&report(), Format::Json).unwrap()).unwrap();
    assert_eq!((json.body.timeline.len(), json.body.target), (31, report().body.target));
}

/// The text of all elements with this name.
fn elements(html: &str, name: &str) -> Vec<String> {
    // The parser wants no DOCTYPE.
    let html = html.strip_prefix("<!DOCTYPE html>\n").unwrap();
    let tree = roxmltree::Document::parse(html).unwrap_or_else(|error| panic!("{error}:\n{html}"));
    let found = tree.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/1999/xhtml", name)));
    found
        .map(|node| node.descendants().filter_map(|node| node.text()).next().unwrap_or("").to_owned())
        .collect()
}

#[test]
fn html_is_well_formed_and_needs_nothing_from_elsewhere() {
    for report in [report(), hostile()] {
        let html = render(&report, Format::Html).unwrap();
        assert_eq!(elements(&html, "figure").len(), 3, "{html}");
        let sections = elements(&html, "h2");
        for section in ["Hypothesis", "Steady state", "Asked and achieved", "Whom it touched"] {
            assert!(sections.iter().any(|found| found == section), "{section}: {sections:?}");
        }
        assert_eq!(elements(&html, "script"), [""; 0]);
        let tags = html.matches('<').count();
        assert!(!html.contains("src=") && !html.contains("href=") && !html.contains("url("), "{html}");
        assert_eq!(tags, html.matches('>').count());
    }
}

#[test]
fn hostile_names_are_only_text() {
    let html = render(&hostile(), Format::Html).unwrap();
    let title = elements(&html, "h1").remove(0);
    assert_eq!(title, format!("{HOSTILE} on {HOSTILE}").replace('\u{1}', "\u{fffd}"));
    let markdown = render(&hostile(), Format::Md).unwrap();
    for line in markdown.lines().filter(|line| !line.starts_with("    ")) {
        assert!(!line.contains("<script") && !line.contains(" [x]("), "{line}");
        assert!(!line.starts_with("# not"), "{line}");
    }
    assert_eq!(markdown.lines().filter(|line| line.starts_with("# ")).count(), 1, "{markdown}");
}

#[test]
fn a_fault_that_lives_and_has_seen_nothing_has_a_report_too() {
    let mut report = report();
    report.body.fault = samples::fault("drop-1");
    (report.body.target, report.body.control) = Default::default();
    report.body.timeline.truncate(1);
    let html = render(&report, Format::Html).unwrap();
    assert!(html.contains("nothing was seen") && html.contains("It has not ended"), "{html}");
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
    elements(&html, "p");
}
