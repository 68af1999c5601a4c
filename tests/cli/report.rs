//! `injector report` and `injector status --cost` before a fake daemon.

use serde_json::{Value, json};

use super::{
    ending,
    fake::{Fake, Then, fault},
    injector,
};

fn answer(request: &str) -> (u16, Value) {
    if request.starts_with("GET /v1/cost ") {
        let own = json!({
            "cpu_seconds": 1.0, "up_seconds": 100.0, "rss_bytes": 9_000_000, "maps_bytes": 5_000, "maps": 2,
            "programs_bytes": 4_096, "programs": 1, "missed": 0, "clock_backwards": 0,
        });
        let programs = json!([{"name": "inj_egress", "runs": 5, "ns_per_run": 80.5}]);
        let cost = json!({
            "schema": "injector.cost/1", "node": "web-14", "own": own, "measured_ms": 1000,
            "programs": programs, "programs_cpu_percent": 0.5,
        });
        return (200, cost);
    }
    assert!(request.starts_with("GET /v1/faults/drop-7k3/report "), "{request}");
    let none = json!({"before": [], "during": [], "after": []});
    let report = json!({
        "schema": "injector.report/1", "node": "web-14", "at": "2026-01-01T14:05:00Z", "kernel": "6.12.0",
        "fault": fault(213, Some("expired")), "target": none, "control": none, "timeline": [],
    });
    (200, report)
}

#[test]
fn a_report_goes_to_stdout_or_into_a_file_in_three_formats() {
    let fake = Fake::start(Vec::new(), Then::End, answer);
    let run = |words: &[&str]| {
        let output = injector(&[&["report", "drop-7k3", "--socket", fake.socket.as_str()], words].concat());
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (ending(&output), text)
    };
    let done = (0, String::new());
    let (end, markdown) = run(&[]);
    assert_eq!(end, done);
    assert!(markdown.starts_with("# drop-7k3 on web-14\n\n5 % egress loss, nginx.service\n"), "{markdown}");
    assert!(
        markdown.contains("\n## How it ended, and what is left\n\n    drop-7k3 ENDED: its time was over.")
    );
    let (end, json) = run(&["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((end, json["schema"].as_str()), (done.clone(), Some("injector.report/1")));
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html").display().to_string();
    assert_eq!(run(&["--format", "html", "--output", &file]), (done, String::new()));
    let html = std::fs::read_to_string(&file).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.trim_end().ends_with("</html>"), "{html}");
    let ((code, said), _) = run(&["--output", "/nowhere/report.md"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("/nowhere/report.md can't be written") && said.contains("hint:"), "{said}");
}

#[test]
fn the_cost_is_shown_per_program() {
    let fake = Fake::start(Vec::new(), Then::End, answer);
    let output = injector(&["status", "--cost", "--socket", &fake.socket]);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(ending(&output), (0, String::new()), "{text}");
    assert!(text.starts_with("own cost: 1.0 % of a processor since the start, 9.0 MB resident"), "{text}");
    assert!(text.contains("\ninj_egress     5    80.5\n"), "{text}");
}
