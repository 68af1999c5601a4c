//! Flows and the rest are all that went by an interface: in namespaces of the test's own.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use aya::programs::{LinkOrder, SchedClassifier, TcAttachType, tc::TcAttachOptions};
use injector_ebpf::flow::{RESTS, Rest};
use nix::sched::{CloneFlags, unshare};

use super::*;
use crate::kernel::net::Netns;

/// The middle of three namespaces: `b` - here - `c`. Talks to b by all means, and is told to end.
const HERE: &str = r#"
import socket, subprocess, sys, time
W = socket.MSG_WAITALL
B = "10.91.1.2"
def tcp(port):
    try: return socket.create_connection((B, port), timeout=5)
    except ConnectionRefusedError: return None
kept = tcp(7001)
for _ in range(200):
    kept.sendall(b"x" * 100); kept.recv(100, W)
short = tcp(7001)
short.sendall(b"y" * 300000); short.recv(300000, W); short.close()
assert tcp(7999) is None
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect((B, 7002))
for _ in range(50): u.send(b"z" * 72); u.recv(100)
for _ in range(20):
    v = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); v.sendto(b"short", (B, 7002)); v.recv(100); v.close()
six = socket.create_connection(("fd91::2", 7001), timeout=5)
six.sendall(b"6" * 5000); six.recv(5000, W)
gone = tcp(7001); gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"); gone.close()
assert subprocess.run(["ping", "-c", "3", "-i", "0.05", B], stdout=subprocess.DEVNULL).returncode == 0
srv = socket.create_server(("10.91.1.1", 7003)); 
print("listening", flush=True)
con, _ = srv.accept()
for _ in range(100): con.sendall(con.recv(100, W))
print("ready", flush=True)
sys.stdin.readline()
"#;

/// Answers here, and when told to, talks to it and sends through it what the kernel must answer itself.
const THERE: &str = r#"
import socket, sys, threading
W = socket.MSG_WAITALL
def echo(con):
    while True:
        got = con.recv(65536)
        if not got: return
        con.sendall(got)
def serve(family, host):
    srv = socket.create_server((host, 7001), family=family)
    while True:
        con, _ = srv.accept()
        threading.Thread(target=echo, args=(con,), daemon=True).start()
def datagrams():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("10.91.1.2", 7002))
    while True:
        got, who = u.recvfrom(2000); u.sendto(got, who)
for f in [lambda: serve(socket.AF_INET, "10.91.1.2"), lambda: serve(socket.AF_INET6, "fd91::2"), datagrams]:
    threading.Thread(target=f, daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
c = socket.create_connection(("10.91.1.1", 7003), timeout=5)
for _ in range(100): c.sendall(b"q" * 100); c.recv(100, W)
try: socket.create_connection(("10.91.1.1", 7999), timeout=5); raise SystemExit("nobody listens there")
except ConnectionRefusedError: pass
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b"nobody", ("10.91.1.1", 7998))
f = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); f.bind(("10.91.1.2", 7005)); f.connect(("10.91.2.2", 7004)); f.settimeout(5)
for _ in range(30): f.send(b"forward"); f.recv(100)
print("done", flush=True)
sys.stdin.readline()
"#;

/// Behind it: answers what was forwarded.
const BEHIND: &str = r#"
import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("10.91.2.2", 7004))
print("ready", flush=True)
while True:
    got, who = u.recvfrom(2000); u.sendto(got, who)
"#;

fn namespace() -> Netns {
    let made = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        Netns::open("/proc/thread-self/ns/net").unwrap()
    });
    made.join().unwrap()
}

fn file(ns: &Netns) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), ns.as_fd().as_raw_fd())
}

fn ip(ns: &Netns, args: &str) {
    let output = Command::new("nsenter")
        .arg(format!("--net={}", file(ns)))
        .args(["ip"])
        .args(args.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "ip {args}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A program in a namespace; killed with the test.
struct Program(Child, BufReader<std::process::ChildStdout>);

impl Program {
    fn start(cgroup: Option<&Cgroup>, ns: &Netns, text: &str) -> Self {
        let enter =
            cgroup.map(|one| format!("echo $$ > {}/cgroup.procs; ", one.0.display())).unwrap_or_default();
        let mut child = Command::new("sh")
            .args(["-c", &format!("{enter}exec nsenter --net={} python3 -c \"$0\"", file(ns)), text])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    #[track_caller]
    fn says(&mut self, what: &str) {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), what);
    }

    fn go_on(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Received and sent packets and bytes of all interfaces of a namespace but `lo`, as the kernel counts them.
fn interfaces(ns: &Netns) -> [u64; 4] {
    let output = Command::new("nsenter")
        .arg(format!("--net={}", file(ns)))
        .args(["cat", "/proc/self/net/dev"])
        .output()
        .unwrap();
    let mut sum = [0; 4];
    for line in String::from_utf8(output.stdout).unwrap().lines().skip(2) {
        let (name, numbers) = line.split_once(':').unwrap();
        let n: Vec<u64> = numbers.split_whitespace().map(|n| n.parse().unwrap()).collect();
        if name.trim() != "lo" {
            for (sum, n) in sum.iter_mut().zip([n[1], n[0], n[9], n[8]]) {
                *sum += n;
            }
        }
    }
    sum
}

/// The same by our own counters: flows that are open, flows that ended, and the rest.
fn counted(object: &mut Object, reader: &mut FlowReader) -> ([u64; 4], [Rest; RESTS]) {
    const LINK: u64 = 14;
    let all = Snapshot::take(object, reader, vec![]).unwrap();
    let mut sum = [0; 4];
    let mut add = |counts: [u64; 4]| {
        for (sum, n) in sum.iter_mut().zip([
            counts[0],
            counts[1] + LINK * counts[0],
            counts[2],
            counts[3] + LINK * counts[2],
        ]) {
            *sum += n;
        }
    };
    all.flows
        .iter()
        .for_each(|f| add([f.counts.rx_packets, f.counts.rx_bytes, f.counts.tx_packets, f.counts.tx_bytes]));
    all.deps.iter().for_each(|(_, d)| add([d.rx_packets, d.rx_bytes, d.tx_packets, d.tx_bytes]));
    let mut rests = [Rest::default(); RESTS];
    let map = object.per_cpu::<Rest>(names::REST).unwrap();
    for (reason, rest) in rests.iter_mut().enumerate() {
        for cpu in map.get(&(reason as u32), 0).unwrap().iter() {
            rest.packets += cpu.packets;
            rest.bytes += cpu.bytes;
        }
        let side = if reason < RESTS / 2 { 2 } else { 0 };
        sum[side] += rest.packets;
        sum[side + 1] += rest.bytes;
    }
    (sum, rests)
}

#[test]
fn flows_and_the_rest_are_all_that_went_by_an_interface() {
    let Some((cgroup, mut object, mut reader)) =
        observed("flows_and_the_rest_are_all_that_went_by_an_interface")
    else {
        return;
    };
    let (here, b, c) = (namespace(), namespace(), namespace());
    for (link, other, ns, net) in [("v0", "v1", &b, 1), ("w0", "w1", &c, 2)] {
        ip(&here, &format!("link add {link} type veth peer name {other} netns {}", file(ns)));
        // Before the first packet.
        for (name, side) in [(names::REST_TX, TcAttachType::Egress), (names::REST_RX, TcAttachType::Ingress)]
        {
            object.load_program(name).unwrap();
            let program: &mut SchedClassifier = object.classifier(name).unwrap();
            let options = TcAttachOptions::TcxOrder(LinkOrder::first());
            here.run(|| Ok(program.attach_with_options(link, side, options)?)).unwrap();
        }
        for (ns, link, host) in [(&here, link, 1), (ns, other, 2)] {
            ip(ns, &format!("addr add 10.91.{net}.{host}/24 dev {link}"));
            if net == 1 {
                ip(ns, &format!("addr add fd91::{host}/64 dev {link} nodad"));
            }
            ip(ns, &format!("link set {link} up"));
        }
        ip(ns, &format!("route add default via 10.91.{net}.1"));
    }
    let forward = Command::new("nsenter")
        .arg(format!("--net={}", file(&here)))
        .args(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        .status()
        .unwrap();
    assert!(forward.success());
    let mut there = Program::start(None, &b, THERE);
    there.says("ready");
    let mut behind = Program::start(None, &c, BEHIND);
    behind.says("ready");
    let mut talker = Program::start(Some(&cgroup), &here, HERE);
    talker.says("listening");
    there.go_on();
    talker.says("ready");
    there.says("done");
    // Neighbours are asked for, and groups are joined, whenever the kernel likes: until nothing came in between.
    let deadline = Instant::now() + Duration::from_secs(20);
    let (mut before, mut seen);
    loop {
        before = interfaces(&here);
        seen = counted(&mut object, &mut reader);
        if before == interfaces(&here) && before == seen.0 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "interfaces {before:?}, flows and rest {:?}: {:?}",
            seen.0,
            seen.1
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    println!(
        "rx packets, bytes, tx packets, bytes: interfaces {before:?}, flows and rest {:?}; rest {:?}",
        seen.0, seen.1
    );
    // Every kind was there: forwarded, answered by the kernel, handshakes and pings.
    let flows = before[0] + before[2] - seen.1.iter().map(|rest| rest.packets).sum::<u64>();
    assert!(
        flows > 700 && seen.1[0].packets >= 60 && seen.1[1].packets >= 3 && seen.1[3].packets >= 60,
        "{seen:?}"
    );
    // Sums stay when the flows end.
    talker.go_on();
    drop(talker);
    let ended = Instant::now() + Duration::from_secs(20);
    loop {
        let now = interfaces(&here);
        let (sum, _) = counted(&mut object, &mut reader);
        let open = reader.all().unwrap().len();
        if open == 0 && now == sum && now == interfaces(&here) {
            break;
        }
        assert!(Instant::now() < ended, "{open} open; interfaces {now:?}, flows and rest {sum:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
