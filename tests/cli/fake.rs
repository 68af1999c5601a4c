//! A daemon that says what a test wants: a request's first line in, canned HTTP out.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// What the fake daemon does with a stream after its lines.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Ends it in order.
    End,
    /// Hangs up in the middle.
    Cut,
    /// Keeps it open until the client goes.
    Hold,
}

pub struct Fake {
    pub socket: String,
    seen: Arc<Mutex<Vec<String>>>,
    _directory: tempfile::TempDir,
}

impl Fake {
    /// `lines` answer an attached fault, and whoever watches flows or dependencies; every other request gets what `answer` says.
    pub fn start(lines: Vec<Value>, then: Then, answer: fn(&str) -> (u16, Value)) -> Self {
        Self::attaching(usize::MAX, lines, then, answer)
    }

    /// As [`start`](Self::start), for so many attached faults; those after them get what `answer` says, too.
    pub fn attaching(most: usize, lines: Vec<Value>, then: Then, answer: fn(&str) -> (u16, Value)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path: PathBuf = directory.path().join("fake.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let shared = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lines, shared) = (lines.clone(), shared.clone());
                thread::spawn(move || serve(stream, &lines, (most, then), answer, &shared));
            }
        });
        Self { socket: path.display().to_string(), seen, _directory: directory }
    }

    /// The first line of each request so far.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a request that starts like this, or the end of an attached stream (`gone`), was seen.
    pub fn saw(&self, what: &str) -> bool {
        (0..500).any(|_| {
            let seen = self.seen.lock().unwrap().iter().any(|request| request.starts_with(what));
            if !seen {
                thread::sleep(Duration::from_millis(10));
            }
            seen
        })
    }
}

fn serve(
    stream: UnixStream,
    lines: &[Value],
    (most, then): (usize, Then),
    answer: fn(&str) -> (u16, Value),
    seen: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request).unwrap();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if header.trim().is_empty() {
            break;
        }
    }
    reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
    const ATTACH: &str = "POST /v1/faults?attach=true";
    let attached = {
        let mut seen = seen.lock().unwrap();
        seen.push(request.clone());
        seen.iter().filter(|request| request.starts_with(ATTACH)).count()
    };
    let mut stream = stream;
    let watched = ["GET /v1/flows/watch", "GET /v1/deps/watch"].iter().any(|path| request.starts_with(path));
    if !watched && (!request.starts_with(ATTACH) || attached > most) {
        let (status, body) = answer(&request);
        let body = body.to_string();
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", body.len());
        _ = stream.write_all((head + &body).as_bytes());
        return;
    }
    _ = stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    for line in lines {
        // No line, but a file whose coming is waited for.
        if let Some(path) = line["after"].as_str() {
            while !Path::new(path).exists() {
                thread::sleep(Duration::from_millis(10));
            }
            continue;
        }
        let line = line.to_string() + "\n";
        _ = stream.write_all(format!("{:x}\r\n{line}\r\n", line.len()).as_bytes());
        thread::sleep(Duration::from_millis(50));
    }
    seen.lock().unwrap().push("all lines are sent".into());
    match then {
        Then::End => _ = stream.write_all(b"0\r\n\r\n"),
        Then::Cut => {}
        Then::Hold => {
            _ = reader.read(&mut [0]);
            seen.lock().unwrap().push("gone".into());
        }
    }
}

/// A fault's document: armed, or ended for this reason.
pub fn fault(acted: u64, end: Option<&str>) -> Value {
    let mut doc = json!({
        "schema": "injector.fault/1", "node": "web-14", "id": "drop-7k3",
        "state": if end.is_some() { "ended" } else { "armed" },
        "summary": "5 % egress loss, nginx.service",
        "spec": {"kind": "drop", "percent": 5, "targets": ["unit:nginx.service"], "for": "30s"},
        "cgroups": 1, "processes": 4, "flows": 37,
        "started": "2026-01-01T14:02:01Z", "ends": "2026-01-01T14:02:31Z", "left_ms": 12_000,
        "counters": {
            "matched": 4210, "acted": acted, "matched_wire": 4210, "acted_wire": acted, "acted_bytes": 0,
            "passed_chance": 0, "passed_deadline": 0, "passed_budget": 0, "passed_protected": 0, "unreadable": 0,
            "passed_rate": 0, "shadow": 0, "shadow_wire": 0, "other_call": 0, "tail_drops": 0, "lost_in_drain": 0,
        },
        "achieved": {
            "matched": {"skbs": 4210, "wire": 4210, "bytes": 0}, "acted": {"skbs": acted, "wire": acted, "bytes": 0},
            "rate_percent": 5.06, "interval_percent": [4.43, 5.76], "asked_percent": 5.0, "verdict": "within",
        },
        "target": {"samples": 500, "rtt_p99_us": 41_250, "segments": 1, "retransmits": 0},
        "control": {"samples": 500, "rtt_p99_us": 400, "segments": 1, "retransmits": 0},
        "control_verdict": "ok", "by": "root",
    });
    if let Some(end) = end {
        doc["end"] = end.into();
        doc["clean"] =
            json!({"left": [], "removed": ["egress link"], "last_fault_after_ms": 0, "took_ms": 12});
    }
    doc
}
