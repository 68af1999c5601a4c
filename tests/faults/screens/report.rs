//! The report of a real fault, in a browser.

use std::{process::Command, thread::sleep, time::Duration};

use super::{browser, busy, chromium, rendered};
use crate::support::{THERE, World, traffic::tcp_echo};

#[test]
fn a_report_is_read_in_a_browser() {
    if crate::support::same_as_natively("a_report_is_read_in_a_browser") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _traffic = busy(&world);
    let id = world.daemon.arm(&format!("drop --target {} --percent 3 --for 2m", world.target()));
    sleep(Duration::from_secs(3));
    world.daemon.stop(&id);
    let file = world.daemon.path("report.html");
    let (code, out, err) =
        world.daemon.run(&format!("report {id} --format html --output {}", file.display()));
    assert_eq!(code, 0, "{out}{err}");
    let profile = tempfile::tempdir().unwrap();
    let dom = rendered(browser(Command::new(chromium()), &profile), &format!("file://{}", file.display()));
    for shown in [id.as_str(), "<svg", "3 %"] {
        assert!(dom.contains(shown), "{shown}: {dom}");
    }
}
