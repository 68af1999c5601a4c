//! nginx that can take no connection, or open no file.
//!
//! nginx.org/en/docs/ngx_core_module.html, worker_connections: "the actual number of simultaneous connections cannot exceed
//! the current limit on the maximum number of open files". error_log: at its default level `error`, messages of the levels
//! `error`, `crit`, `alert` and `emerg` are logged.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
    time::Duration,
};

use super::{Program, SOON, directory, world};
use crate::support::{World, wait_for};

fn start<'a>(world: &'a World, dir: &Path) -> Program<'a> {
    // Its workers are another user.
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(dir.join("www")).unwrap();
    fs::write(dir.join("www/page"), "page\n").unwrap();
    let at = dir.display();
    let settings = format!(
        "daemon off; worker_processes 1; user www-data; pid {at}/pid; error_log {at}/log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; server {{ listen unix:{at}/socket; root {at}/www; }} }}\n"
    );
    fs::write(dir.join("settings"), settings).unwrap();
    let settings = dir.join("settings").display().to_string();
    let log = dir.join("log");
    let nginx = Program::start(
        world,
        &log,
        0,
        &["/usr/sbin/nginx", "-e", &log.display().to_string(), "-c", &settings],
    );
    wait_for(SOON, "nginx", || UnixStream::connect(dir.join("socket")).ok());
    nginx
}

fn connect(dir: &Path) -> UnixStream {
    let socket = UnixStream::connect(dir.join("socket")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(SOON))).unwrap();
    socket
}

fn request(mut socket: &UnixStream) {
    socket.write_all(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
}

/// The answer's first line, and whether the page is in it.
fn answer(mut socket: &UnixStream) -> (String, bool) {
    let mut text = String::new();
    let mut room = [0; 4096];
    while !["page\n", "</html>\r\n"].iter().any(|end| text.ends_with(end)) {
        let read = socket.read(&mut room).unwrap();
        assert!(read > 0, "nginx has hung up after {text:?}");
        text += &String::from_utf8_lossy(&room[..read]);
    }
    (text.lines().next().unwrap_or_default().to_owned(), text.ends_with("\r\n\r\npage\n"))
}

fn ok() -> (String, bool) {
    ("HTTP/1.1 200 OK".to_owned(), true)
}

fn get(socket: &UnixStream) -> (String, bool) {
    request(socket);
    answer(socket)
}

/// At the limit (EMFILE) there are no more connections, as documented: who comes waits, those that there are go on, and the
/// log says what failed. How often it tries is not documented: src/event/ngx_event_accept.c takes no connections for
/// `accept_mutex_delay`, half a second. So it is not said here how often, but that it does so again.
#[test]
fn nginx_without_descriptors_lets_newcomers_wait() {
    let Some(world) = world("nginx_without_descriptors_lets_newcomers_wait") else { return };
    let directory = directory();
    let dir = directory.path();
    let nginx = start(&world, dir);
    let old = connect(dir);
    assert_eq!(get(&old), ok());

    let fault = format!("fail accept --errno EMFILE --percent 100 --target {} --for 5m", world.target());
    let id = world.daemon.arm(&fault);
    let new = connect(dir);
    request(&new);
    nginx.says(2, "failed (24: Too many open files)");
    new.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let early = (&new).read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock), "it was answered");
    new.set_read_timeout(Some(Duration::from_secs(SOON))).unwrap();
    assert_eq!(get(&old), ok());
    assert!(world.daemon.counter(&id, "acted") >= 2);

    world.daemon.json(&format!("stop {id}"));
    assert_eq!(answer(&new), ok());
    assert_eq!(get(&connect(dir)), ok());
}

/// nginx.org/en/docs/dev/development_guide.html, "Request finalization": "A request is also finalized in case of an error or
/// if a standard HTTP response code needs to be returned to the client"; for codes from 300 on "nginx either sends a default
/// code response page to the client or performs the internal redirect to an error_page location". That of a server that
/// cannot do what it should is 500 (RFC 9110, 15.6.1). That it is this one here is in the sources only
/// (src/http/modules/ngx_http_static_module.c): 404 and 403 are for files that are not there or not to be read.
#[test]
fn nginx_that_cannot_open_a_file_answers_500() {
    let Some(world) = world("nginx_that_cannot_open_a_file_answers_500") else { return };
    let directory = directory();
    let dir = directory.path();
    let nginx = start(&world, dir);
    let socket = connect(dir);
    assert_eq!(get(&socket), ok());

    let path = dir.join("www");
    let fault = format!("fail open --errno EIO --percent 100 --path {}", path.display());
    let id = world.daemon.arm(&format!("{fault} --target {} --for 5m", world.target()));
    assert_eq!(get(&connect(dir)), ("HTTP/1.1 500 Internal Server Error".to_owned(), false));
    nginx.says(1, "failed (5: Input/output error)");
    assert_eq!(world.daemon.counter(&id, "acted"), 1);

    world.daemon.json(&format!("stop {id}"));
    assert_eq!(get(&connect(dir)), ok());
}
