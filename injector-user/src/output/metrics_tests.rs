use std::{
    collections::BTreeMap,
    io::{ErrorKind, Write as _},
    process::{Command, Stdio},
};

use super::{metrics::*, shown::Series};
use crate::{
    api::types::{DependencyDoc, LostDoc, OwnDoc, OwnerDoc, ReactionDoc, State},
    output::{
        samples::{dependency, fault},
        shown::Shown,
    },
};

fn series(dependencies: &[DependencyDoc]) -> Vec<Series> {
    Shown::default().take(std::time::Instant::now(), dependencies)
}

pub(super) fn input() -> MetricsInput {
    let mut over = fault("delay-2");
    over.state = State::Ended;
    let dependencies: Vec<_> = (0..60).map(|i| dependency(&format!("10.0.0.{i}:5432"), 1000 - i)).collect();
    let mut armed = fault("drop-1");
    armed.reaction = Some(ReactionDoc { livelocks: 2, retried: 12, ..ReactionDoc::default() });
    armed.achieved.passed_gate.livelock = 7;
    MetricsInput {
        node: "web-14".to_owned(),
        kernel: "6.12".to_owned(),
        faults: vec![armed, over],
        ended: BTreeMap::from([("budget", 3)]),
        halted: true,
        limits: ("00ff".to_owned(), "shadow".to_owned()),
        disarmed: false,
        dependencies: series(&dependencies),
        owners: vec![OwnerDoc {
            cgroup: "/app".to_owned(),
            unit: Some("app.service".to_owned()),
            ..OwnerDoc::default()
        }],
        lost: LostDoc { flows_refused: 4, ..Default::default() },
        own: OwnDoc { cpu_seconds: 1.5, maps_bytes: 8_192, missed: 3, ..OwnDoc::default() },
        saturation: Some(crate::output::samples::saturation()),
    }
}

fn has(page: &str, line: &str) {
    assert!(page.lines().any(|l| l == line), "no line `{line}` in\n{page}");
}

#[test]
fn the_page_says_what_the_documents_say() {
    let page = render(&input()).unwrap();
    for line in [
        r#"injector_fault_armed{id="drop-1",kind="drop"} 1"#,
        r#"injector_fault_armed{id="delay-2",kind="drop"} 0"#,
        r#"injector_fault_reactions_total{id="drop-1",kind="drop",reaction="retried"} 12"#,
        r#"injector_fault_livelocks_total{id="drop-1",kind="drop"} 2"#,
        r#"injector_fault_passed_total{id="drop-1",kind="drop",reason="livelock"} 7"#,
        r#"injector_fault_left_seconds{id="drop-1",kind="drop"} 12.5"#,
        r#"injector_fault_matched_total{id="drop-1",kind="drop"} 1000"#,
        r#"injector_fault_acted_wire_packets_total{id="drop-1",kind="drop"} 60"#,
        r#"injector_fault_passed_total{id="drop-1",kind="drop",reason="chance"} 949"#,
        r#"injector_fault_rtt_seconds{group="target",id="drop-1",kind="drop",q="0.99"} 0.009"#,
        r#"injector_fault_matched_bytes_total{id="drop-1",kind="drop"} 90000"#,
        r#"injector_fault_failed_total{id="drop-1",kind="drop"} 2"#,
        r#"injector_fault_asked_ratio{id="drop-1",kind="drop"} 0.05"#,
        r#"injector_fault_rate_off{id="drop-1",kind="drop"} 0"#,
        r#"injector_fault_nothing_matched{id="drop-1",kind="drop"} 0"#,
        r#"injector_fault_asked_delay_seconds{id="drop-1",kind="drop",q="0.99"} 0.08"#,
        r#"injector_fault_delay_seconds{id="drop-1",kind="drop",q="0.5"} 0.08007"#,
        r#"injector_fault_delay_samples_total{id="drop-1",kind="drop"} 51"#,
        r#"injector_halted 1"#,
        r#"injector_disarmed 0"#,
        r#"injector_faults_ended_total{reason="budget"} 3"#,
        r#"injector_faults_ended_total{reason="expired"} 0"#,
        r#"injector_lost_total{what="flows_refused"} 4"#,
        r#"# TYPE injector_fault_acted_total counter"#,
        r#"process_cpu_seconds_total 1.5"#,
        r#"injector_maps_memory_bytes 8192"#,
        r#"injector_programs_missed_total 3"#,
        r#"injector_cgroup_info{cgroup="/app",container="",container_id="",namespace="",pod="",unit="app.service"} 1"#,
    ] {
        has(&page, line);
    }
    assert!(page.contains(r#"injector_daemon_build_info{kernel="6.12",node="web-14""#));
    assert!(!page.contains(r#"injector_fault_delay_seconds{id="drop-1",kind="drop",q="0.99"}"#), "too few");
    assert!(!page.contains(r#"group="control",id="drop-1",kind="drop",q="#), "no samples, no quantile");
}

#[test]
fn dependencies_are_bounded() {
    let page = render(&input()).unwrap();
    let series = page.lines().filter(|l| l.starts_with("injector_dependency_transmit_bytes_total{")).count();
    assert_eq!(series, 51);
    let of = |service: &str| format!(r#"{{cgroup="/app",protocol="tcp",service="{service}",side="out"}}"#);
    has(&page, &format!("injector_dependency_transmit_bytes_total{} 1000", of("10.0.0.0:5432")));
    let other = r#"{cgroup="other",protocol="other",service="other",side="other"}"#;
    has(&page, &format!("injector_dependency_transmit_bytes_total{other} {}", (941..=950).sum::<u64>()));
    has(&page, &format!("injector_dependency_open_flows{other} 10"));
    has(&page, &format!("injector_dependency_transmit_packets_total{other} {}", 10 * 7));
    has(&page, &format!("injector_dependency_receive_packets_total{other} {}", 10 * 6));
    has(&page, &format!("injector_dependency_flows_total{other} {}", 10 * (1 + 2)));
    has(
        &page,
        r#"injector_dependency_rtt_seconds{cgroup="/app",protocol="tcp",q="0.9",service="10.0.0.0:5432",side="out"} 0.00025"#,
    );
    has(
        &page,
        r#"injector_dependency_rtt_seconds{cgroup="/app",protocol="tcp",q="0.999",service="10.0.0.0:5432",side="out"} 0.0009"#,
    );
}

#[test]
fn two_dependencies_of_one_name_are_added() {
    let mut input = input();
    input.dependencies = series(&[dependency("10.0.0.1:80", 5), dependency("10.0.0.1:80", 7)]);
    let page = render(&input).unwrap();
    assert!(page.contains(r#"injector_dependency_transmit_bytes_total{cgroup="/app",protocol="tcp",service="10.0.0.1:80",side="out"} 12"#));
}

#[test]
fn an_idle_daemon_has_a_page_too() {
    let mut idle = input();
    (idle.faults, idle.dependencies) = (vec![], vec![]);
    assert!(render(&idle).unwrap().contains("injector_halted 1"));
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    let mut child = match Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
    {
        Ok(child) => child,
        Err(e) if e.kind() == ErrorKind::NotFound => {
            println!(
                "SKIP promtool_finds_nothing_to_complain_of: promtool is not installed (package prometheus)"
            );
            return;
        }
        Err(e) => panic!("{e}"),
    };
    child.stdin.take().unwrap().write_all(render(&input()).unwrap().as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    assert!(out.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn how_full_things_are_is_bounded_and_the_fullest_is_never_hidden() {
    let page = render(&input()).unwrap();
    let app = |what: &str| format!(r#"{{cgroup="",kind="cgroup",name="/app",of="",what="{what}"}}"#);
    has(&page, &format!("injector_saturation_used{} 750", app("memory")));
    has(&page, &format!("injector_saturation_limit{} 1000", app("memory")));
    has(&page, &format!("injector_saturation_ratio{} 0.75", app("memory")));
    has(&page, &format!("injector_saturation_ratio{} 0.8", app("fds")));
    has(&page, &format!("injector_saturation_used{} 7", app("pids")));
    assert!(!page.contains(&format!("injector_saturation_limit{}", app("pids"))), "it has none");
    has(&page, &format!("injector_saturation_events_total{} 12", app("throttled_periods")));
    has(
        &page,
        r#"injector_saturation_pressure_seconds_total{cgroup="",kind="cgroup",name="/app",of="some",what="cpu"} 2.5"#,
    );
    let series =
        page.lines().filter(|l| l.starts_with(r#"injector_saturation_ratio{"#) && l.contains("dependency"));
    assert_eq!(series.count(), 51);
    has(
        &page,
        r#"injector_saturation_ratio{cgroup="other",kind="dependency",name="other",of="",what="receive_buffer"} 0.59"#,
    );
}
