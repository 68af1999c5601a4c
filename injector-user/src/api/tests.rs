//! The server on a socket of its own, before a fake engine.

mod fake;

use std::{os::unix::fs::PermissionsExt as _, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::UnixStream,
    time::{Instant, sleep},
};

use super::{
    Client, MOST_BODY, Server,
    caps::Caps,
    is_answered_by,
    types::{Doc, DoctorDoc, EventDoc, EventsDoc, SaturationDoc},
};
use crate::{config::Config, error::Kind, session::saturation::Board, target::testhost::TestHost};
pub(super) use fake::{DROP, Daemon};
use fake::{Seen, spec};

#[tokio::test]
async fn every_endpoint_answers_with_its_document() {
    let daemon = Daemon::start();
    let client = &daemon.client;
    let schema = |value: Value| value["schema"].as_str().unwrap().to_owned();
    assert_eq!(schema(client.get("/v1/status").await.unwrap()), "injector.status/1");
    assert_eq!(schema(client.get("/v1/doctor").await.unwrap()), "injector.doctor/1");
    assert_eq!(schema(client.post("/v1/plan", &spec()).await.unwrap()), "injector.plan/1");
    let fault: Value = client.post("/v1/faults", &spec()).await.unwrap();
    assert_eq!((fault["id"].as_str(), fault["state"].as_str()), (Some("drop-7k3"), Some("armed")));
    assert_eq!(fault["node"], crate::session::node());
    assert_eq!(schema(client.get("/v1/faults/drop-7k3").await.unwrap()), "injector.fault/1");
    assert_eq!(schema(client.get("/v1/faults/drop-7k3/report").await.unwrap()), "injector.report/1");
    assert_eq!(schema(client.get("/v1/cost").await.unwrap()), "injector.cost/1");
    assert_eq!(
        schema(client.get("/v1/flows?target=cgroup:/x&target=unit:y").await.unwrap()),
        "injector.flows/1"
    );
    assert_eq!(schema(client.get("/v1/deps").await.unwrap()), "injector.deps/1");
    let line = client.lines("/v1/deps/watch").await.unwrap().next().await.unwrap().unwrap();
    let deps: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((deps["schema"].as_str(), deps.get("flows")), (Some("injector.deps/1"), None));
    let halted: Value = client.put("/v1/halt", &json!({"why": "game over"})).await.unwrap();
    assert_eq!(halted["halted"]["why"], "game over");
    assert_eq!(schema(client.delete("/v1/halt").await.unwrap()), "injector.status/1");
    let stopped: Value = client.delete("/v1/faults").await.unwrap();
    assert_eq!(
        (stopped["schema"].as_str(), stopped["faults"].as_array().unwrap().len()),
        (Some("injector.faults/1"), 1)
    );
    assert!(
        !daemon.commands().iter().any(|command| command.starts_with("stop drop")),
        "a detached fault lives on"
    );
    let ended: Value = client.delete("/v1/faults/drop-7k3").await.unwrap();
    assert_eq!(ended["end"], "stopped");
    let commands = daemon.commands();
    assert!(commands.contains(&"flows [Cgroup(\"/x\"), Unit(\"y.service\")]".into()), "{commands:?}");
}

#[tokio::test]
async fn the_kernel_says_who_asks() {
    let daemon = Daemon::start();
    let _: Value = daemon.client.post("/v1/faults", &spec()).await.unwrap();
    let who = format!("start by {} {}", nix::unistd::getuid(), std::process::id());
    assert_eq!(daemon.commands(), [who]);
}

#[tokio::test]
async fn bad_requests_are_refused_in_json_and_arm_nothing() {
    let daemon = Daemon::start();
    let cases: [(&str, &[u8], u16, &str, &str); 14] = [
        ("POST /v1/faults", b"", 400, "usage", "EOF"),
        ("POST /v1/faults", b"{\"kind\": ", 400, "usage", "line 1"),
        ("POST /v1/faults", b"\xff\xfe", 400, "usage", "can't be read"),
        ("POST /v1/faults", b"[]", 400, "usage", "can't be read"),
        ("POST /v1/plan", br#"{"kind": "drop", "targets": ["unit:x"]}"#, 400, "usage", "needs `percent`"),
        ("POST /v1/plan", br#"{"kind": "drop", "percent": 150, "targets": ["unit:x"]}"#, 400, "usage", "150"),
        ("POST /v1/plan", br#"{"kind": "drop", "percent": 1, "targets": [], "x": 1}"#, 400, "usage", "`x`"),
        ("POST /v1/faults?attach=maybe", DROP.as_bytes(), 400, "usage", "attach=maybe"),
        ("POST /v1/faults?detach=true", DROP.as_bytes(), 400, "usage", "`detach`"),
        ("GET /v1/flows?target=nginx", b"", 400, "usage", "not a target"),
        ("GET /v1/faults/nobody", b"", 404, "not-found", "no fault `nobody`"),
        ("GET /v1/faults/", b"", 404, "not-found", "/v1/faults/"),
        ("GET /", b"", 404, "not-found", "there is no /"),
        ("PATCH /v1/status", b"", 405, "usage", "PATCH"),
    ];
    for (head, body, status, kind, says) in cases {
        let (got, document) = daemon.raw(head, body).await;
        assert_eq!(got, status, "{head}: {document}");
        assert_eq!(
            (document["schema"].as_str(), document["kind"].as_str()),
            (Some("injector.error/1"), Some(kind))
        );
        assert!(document["message"].as_str().unwrap().contains(says), "{head}: {document}");
    }
    let large = vec![b' '; MOST_BODY + 1];
    let (status, document) = daemon.raw("POST /v1/faults", &large).await;
    assert_eq!((status, document["kind"].as_str()), (413, Some("usage")));
    assert!(document["message"].as_str().unwrap().contains("65536"));
    let commands = daemon.commands();
    assert!(!commands.iter().any(|command| command.starts_with("start")), "{commands:?}");
}

#[tokio::test]
async fn a_halt_does_not_care_about_its_body() {
    let daemon = Daemon::start();
    assert_eq!(daemon.raw("PUT /v1/halt", b"").await.0, 200);
    assert_eq!(daemon.raw("PUT /v1/halt", b"{nonsense").await.0, 200);
    assert_eq!(daemon.raw("PUT /v1/halt", &vec![b'x'; MOST_BODY + 1]).await.0, 200);
    assert_eq!(daemon.commands(), ["halt ", "halt ", "halt "]);
}

#[tokio::test]
async fn an_attached_fault_ends_with_its_client() {
    let daemon = Daemon::start();
    let mut lines = daemon.client.attach(&spec()).await.unwrap();
    let first: Value = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (first["schema"].as_str(), first["state"].as_str()),
        (Some("injector.fault/1"), Some("armed"))
    );
    let begun = Instant::now();
    assert!(lines.next().await.unwrap().is_some());
    let beat = begun.elapsed();
    assert!(beat > Duration::from_millis(700) && beat < Duration::from_secs(3), "a line a second: {beat:?}");
    assert!(!daemon.commands().iter().any(|command| command.starts_with("stop")));
    let begun = Instant::now();
    drop(lines);
    assert!(daemon.has_seen("stop drop-7k3").await, "{:?}", daemon.commands());
    assert!(begun.elapsed() < Duration::from_secs(1), "at once, not at the next line: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_fault_whose_client_left_before_the_answer_is_stopped() {
    let daemon = Daemon::start();
    for path in ["/v1/faults?attach=true", "/v1/faults"] {
        *daemon.seen.lock().unwrap() = Seen { slow_start: true, ..Seen::default() };
        let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
        let length = DROP.len();
        let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{DROP}");
        stream.write_all(request.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(50)).await;
        drop(stream);
        assert!(daemon.has_seen("stop drop-7k3").await, "{path}: {:?}", daemon.commands());
    }
}

#[tokio::test]
async fn a_stream_ends_when_the_fault_has_and_a_watcher_owns_nothing() {
    let daemon = Daemon::start();
    let mut attached = daemon.client.attach(&spec()).await.unwrap();
    attached.next().await.unwrap().unwrap();
    let mut watcher = daemon.client.lines("/v1/faults/drop-7k3/watch").await.unwrap();
    watcher.next().await.unwrap().unwrap();
    drop(daemon.client.lines("/v1/faults/drop-7k3/watch").await.unwrap());
    sleep(Duration::from_millis(300)).await;
    assert!(!daemon.commands().iter().any(|command| command.starts_with("stop")));
    daemon.seen.lock().unwrap().ended = true;
    for lines in [&mut attached, &mut watcher] {
        let last: Value = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
        assert_eq!((last["state"].as_str(), last["end"].as_str()), (Some("ended"), Some("stopped")));
        assert!(lines.next().await.unwrap().is_none());
    }
    drop((attached, watcher));
    sleep(Duration::from_millis(300)).await;
    assert!(!daemon.commands().iter().any(|command| command.starts_with("stop")), "it has ended by itself");
}

#[tokio::test]
async fn flows_come_a_line_a_second() {
    let daemon = Daemon::start();
    let mut lines = daemon.client.lines("/v1/flows/watch?target=cgroup:/x").await.unwrap();
    for _ in 0..2 {
        let flows: Value = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
        assert_eq!(flows["schema"], "injector.flows/1");
    }
}

#[tokio::test]
async fn how_full_things_are_is_read_beside_the_engine() {
    let host = TestHost::new();
    let board = Board::new(host.host.clone());
    let daemon = Daemon::made(Caps::default(), |handle| handle.with(board));
    let full: Doc<SaturationDoc> = daemon.client.get("/v1/saturation?target=cgroup:/x").await.unwrap();
    assert_eq!(full.schema, "injector.saturation/1");
    assert!(full.body.interval_ms.is_some_and(|ms| ms >= 800), "the first answer has rates: {full:?}");
    assert_eq!(full.body.places.len(), 1, "the node: {full:?}");
    let mut lines = daemon.client.lines("/v1/saturation/watch?target=cgroup:/x").await.unwrap();
    let first: Doc<SaturationDoc> = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(first.body.at, full.body.at, "one reading is for all who ask within a second");
    let second: Doc<SaturationDoc> = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_ne!(second.body.at, first.body.at);
    let doctor: DoctorDoc = daemon.client.get("/v1/doctor").await.unwrap();
    assert!(doctor.probes.iter().any(|probe| probe.what == "saturation: memory"), "{doctor:?}");
    daemon.forget();
    let _fault: Value = daemon.client.post("/v1/faults", &spec()).await.unwrap();
    let commands = daemon.commands();
    assert!(commands[0].starts_with("may ") && commands[1].starts_with("scope "), "{commands:?}");
    assert!(commands[2].starts_with("start "), "it is read before the fault begins: {commands:?}");
}

#[tokio::test]
async fn failed_calls_are_told_from_now_on_with_what_is_lost() {
    let daemon = Daemon::start();
    let hub = daemon.seen.lock().unwrap().hub.clone();
    let event = |pid| EventDoc { pid, ..EventDoc::default() };
    hub.tell(event(1));
    hub.lose(3, 0);
    let mut lines = daemon.client.lines("/v1/events/watch").await.unwrap();
    let first: Doc<EventsDoc> = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!(
        (first.schema.as_str(), first.body.events.len(), first.body.lost.left_out),
        ("injector.events/1", 0, 3)
    );
    for pid in 2..5 {
        hub.tell(event(pid));
    }
    let mut pids = Vec::new();
    while pids.len() < 3 {
        let line: Doc<EventsDoc> = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
        pids.extend(line.body.events.iter().map(|event| event.pid));
    }
    assert_eq!(pids, [2, 3, 4]);
    hub.lose(9, 1);
    let line: Doc<EventsDoc> = serde_json::from_str(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!((line.body.events.len(), line.body.lost.all()), (0, 10), "a loss is told without an event");
    let last: Doc<EventsDoc> = daemon.client.get("/v1/events").await.unwrap();
    assert_eq!(last.body.events.len(), 4);
}

#[tokio::test]
async fn a_reader_that_sleeps_costs_the_engine_nothing() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(&daemon.socket).await.unwrap();
    stream.write_all(b"GET /v1/flows/watch HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    sleep(Duration::from_millis(1500)).await;
    // One look before the stream and one for each second: nothing is made ahead.
    assert!(daemon.commands().len() <= 4, "{:?}", daemon.commands());
}

#[tokio::test]
async fn the_socket_is_guarded_replaced_when_stale_and_removed() {
    let mut daemon = Daemon::start();
    let socket = daemon.socket.clone();
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    let group = nix::unistd::Group::from_name(super::GROUP).unwrap().is_some();
    assert_eq!(mode, if group { 0o660 } else { 0o600 });
    let config = Config { socket: socket.clone(), ..Config::default() };
    let second = Server::bind(&config).unwrap_err();
    assert!(second.message.contains(&format!("process {}", std::process::id())), "{second}");
    daemon.stop.take().unwrap().send(()).unwrap();
    daemon.served.await.unwrap().unwrap();
    assert!(!socket.exists());

    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert_eq!(is_answered_by(&socket).unwrap(), None);
    drop(Server::bind(&config).unwrap());
    std::fs::remove_file(&socket).unwrap();
    std::fs::write(&socket, "mine").unwrap();
    assert!(Server::bind(&config).unwrap_err().message.contains("no socket"));
    assert_eq!(std::fs::read_to_string(&socket).unwrap(), "mine");
}

#[tokio::test]
async fn nobody_there_and_nobody_awake() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let client = Client::new(&socket);
    let error = client.get::<Value>("/v1/status").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.hint.unwrap().contains("sudo injector daemon"));
    // Accepts (the kernel does) and never answers, as a stopped daemon does.
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    let error = client.patience(Duration::from_millis(200)).get::<Value>("/v1/status").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(begun.elapsed() < Duration::from_secs(1) && error.message.contains("200 ms"), "{error}");
}
