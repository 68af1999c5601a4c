//! `injector top` on a terminal, before a real daemon.

use super::{busy, terminal::Terminal};
use crate::support::{
    THERE, World,
    traffic::{ping_pong, tcp_echo},
    wait_for,
};

#[test]
fn a_terminal_shows_the_fault_and_its_key_halts() {
    if crate::support::same_as_natively("a_terminal_shows_the_fault_and_its_key_halts") {
        return;
    }
    let world = World::new();
    let _server = world.over_there(|| tcp_echo(THERE, 9001));
    let _traffic = busy(&world);
    let id = world
        .daemon
        .arm(&format!("drop --target {} --percent 100 --peer 10.99.0.0/16 --for 2m", world.target()));
    let mut screen = Terminal::with(world.daemon.cli(&format!("top --target {}", world.target())));
    let armed = format!("{id} ARMED");
    // Its own cgroup, the fault, what both cost; saturation is known with its second reading.
    let text =
        screen.shows(&[&armed, "left", "own cost: ", "resident", "/victim", "q: quit", "fds", "FULLEST"]);
    println!("{text}");
    screen.press("\r");
    let service = format!("> tcp {THERE}:9001");
    let text = screen.shows(&[&service, "rtt p50", "first byte", "send buffer"]);
    println!("{text}");
    screen.press("\r");
    screen.shows(&[&format!("- {THERE}:9001"), "1 open"]);
    screen.press("c");
    // What programs take is measured while somebody asks for it.
    println!("{}", screen.shows(&["programs: ", "ns a run"]));
    screen.press("Hn");
    screen.shows(&["H: halt"]);
    assert_eq!(world.daemon.fault(&id)["state"], "armed", "n is a no");
    screen.press("Hy");
    println!("{}", screen.shows(&["HALTED"]));
    let ended =
        wait_for(10, "the halt", || Some(world.daemon.fault(&id)).filter(|fault| fault["state"] == "ended"));
    assert_eq!(ended["end"], "halted", "{ended}");
    assert!(!world.daemon.get("/v1/status")["halted"].is_null());
    world.in_victim(|| format!("{:?}", ping_pong(THERE, 9001, 10))).join();
    screen.press("q");
    assert_eq!(screen.ended(), Some(0));
}
