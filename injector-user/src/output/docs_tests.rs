//! docs/prometheus and docs/grafana.json against the page.

use std::{collections::BTreeSet, path::Path, process::Command};

use super::{metrics::render, metrics_tests::input};

fn doc(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All words that begin as our metrics do. Those with a colon are recorded by rules.
fn names(text: &str) -> BTreeSet<String> {
    let word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let words = text.split(|letter| !word(letter)).map(|word| word.trim_end_matches(':'));
    let ours =
        |word: &&str| ["injector_", "injector:", "process_"].iter().any(|begin| word.starts_with(begin));
    words.filter(ours).map(str::to_owned).collect()
}

/// What there is to ask for: on the page, or recorded.
fn there() -> BTreeSet<String> {
    let page = render(&input()).unwrap();
    let mut there: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned))
        .collect();
    let rules = doc("prometheus/rules.yaml");
    there.extend(rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ").map(str::to_owned)));
    there
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_there_are() {
    let there = there();
    for name in ["prometheus/rules.yaml", "grafana.json"] {
        let asked = names(&doc(name));
        assert!(asked.len() > 8, "{name}: {asked:?}");
        let missing: Vec<_> = asked.difference(&there).collect();
        assert!(missing.is_empty(), "{name} asks for {missing:?}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let dashboard: serde_json::Value = serde_json::from_str(&doc("grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "twice: {}", panel["id"]);
        let targets = panel["targets"].as_array().unwrap();
        assert!(targets.iter().all(|target| target["expr"].is_string()), "{panel}");
    }
}

#[test]
fn promtool_finds_the_rules_right() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/prometheus/rules.yaml");
    let out = match Command::new("promtool").args(["check", "rules"]).arg(rules).output() {
        Ok(out) => out,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("SKIP promtool_finds_the_rules_right: promtool is not installed (package prometheus)");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success() && said.contains("SUCCESS: 11 rules"), "{said}");
}
