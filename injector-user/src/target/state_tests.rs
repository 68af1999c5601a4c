//! State on disk that is broken or hostile: it is left out and named, and all else is read.

use super::container_tests::id;
use super::testhost::TestHost;
use super::tests::ask;
use std::fs;

const DOCKER: &str = "var/lib/docker/containers";
const LISTS: &str = "var/lib/containers/storage/overlay-containers";

fn hint(host: &TestHost, target: &str) -> String {
    ask(host, target).unwrap_err().hint.unwrap()
}

#[test]
fn what_is_broken_hides_nothing_else() {
    let host = TestHost::new();
    for start in ["aaaa", "bbbb", "cccc"] {
        host.cgroup(&format!("/docker/{}", id(start)));
    }
    let config = |start: &str| format!("{DOCKER}/{}/config.v2.json", id(start));
    host.file(&config("aaaa"), r#"{"Name":["secret"]}"#);
    host.file(&config("bbbb"), r#"{"Name":"/web"}"#);
    host.file(&format!("{LISTS}/containers.json"), b"\xff\xfe");
    host.file(
        &format!("{LISTS}/volatile-containers.json"),
        format!(r#"[{{"id":"{}","names":["db"]}}]"#, id("cccc")),
    );
    assert_eq!(ask(&host, "container:web").unwrap().path, format!("/docker/{}", id("bbbb")));
    assert_eq!(ask(&host, "container:db").unwrap().path, format!("/docker/{}", id("cccc")));
    let said = hint(&host, "container:else");
    let left_out = format!(
        "; left out: /{} is not as expected at line 1, column 8, \
         /{LISTS}/containers.json is not as expected at line 1, column 1",
        config("aaaa")
    );
    assert!(said.ends_with(&left_out), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

#[test]
fn what_is_large_deep_or_no_file_is_left_out() {
    let host = TestHost::new();
    let config = |start: &str| format!("{DOCKER}/{}/config.v2.json", id(start));
    let padded = |bytes: usize| {
        let text = r#"{"Name":"/web"}"#;
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    host.cgroup(&format!("/docker/{}", id("aaaa")));
    host.file(&config("aaaa"), padded((1 << 20) + 1));
    assert!(hint(&host, "container:web").contains("config.v2.json: larger than 1048576 bytes"));
    host.file(&config("aaaa"), padded(1 << 20));
    ask(&host, "container:web").unwrap();
    host.file(&config("aaaa"), "[".repeat(100_000));
    assert!(hint(&host, "container:web").contains("is not as expected at line 1, column 1"));
    let path = host.host.root.join(config("aaaa"));
    fs::remove_file(&path).unwrap();
    // Nobody writes into it: opening or reading would wait.
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(hint(&host, "container:web").contains("config.v2.json: not a regular file"));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(hint(&host, "container:web").contains("config.v2.json: not a regular file"));
}

#[test]
fn a_directory_of_very_many_is_read_in_part() {
    let host = TestHost::new();
    for number in 0..4097 {
        fs::create_dir_all(host.host.root.join(format!("var/log/pods/a_{number}_x"))).unwrap();
    }
    let said = hint(&host, "pod:b/c");
    assert!(said.contains("left out: /var/log/pods has more than 4096 entries"), "{said}");
    assert!(said.starts_with("perhaps pod:a/"), "{said}");
}

#[test]
fn names_in_state_do_not_reach_a_terminal_raw() {
    let host = TestHost::new();
    host.cgroup(&format!("/docker/{}", id("aaaa01")));
    host.cgroup(&format!("/docker/{}", id("aaaa02")));
    host.file(&format!("{DOCKER}/{}/config.v2.json", id("aaaa01")), r#"{"Name":"/web\u001b[31m"}"#);
    let said = hint(&host, "container:aaaa");
    assert!(said.contains(r"(web\u{1b}[31m)"), "{said}");
    assert!(hint(&host, "container:web1").chars().all(|letter| !letter.is_control()));
}
