//! Tests against the running kernel, in namespaces of their own. They need root, ifb, clsact and cls_bpf.

use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use super::testing::{fresh_netns, ip, joined, program};
use super::*;
use crate::plan::Side;

const INSTANCE: &str = "0a1b2c3d";
const OTHER: &str = "ffffffff";

fn by_name(rtnl: &mut Rtnl, name: &str) -> Option<Link> {
    rtnl.links().expect("links").into_iter().find(|link| link.name == name)
}

#[test]
fn namespaces_are_told_apart_and_entered() {
    let Some(ns) = fresh_netns("namespaces_are_told_apart_and_entered") else { return };
    let own = Netns::current().expect("own");
    assert_ne!(own, ns);
    assert_eq!(ns.run(Netns::current).expect("inside"), ns);
    assert_eq!(Netns::current().expect("own"), own, "the caller's thread stays");
    assert_eq!(Netns::of_pid(std::process::id()).expect("pid"), own);
    assert!(ns.run::<()>(|| anyhow::bail!("as is")).expect_err("error").to_string().contains("as is"));
    let mut child = ns
        .run(|| Ok(std::process::Command::new("sleep").arg("100").spawn()?))
        .expect("a process that holds the namespace");
    let all = all_netns();
    child.kill().expect("kill");
    child.wait().expect("wait");
    assert!(all.contains(&own) && all.contains(&ns));
    let mut inodes: Vec<_> = all.iter().map(Netns::inode).collect();
    inodes.sort_unstable();
    inodes.dedup();
    assert_eq!(inodes.len(), all.len(), "each once");
}

#[test]
fn ifb_is_made_whole_or_not_at_all() {
    let Some(ns) = fresh_netns("ifb_is_made_whole_or_not_at_all") else { return };
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let name = device_name(INSTANCE, 1);
    let index = rtnl.add_ifb(&name, &tag(INSTANCE, "delay0")).expect("add");
    let link = by_name(&mut rtnl, &name).expect("listed");
    assert_eq!((link.index, link.up, link.kind.as_deref()), (index, true, Some("ifb")));
    assert_eq!(link.alias.as_deref(), Some("injector:0a1b2c3d:delay0"));
    assert!(
        by_name(&mut rtnl, "lo")
            .is_some_and(|lo| lo.loopback && lo.up && lo.mtu == 65536 && lo.kind.is_none())
    );

    let error = rtnl.add_ifb(&name, "x").expect_err("the name is taken");
    assert_eq!(errno_of(&error), Some(libc::EEXIST), "{error:#}");
    // An alias of IFALIASZ (256) bytes is refused after the device was made: it must be gone again.
    let error = rtnl.add_ifb("short0", &"x".repeat(300)).expect_err("alias too long");
    println!("{error:#}");
    assert!(by_name(&mut rtnl, "short0").is_none());

    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(
        by_name(&mut rtnl, &name).expect("there").stats,
        LinkStats::default(),
        "it sends nothing itself"
    );
    rtnl.del_link(index).expect("delete");
    rtnl.del_link(index).expect("twice is fine");
    assert!(by_name(&mut rtnl, &name).is_none());
}

#[test]
fn a_device_without_its_alias_yet_is_found() {
    let Some(ns) = fresh_netns("a_device_without_its_alias_yet_is_found") else { return };
    ip(&ns, "link add early alias before type ifb").expect("add");
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let alias = by_name(&mut rtnl, "early").expect("there").alias;
    println!("alias given while creating: {alias:?}");
    // What a SIGKILL between creating and tagging leaves: found by its name.
    ip(&ns, &format!("link add {} type ifb", device_name(INSTANCE, 0x2f))).expect("add");
    let found = inventory(&ns).expect("inventory");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].instance.as_str(), found[0].tag.as_str()), (INSTANCE, "inj0a1b2c3d2f"));
}

#[test]
fn lower_links_and_masters() {
    let Some((a, _b)) = joined("lower_links_and_masters") else { return };
    let mut rtnl = Rtnl::open(&a).expect("open");
    let left = by_name(&mut rtnl, "left").expect("left");
    assert_eq!(left.link, None, "the peer's ifindex is another namespace's");
    ip(&a, "link add near type veth peer name far").expect("pair");
    let (near, far) = (by_name(&mut rtnl, "near").expect("near"), by_name(&mut rtnl, "far").expect("far"));
    assert_eq!((near.link, far.link), (Some(far.index), Some(near.index)));
    if ip(&a, "link add br0 type bridge").is_ok() {
        ip(&a, "link set near master br0").expect("slave");
        let bridge = by_name(&mut rtnl, "br0").expect("br0").index;
        assert_eq!(by_name(&mut rtnl, "near").expect("near").master, Some(bridge));
    }
    ip(&a, "route add default via 10.99.0.254").expect("route");
    assert_eq!(rtnl.default_gateways().expect("gateways"), ["10.99.0.254".parse::<IpAddr>().expect("ip")]);
}

#[test]
fn clsact_and_filters() {
    let Some(ns) = fresh_netns("clsact_and_filters") else { return };
    ip(&ns, "link add v0 type veth peer name v1").expect("pair");
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let v0 = by_name(&mut rtnl, "v0").expect("v0").index;
    let v1 = by_name(&mut rtnl, "v1").expect("v1").index;
    let ifb = rtnl.add_ifb("ours", "x").expect("ifb");
    let prog = program(-1).expect("program");
    let direct = BpfFilter {
        side: Side::Egress,
        prio: 7,
        handle: 1,
        prog_fd: prog.as_raw_fd(),
        name: "injector:0a1b2c3d:loss",
        action: FilterAction::Direct,
    };
    let error = rtnl.add_bpf_filter(v0, &direct).expect_err("no clsact yet");
    println!("{error:#}");
    assert!(rtnl.filters(v0, Side::Egress).expect("none").is_empty());
    rtnl.del_filter(v0, Side::Egress, 7, 1).expect("nothing there is fine");

    assert!(rtnl.ensure_clsact(v0).expect("made"));
    assert!(!rtnl.ensure_clsact(v0).expect("was there"));
    rtnl.add_bpf_filter(v0, &direct).expect("add");
    let error = rtnl.add_bpf_filter(v0, &direct).expect_err("taken");
    println!("{error:#}");
    assert_eq!(errno_of(&error), Some(libc::EEXIST));
    let redirect = BpfFilter { side: Side::Ingress, action: FilterAction::RedirectTo(ifb), ..direct };
    rtnl.add_bpf_filter(v0, &redirect).expect("add mirred");
    let gone = BpfFilter { handle: 2, action: FilterAction::RedirectTo(9999), ..direct };
    println!("{:#}", rtnl.add_bpf_filter(v0, &gone).expect_err("no such device"));

    for side in [Side::Egress, Side::Ingress] {
        let filters = rtnl.filters(v0, side).expect("list");
        assert_eq!(filters.len(), 1);
        let filter = &filters[0];
        assert_eq!((filter.prio, filter.handle, filter.kind.as_str()), (7, 1, "bpf"));
        assert_eq!(filter.name.as_deref(), Some("injector:0a1b2c3d:loss"));
        assert!(filter.prog_id.is_some_and(|id| id > 0));
        assert!(!rtnl.del_clsact_if_empty(v0).expect("in use"));
        rtnl.del_filter(v0, side, 7, 1).expect("delete");
        rtnl.del_filter(v0, side, 7, 1).expect("twice");
    }
    assert!(rtnl.del_clsact_if_empty(v0).expect("empty now"));
    assert!(!rtnl.del_clsact_if_empty(v0).expect("gone"));

    ns.run(|| {
        Ok(std::process::Command::new("tc").args(["qdisc", "add", "dev", "v1", "ingress"]).status()?)
    })
    .expect("tc");
    let error = rtnl.ensure_clsact(v1).expect_err("the old ingress qdisc is in the way");
    println!("{error:#}");
    assert_eq!(errno_of(&error), Some(libc::EEXIST));
    rtnl.del_link(v0).expect("delete");
    assert!(rtnl.filters(v0, Side::Egress).expect("of a link that is gone").is_empty());
    rtnl.del_filter(v0, Side::Egress, 7, 1).expect("of a link that is gone");
    assert!(!rtnl.del_clsact_if_empty(v0).expect("of a link that is gone"));
    assert_eq!(errno_of(&rtnl.ensure_clsact(v0).expect_err("gone")), Some(libc::ENODEV));
}

#[test]
fn sweep_takes_only_what_is_accepted() {
    let Some(ns) = fresh_netns("sweep_takes_only_what_is_accepted") else { return };
    ip(&ns, "link add v0 type veth peer name v1").expect("pair");
    ip(&ns, "link set v1 alias uplink").expect("a foreign alias");
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let v0 = by_name(&mut rtnl, "v0").expect("v0").index;
    assert!(rtnl.ensure_clsact(v0).expect("clsact"));
    let prog = program(0).expect("program");
    for (n, (instance, side)) in
        [(INSTANCE, Side::Egress), (OTHER, Side::Ingress), (INSTANCE, Side::Ingress)].into_iter().enumerate()
    {
        let ifb = rtnl.add_ifb(&device_name(instance, n as u16), &tag(instance, "delay")).expect("ifb");
        let (prio, action) = (5 + n as u16, FilterAction::RedirectTo(ifb));
        let name = tag(instance, "delay");
        let filter = BpfFilter { side, prio, handle: 1, prog_fd: prog.as_raw_fd(), name: &name, action };
        rtnl.add_bpf_filter(v0, &filter).expect("filter");
    }
    let all = inventory(&ns).expect("inventory");
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|leftover| leftover.netns == ns.inode() && leftover.tag.starts_with(PREFIX)));

    let swept = sweep(&ns, &|instance| instance == INSTANCE, Duration::from_secs(1)).expect("sweep");
    println!("{swept:?}");
    assert_eq!((swept.removed.len(), swept.errors.len(), swept.lost_packets), (4, 0, 0));
    assert!(swept.bare.is_empty(), "the other instance's filter is still there");
    let left = inventory(&ns).expect("inventory");
    assert!(left.len() == 2 && left.iter().all(|leftover| leftover.instance == OTHER), "{left:?}");
    let swept = sweep(&ns, &|_| true, Duration::ZERO).expect("sweep");
    assert_eq!((swept.removed.len(), swept.bare.as_slice()), (2, &[v0][..]));
    assert!(inventory(&ns).expect("inventory").is_empty());
    assert!(by_name(&mut rtnl, "v1").is_some());
}

#[test]
fn sweeps_that_race_find_no_error() {
    let Some(ns) = fresh_netns("sweeps_that_race_find_no_error") else { return };
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let mut removed = 0;
    for round in 0..20u16 {
        for n in 0..4 {
            rtnl.add_ifb(&device_name(INSTANCE, round * 4 + n), &tag(INSTANCE, "x")).expect("ifb");
        }
        std::thread::scope(|scope| {
            let one = || sweep(&ns, &|_| true, Duration::ZERO).expect("sweep");
            let other = scope.spawn(one);
            for swept in [one(), other.join().expect("thread")] {
                assert!(swept.errors.is_empty(), "{:?}", swept.errors);
                removed += swept.removed.len();
            }
        });
        assert!(inventory(&ns).expect("inventory").is_empty());
    }
    println!("20 rounds of 4 devices, two sweeps each: {removed} removals reported");
}

#[test]
fn many_links_need_a_dump_of_many_parts() {
    let Some(ns) = fresh_netns("many_links_need_a_dump_of_many_parts") else { return };
    let mut rtnl = Rtnl::open(&ns).expect("open");
    for n in 0..200 {
        rtnl.add_ifb(&device_name(INSTANCE, n), &tag(INSTANCE, "x")).expect("ifb");
    }
    assert_eq!(inventory(&ns).expect("inventory").len(), 200);
    let swept = sweep(&ns, &|_| true, Duration::ZERO).expect("sweep");
    assert_eq!(swept.removed.len(), 200);
}

#[test]
fn listeners_and_sockets_are_seen() {
    let Some(ns) = fresh_netns("listeners_and_sockets_are_seen") else { return };
    let (listener, v6, udp) = ns
        .run(|| {
            Ok((
                TcpListener::bind("127.0.0.1:0")?,
                TcpListener::bind("[::1]:0")?,
                UdpSocket::bind("127.0.0.1:0")?,
            ))
        })
        .expect("bind");
    let at = listener.local_addr().expect("address");
    let client = ns.run(|| Ok(TcpStream::connect(at)?)).expect("connect");
    let found = match listeners(&ns) {
        Err(error) if errno_of(&error) == Some(libc::ENOENT) => {
            return println!("SKIP listeners_and_sockets_are_seen: needs tcp_diag ({error:#})");
        }
        other => other.expect("listeners"),
    };
    println!("{found:?}");
    assert_eq!(found.len(), 2);
    assert!(found.iter().any(|l| l.local == v6.local_addr().expect("address") && l.accept_queue == 0));
    let ours = found.iter().find(|l| l.local == at).expect("listed");
    assert_eq!((ours.accept_queue, ours.accept_limit), (1, 128));
    assert!(ours.inode > 0);

    let tcp = sockets(&ns, Proto::Tcp).expect("tcp");
    let from = client.local_addr().expect("address");
    assert!(tcp.iter().any(|s| s.local == from && s.remote == at && s.state == 1), "{tcp:?}");
    assert_eq!(tcp.len(), 2, "both ends, no listener");
    let datagram = sockets(&ns, Proto::Udp).expect("udp");
    assert!(datagram.iter().any(|s| Some(s.local) == udp.local_addr().ok() && s.state == 7), "{datagram:?}");
    assert_eq!(ours.cgroup_id.is_some(), tcp[0].cgroup_id.is_some());
}
