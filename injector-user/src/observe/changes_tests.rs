use proptest::prelude::*;

use super::*;
use crate::api::types::{KindsLostDoc, LostDoc};

fn flow(remote: u8, bytes: u64) -> FlowDoc {
    serde_json::from_value(serde_json::json!({
        "cgroup": "/app", "protocol": "tcp", "local": "10.0.0.1:4000", "remote": format!("10.0.0.{remote}:80"),
        "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": 1, "retransmits": 0,
        "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0, "sndbuf_used": 0, "sndbuf_limit": 1,
        "sndbuf_peak_percent": 0.5,
    }))
    .unwrap()
}

fn listener(port: u8, queue: u64) -> ListenerDoc {
    ListenerDoc {
        cgroup: "/app".into(),
        local: format!("0.0.0.0:{port}"),
        accept_queue: queue,
        accept_limit: 9,
    }
}

fn owner(cgroup: &str, processes: u64) -> OwnerDoc {
    OwnerDoc { cgroup: cgroup.into(), other_processes: processes, ..OwnerDoc::default() }
}

fn look(flows: &[(u8, u64)], listeners: &[(u8, u64)], refused: u64) -> FlowsDoc {
    FlowsDoc {
        at: format!("at {refused}"),
        watched: vec![format!("/{}", refused / 2)],
        flows: flows.iter().map(|(remote, bytes)| flow(*remote, *bytes)).collect(),
        listeners: listeners.iter().map(|(port, queue)| listener(*port, *queue)).collect(),
        owners: vec![owner("/app", refused), owner(&format!("/{refused}"), 1)],
        lost: LostDoc { flows_refused: refused, ..LostDoc::default() },
        kinds_lost: KindsLostDoc { samples: refused, ..KindsLostDoc::default() },
        ..FlowsDoc::default()
    }
}

/// What a reader does with a line.
fn apply<R: Row>(table: &mut BTreeMap<Numbered<R::Name>, R>, change: &RowsDoc<R, R::Name>) {
    for name in &change.gone {
        assert!(table.remove(name).is_some(), "what is gone was there");
    }
    for Numbered { what, nth } in &change.changed {
        table.insert(Numbered { what: what.name(), nth: *nth }, what.clone());
    }
}

fn table<R: Row>(rows: &[R]) -> BTreeMap<Numbered<R::Name>, R> {
    numbered(rows).into_iter().map(|(name, row)| (name, row.clone())).collect()
}

#[test]
fn only_what_has_changed_is_said() {
    let before = look(&[(1, 10), (2, 20), (3, 30)], &[(80, 0)], 0);
    let now = look(&[(1, 10), (3, 31), (4, 40)], &[(80, 0)], 0);
    let change = changes(&before, &now, 4);
    assert_eq!(change.flows.changed.iter().map(|row| row.what.tx_bytes).collect::<Vec<_>>(), [31, 40]);
    assert_eq!(
        change.flows.gone.iter().map(|row| row.what.remote.as_str()).collect::<Vec<_>>(),
        ["10.0.0.2:80"]
    );
    assert_eq!((change.missed, change.watched, change.lost), (4, None, None));
    assert!(change.listeners.changed.is_empty() && change.listeners.gone.is_empty());
    let text = serde_json::to_string(&changes(&now, &now, 0)).unwrap();
    assert!(!text.contains("10.0.0") && !text.contains("lost"), "{text}");
}

#[test]
fn two_sockets_of_one_name_are_two_rows() {
    let before = look(&[(1, 10), (1, 20)], &[], 0);
    let change = changes(&before, &look(&[(1, 10)], &[], 0), 0);
    assert_eq!((change.flows.changed.len(), change.flows.gone.len(), change.flows.gone[0].nth), (0, 1, 1));
    let text = serde_json::to_value(changes(&look(&[], &[], 0), &before, 0)).unwrap();
    assert_eq!(text["flows"]["changed"][1]["nth"], 1);
    assert!(text["flows"]["changed"][0].get("nth").is_none());
}

type Rows = Vec<(u8, u64)>;

fn any_rows() -> impl Strategy<Value = Rows> {
    prop::collection::vec((0..4_u8, 0..3_u64), 0..8)
}

proptest! {
    #[test]
    fn lines_in_a_row_are_the_last_look(looks in prop::collection::vec((any_rows(), any_rows(), 0..4_u64), 1..6)) {
        let looks: Vec<_> = looks.iter().map(|(flows, listeners, lost)| look(flows, listeners, *lost)).collect();
        let (mut flows, mut listeners) = (table(&looks[0].flows), table(&looks[0].listeners));
        let mut owners = table(&looks[0].owners);
        let (mut watched, mut lost, mut kinds) =
            (looks[0].watched.clone(), looks[0].lost, looks[0].kinds_lost.clone());
        for pair in looks.windows(2) {
            let line = serde_json::to_string(&changes(&pair[0], &pair[1], 0)).unwrap();
            let change: FlowsChangesDoc = serde_json::from_str(&line).unwrap();
            apply(&mut flows, &change.flows);
            apply(&mut listeners, &change.listeners);
            apply(&mut owners, &change.owners);
            watched = change.watched.unwrap_or(watched);
            lost = change.lost.unwrap_or(lost);
            kinds = change.kinds_lost.unwrap_or(kinds);
        }
        let last = looks.last().unwrap();
        prop_assert_eq!(flows, table(&last.flows));
        prop_assert_eq!(listeners, table(&last.listeners));
        prop_assert_eq!(owners, table(&last.owners));
        prop_assert_eq!((&watched, &lost, &kinds), (&last.watched, &last.lost, &last.kinds_lost));
    }
}

fn dependency(service: u8, bytes: u64) -> DependencyDoc {
    serde_json::from_value(serde_json::json!({
        "cgroup": "/app", "side": "out", "service": format!("10.0.0.{service}:80"), "protocol": "tcp", "open": 1,
        "ended": 0, "tx_segments": 1, "tx_bytes": bytes, "rx_segments": 1, "rx_bytes": 1, "retransmits": 0,
        "injected_drops": 0, "injected_delays": 0, "rtt_samples": 0,
        "latency": [{"kind": "dns", "samples": bytes}],
    }))
    .unwrap()
}

proptest! {
    #[test]
    fn so_are_those_of_dependencies(looks in prop::collection::vec((any_rows(), 0..4_u64), 1..6)) {
        let look = |(rows, lost): &(Rows, u64)| DepsDoc {
            watched: vec![format!("/{}", lost / 2)],
            owners: vec![owner("/app", *lost), owner(&format!("/{lost}"), 1)],
            dependencies: rows.iter().map(|(service, bytes)| dependency(*service, *bytes)).collect(),
            kinds_lost: KindsLostDoc { events: *lost, ..KindsLostDoc::default() },
            ..DepsDoc::default()
        };
        let looks: Vec<_> = looks.iter().map(look).collect();
        let (mut rows, mut owners) = (table(&looks[0].dependencies), table(&looks[0].owners));
        let (mut watched, mut lost) = (looks[0].watched.clone(), looks[0].kinds_lost.clone());
        for pair in looks.windows(2) {
            let line = serde_json::to_string(&deps_changes(&pair[0], &pair[1], 0)).unwrap();
            let change: DepsChangesDoc = serde_json::from_str(&line).unwrap();
            apply(&mut rows, &change.dependencies);
            apply(&mut owners, &change.owners);
            watched = change.watched.unwrap_or(watched);
            lost = change.kinds_lost.unwrap_or(lost);
        }
        let last = looks.last().unwrap();
        prop_assert_eq!(rows, table(&last.dependencies));
        prop_assert_eq!(owners, table(&last.owners));
        prop_assert_eq!((&watched, &lost), (&last.watched, &last.kinds_lost));
    }
}
