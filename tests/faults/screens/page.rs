//! The page, over the network and in a browser.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use super::{browser, busy, chromium, rendered};
use crate::support::{HERE, THERE, World, child::fork, netns::Netns, traffic::tcp_echo, wait_for};

/// Somebody at the other end, and nobody else there.
const READER: &str = "10.77.0.7";
const PORT: u16 = 9843;

fn with_page() -> World {
    let mut world = World::new();
    let path = world.daemon.path("config.yaml");
    let mut config = std::fs::read_to_string(&path).unwrap();
    config += &format!("page: 0.0.0.0:{PORT}\npage_allow: [{READER}/32]\nwatch: [\"{}\"]\n", world.target());
    std::fs::write(path, config).unwrap();
    world.daemon.end();
    let here = &world.here;
    world.daemon.restart(here);
    world
}

/// What whoever asks from this namespace gets.
fn asked(ns: &Netns, ip: &'static str) -> String {
    fork(None, ns, move || {
        let Ok(mut stream) = TcpStream::connect((ip, PORT)) else { return "no connection".into() };
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = String::new();
        // A server that hangs up at once resets either.
        _ = stream.write_all(format!("GET / HTTP/1.1\r\nHost: {ip}\r\n\r\n").as_bytes());
        _ = stream.read_to_string(&mut answer);
        answer
    })
    .join()
}

#[test]
fn a_page_is_for_this_host_and_whoever_was_allowed() {
    if crate::support::same_as_natively("a_page_is_for_this_host_and_whoever_was_allowed") {
        return;
    }
    let world = with_page();
    let is_page = |answer: &str| answer.starts_with("HTTP/1.1 200") && answer.contains("id=\"own\"");
    let local = ["127.0.0.1", HERE].map(|ip| asked(&world.here, ip));
    assert!(local.iter().all(|answer| is_page(answer)), "{local:?}");
    assert_eq!(asked(&world.there, HERE), "", "{THERE} is not allowed");
    world.there.ip(&format!("addr add {READER}/24 dev v1"));
    world.there.ip(&format!("route replace 10.77.0.0/24 dev v1 src {READER}"));
    let answer = asked(&world.there, HERE);
    assert!(is_page(&answer), "{READER} is allowed: {answer}");
}

#[test]
fn a_browser_shows_what_there_is() {
    if crate::support::same_as_natively("a_browser_shows_what_there_is") {
        return;
    }
    let world = with_page();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _traffic = busy(&world);
    let id = world.daemon.arm(&format!("drop --target {} --percent 3 --for 2m", world.target()));
    // Speeds and saturation need two looks.
    wait_for(20, "a look with all of it", || {
        let text = asked(&world.here, "127.0.0.1");
        (text.contains("p99 ") && text.contains("send buffer") && text.contains("first byte")).then_some(())
    });
    let profile = tempfile::tempdir().unwrap();
    let dom =
        rendered(browser(world.here.command(chromium()), &profile), &format!("http://127.0.0.1:{PORT}/"));
    println!("{dom}");
    let dependency = format!("<td class=\"name\">tcp {THERE}:9001</td>");
    for shown in [
        &id,
        "ARMED",
        "<td>3 %</td>",
        &world.victim.path,
        &dependency,
        "polyline points=",
        "own cost: ",
        "rtt p50",
    ] {
        assert!(dom.contains(shown), "{shown}: {dom}");
    }
}
