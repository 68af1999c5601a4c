//! The page over a real socket, before a fake engine, read by a person's browser and by others.

use std::{net::SocketAddr, process::Command as Program, sync::mpsc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::spawn_blocking,
};

use super::*;
use crate::{
    observe::golden::samples::{flows, saturation, status},
    session::{Command, Request},
};

/// Whoever names cgroups so means harm.
const HOSTILE: &str = "/<script>document.title='owned'</script>\"><img src=x onerror=alert(1)>&amp;'\u{202e}";

/// Answers, with another second at each look, and says how often it was asked.
fn engine(requests: mpsc::Receiver<Request>) -> usize {
    let mut asked = 0;
    for request in requests {
        match request.command {
            Command::Status(reply) => {
                asked += 1;
                let mut status = status();
                status.faults[0].summary = format!("5 % of {HOSTILE}");
                _ = reply.send(Ok(status));
            }
            Command::Flows(targets, reply) => {
                assert!(targets.is_empty());
                let mut flows = flows(10 + asked as u64);
                flows.watched.push(HOSTILE.to_owned());
                flows.owners[0].unit = Some(format!("nginx.service{HOSTILE}"));
                _ = reply.send(Ok(flows));
            }
            other => panic!("a page reads only: {other:?}"),
        }
    }
    asked
}

/// Where it listens, and its engine.
async fn start() -> (SocketAddr, std::thread::JoinHandle<usize>, tokio::task::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel();
    let engine = std::thread::spawn(|| engine(receiver));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = serve(listener, Handle::new(sender), "web-14".into(), Vec::new(), std::future::pending());
    (address, engine, tokio::spawn(page))
}

async fn ask(address: SocketAddr, line: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn it_reads_only_and_is_read_by_no_other_site() {
    let (address, _engine, page) = start().await;
    let answer = ask(address, "GET /", "localhost:1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let head = answer.split("\r\n\r\n").next().unwrap().to_lowercase();
    for header in [
        "content-security-policy: default-src 'none';",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "content-type: text/html; charset=utf-8",
    ] {
        assert!(head.contains(header), "{header}: {head}");
    }
    assert!(!head.contains("access-control-"), "{head}");
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = ask(address, &format!("{method} /"), "localhost").await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
    }
    let rebound = ask(address, "GET /", "evil.example:9843").await;
    assert!(rebound.starts_with("HTTP/1.1 421") && !rebound.contains("nginx"), "{rebound}");
    assert!(ask(address, "GET /v1/status", "localhost").await.starts_with("HTTP/1.1 404"));
    assert!(ask(address, "GET /style.css", "localhost").await.contains("content-type: text/css"));
    page.abort();
}

#[tokio::test]
async fn everything_is_on_it_and_nothing_is_markup() {
    let (address, engine, page) = start().await;
    let answer = ask(address, "GET /", "127.0.0.1").await;
    for shown in [
        "injector on web-14",
        "/system.slice/nginx.service",
        "tcp 10.0.0.5:5432",
        "41.2ms",
        "45.0ms",
        "p99.9 45.0 ms of 1,000",
        "<b>who</b> nginx 5, unit nginx.service/&lt;script",
        "pod shop/job-1",
        "MB out (1,800 packets)",
        "drop-7k3",
        "12.5 s",
        "5.06 %",
        "as asked",
        "21.5 MB resident",
        "first byte p50 2.1 ms",
        "connect ECONNREFUSED",
        "7 packets without an owner",
        "<polyline points=",
    ] {
        assert!(answer.contains(shown), "{shown}: {answer}");
    }
    assert!(
        !answer.contains("<script") && !answer.contains("<img") && !answer.contains('\u{202e}'),
        "{answer}"
    );
    assert!(answer.contains("/&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;&quot;&gt;&lt;img"));
    for _ in 0..20 {
        ask(address, "GET /", "127.0.0.1").await;
    }
    page.abort();
    _ = page.await;
    // On a machine that is slow enough a second passes between two of them.
    let asked = engine.join().unwrap();
    assert!(asked < 21, "21 readers, {asked} looks");
}

#[test]
fn what_is_full_is_on_it() {
    let (golden, status) = (golden(&flows(10), Some(&saturation())), status());
    let text = html::page(&html::Seen {
        node: "web-14",
        status: &status,
        golden: &golden,
        pace: &Pace::default(),
        armed: &[],
        own: &Default::default(),
    });
    for shown in [
        "saturated: /batch: pids 96 of 100 (96 %)",
        "<td>75%</td>",
        "accept queue 75 %",
        "own cost: not told",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
}

#[tokio::test]
async fn an_engine_that_is_gone_is_said() {
    let (sender, receiver) = mpsc::channel();
    drop(receiver);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let page = serve(listener, Handle::new(sender), "web-14".into(), Vec::new(), std::future::pending());
    let page = tokio::spawn(page);
    let answer = ask(address, "GET /", "127.0.0.1").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("the daemon is ending"), "{answer}");
    assert!(answer.contains("http-equiv=\"refresh\""), "it is tried again: {answer}");
    page.abort();
}

#[test]
fn peers_are_this_host_and_whoever_was_allowed() {
    let allow = ["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let may = |address: &str, allow: &[IpNet]| may_read(address.parse().unwrap(), allow);
    assert!(["127.0.0.1", "::1", "::ffff:127.0.0.1"].into_iter().all(|peer| may(peer, &[])));
    assert!(["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"].into_iter().all(|peer| may(peer, &allow)));
    assert!(["10.2.0.1", "2001:db9::1", "0.0.0.0"].into_iter().all(|peer| !may(peer, &allow)));
}

/// A browser as Debian or Ubuntu have it.
fn browser() -> String {
    let names = ["chromium-headless-shell", "chromium", "chromium-browser"];
    let is_there = |name: &&&str| Program::new(name).arg("--version").output().is_ok();
    names.iter().find(is_there).expect("a Chromium: cargo xtask setup installs it").to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_makes_of_it_what_is_meant() {
    let (address, _engine, page) = start().await;
    // A first look, so that the browser's has a speed.
    ask(address, "GET /", "127.0.0.1").await;
    sleep(FRESH).await;
    let profile = tempfile::tempdir().unwrap();
    let data = format!("--user-data-dir={}", profile.path().display());
    let url = format!("http://{address}/");
    let ran = spawn_blocking(move || {
        Program::new(browser())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
            ])
            .args([&data, "--dump-dom", &url])
            .env("HOME", profile.path())
            .output()
            .unwrap()
    });
    let output = ran.await.unwrap();
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{log}");
    // The parser's own words: what it took for text, it escapes again.
    assert!(dom.contains("<title>injector on web-14</title>"), "no script ran: {dom}");
    assert!(!dom.contains("<script") && !dom.contains("<img"), "{dom}");
    assert!(dom.contains("/&lt;script&gt;document.title='owned'&lt;/script&gt;\"&gt;&lt;img"), "{dom}");
    assert_eq!(dom.matches("<tr class=\"cgroup\">").count(), 4, "{dom}");
    assert_eq!(dom.matches("<tr class=\"dependency\">").count(), 3, "{dom}");
    assert_eq!(dom.matches("<polyline points=").count(), 14, "two lines a row: {dom}");
    assert!(dom.contains("</polyline></svg>"), "as SVG, not as unknown HTML: {dom}");
    assert!(dom.contains("<td class=\"text\">drop-7k3</td><td class=\"text\">ARMED</td>"), "{dom}");
    let refused =
        log.lines().any(|line| line.contains("Content Security Policy") || line.contains("Refused to"));
    assert!(!refused, "the page asks for what its own policy forbids: {log}");
    page.abort();
}

#[test]
fn a_page_of_many_dependencies_is_bounded_and_says_what_it_leaves_out() {
    let status = status();
    let mut golden = golden(&flows(10), None);
    let mut cgroup = golden.cgroups[0].clone();
    let dependency = cgroup.below[0].clone();
    cgroup.below = vec![dependency; 150];
    golden.cgroups = vec![cgroup; 120];
    let (pace, own) = (Pace::default(), own(&status.own, &status.lost, &Default::default(), None));
    let page = html::page(&html::Seen {
        node: "web-14",
        status: &status,
        golden: &golden,
        pace: &pace,
        armed: &[],
        own: &own,
    });
    let count = |class: &str| page.matches(&format!("<tr class=\"{class}\">")).count();
    assert_eq!((count("cgroup"), count("dependency")), (100, 200), "every cgroup has its place");
    // The first has 100 of its dependencies, the second too; all others have none, and 20 cgroups have no place.
    assert_eq!(page.matches("and 50 more: injector top").count(), 2);
    assert_eq!(page.matches("and 150 more: injector top").count(), 98);
    assert_eq!(page.matches("and 20 more: injector top").count(), 1);
}
