//! What this kernel can do, found out by loading and attaching programs that do nothing, in a network
//! namespace that is made for it. Never from config files: flags and lists have been seen to be wrong.

use std::{collections::BTreeSet, os::fd::AsFd as _};

use anyhow::{Context as _, Result, ensure};
use aya::programs::{KProbe, LinkOrder, TcAttachType, tc::TcAttachOptions};
use injector_ebpf::names;
use nix::sched::{CloneFlags, unshare};

use super::{
    hook_function,
    net::{BpfFilter, FilterAction, Netns, Rtnl},
    object::Object,
    security_function, storage, syscall_function,
    typed::{self, Loaded, Type},
    watched,
};
use crate::{
    api::types::{DoctorDoc, ProbeDoc},
    plan::{self, Capabilities, Lags, Netem, Shape, Side, Watching},
};

/// Calls on which the rungs at the entry are tried, since every architecture has them: one that programs make all the
/// time, and one that is rare.
const TRIED: [&str; 2] = ["openat", "fdatasync"];

/// Tries everything, with an object that has nothing loaded yet but what it needs itself; so it is left.
///
/// # Errors
/// A program that was loaded for it cannot be unloaded.
pub fn capabilities(object: &mut Object) -> Result<Capabilities> {
    let found = all(object);
    object.unload_probes()?;
    Ok(found)
}

fn all(object: &mut Object) -> Capabilities {
    let text = |result: Result<()>| result.map_err(|error| format!("{error:#}"));
    let network = in_fresh_netns(object, Network::tried)
        .unwrap_or_else(|error| Network::refused(&format!("{error:#}")));
    let lsm = lsm(object);
    let modify_return =
        |functions: &[String]| object.load_for(names::PROBE_RETURN, Type::ModifyReturn, functions);
    let [lsm, modify_return, security, compat, closes] = typed::tried([
        lsm,
        modify_return(&TRIED.map(syscall_function)),
        modify_return(&[security_function("file_open")]),
        watched::compat(object),
        watched::closes(object),
    ]);
    Capabilities {
        tcx: network.tcx,
        drop: network.drop,
        delay: network.delay,
        rate: network.rate,
        flow_rate: network.flow_rate,
        lsm: text(lsm.and_then(|()| called(object))),
        kprobe: text(kprobe(object)),
        modify_return: text(modify_return),
        security: text(security),
        watching: Watching {
            compat: text(compat),
            rings: text(watched::rings(object)),
            closes: text(closes),
        },
        lags: Lags {
            io: text(object.load_lags(&names::IO)),
            run_queue: text(object.load_lags(&names::RUN_QUEUE)),
        },
        sockets: text(storage::storage(object)),
        cgroup: text(
            names::CONNECT.iter().chain([&names::SOCKET]).try_for_each(|name| object.load_program(name)),
        ),
        missing_calls: object.missing_calls().clone(),
        missing_hooks: object.missing_hooks().clone(),
        missing_security: object.missing_security().clone(),
    }
}

/// What network interfaces can do here.
struct Network {
    tcx: bool,
    drop: Result<(), String>,
    delay: Result<(), String>,
    rate: Result<(), String>,
    flow_rate: Result<(), String>,
}

impl Network {
    /// All of it in one namespace: to end one takes the kernel longer than all that is tried in it.
    fn tried(object: &mut Object, ns: &Netns) -> Result<Self> {
        let text = |result: Result<()>| result.map_err(|error| format!("{error:#}"));
        let tcx = tcx(object).is_ok();
        Ok(Self {
            tcx,
            drop: text(if tcx { Ok(()) } else { clsact(object, ns) }),
            delay: text(delay(object, ns)),
            rate: text(rate(object, ns)),
            flow_rate: text(flow_rate(object, ns)),
        })
    }

    fn refused(why: &str) -> Self {
        let no = || Err(why.to_owned());
        Self { tcx: false, drop: no(), delay: no(), rate: no(), flow_rate: no() }
    }
}

/// The same as a document, by maps and programs that are made for it and are gone afterwards.
pub fn doctor() -> DoctorDoc {
    let found = Object::load(0).and_then(|mut object| capabilities(&mut object));
    document(&found.unwrap_or_else(|error| nothing(&format!("{error:#}"))))
}

/// What can be done where not even the maps can be made.
fn nothing(why: &str) -> Capabilities {
    let no = || Err(why.to_owned());
    Capabilities {
        tcx: false,
        drop: no(),
        delay: no(),
        rate: no(),
        flow_rate: no(),
        lsm: no(),
        kprobe: no(),
        modify_return: no(),
        security: no(),
        watching: Watching::none(why),
        lags: Lags::none(why),
        sockets: no(),
        cgroup: no(),
        missing_calls: BTreeSet::new(),
        missing_hooks: BTreeSet::new(),
        missing_security: BTreeSet::new(),
    }
}

/// Capabilities in words.
pub fn document(found: &Capabilities) -> DoctorDoc {
    let probe = |what: &str, how: &str, result: &Result<(), String>, yes: &str| ProbeDoc {
        what: what.to_owned(),
        works: result.is_ok(),
        how: how.to_owned(),
        why: result.as_ref().err().cloned().unwrap_or_else(|| yes.to_owned()),
    };
    let how = if found.tcx { "tcx link" } else { "clsact filter" };
    let device = |what: &str, qdisc: &str, result: &Result<(), String>| {
        let how = format!("clsact filter, mirred, own ifb with {qdisc}");
        probe(what, &how, result, "device, qdisc and filter were made in a namespace of our own")
    };
    let entry = |what: &str, how: &str, result: &Result<(), String>| {
        probe(what, how, result, "a program that changes nothing was attached")
    };
    DoctorDoc {
        kernel: crate::session::kernel_release(),
        probes: vec![
            probe("loss at egress", how, &found.drop, "a no-op program was loaded and attached"),
            probe("loss at ingress", "cgroup_skb link", &found.drop, "cgroup_skb is older than tc's hooks"),
            device("delay", "netem", &found.delay),
            device("rate", "tbf", &found.rate),
            device("rate per flow", "fq", &found.flow_rate),
            entry("fail open", "kprobe override", &found.kprobe),
            entry("fail open", "fmod_ret", &found.modify_return),
            probe("fail open", "BPF LSM hook", &found.lsm, "a counting program saw our own open"),
            entry("fail open", "fmod_ret on security_*", &found.security),
            entry("fail any call", "kprobe override", &found.kprobe),
            entry("fail any call", "fmod_ret", &found.modify_return),
            probe(
                "fail calls that have a hook",
                "BPF LSM hook",
                &found.lsm,
                "a counting program saw our own open",
            ),
            entry("fail calls that have a hook", "fmod_ret on security_*", &found.security),
            probe(
                "fail socket, connect, bind, sendto",
                "cgroup hook",
                &found.cgroup,
                "the programs were loaded",
            ),
            entry("count calls of 32-bit programs", "fentry", &found.watching.compat),
            entry("count what io_uring is asked for", "tracepoint", &found.watching.rings),
            entry("count descriptors that are closed", "fentry", &found.watching.closes),
            probe(
                "saturation: block IO latency",
                "tracepoints block_rq_*",
                &found.lags.io,
                "the programs were loaded; devices without requests (dm, md, zram) show those of the devices below them",
            ),
            probe(
                "saturation: run-queue latency",
                "tracepoints sched_*",
                &found.lags.run_queue,
                "the programs were loaded; `run_queue: true` in the configuration attaches them",
            ),
            probe("observe flows", "socket storage", &found.sockets, "a socket of our own got some"),
        ],
        syscalls: plan::syscalls(found),
    }
}

/// Runs `f` in a network namespace that nobody else is in, and which vanishes afterwards.
fn in_fresh_netns<T: Send>(object: &mut Object, f: fn(&mut Object, &Netns) -> Result<T>) -> Result<T> {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET).context("a network namespace for the probe")?;
                f(object, &Netns::current()?)
            })
            .join()
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the probe died")))
    })
}

fn tcx(object: &mut Object) -> Result<()> {
    object.load_program(names::EMPTY_TC)?;
    let program = object.classifier(names::EMPTY_TC)?;
    let options = TcAttachOptions::TcxOrder(LinkOrder::first());
    let id = program.attach_with_options("lo", TcAttachType::Egress, options)?;
    Ok(program.detach(id)?)
}

fn filter(object: &mut Object, rtnl: &mut Rtnl, action: FilterAction) -> Result<()> {
    use std::os::fd::AsRawFd as _;
    const LOOPBACK: u32 = 1;
    object.load_program(names::EMPTY_TC)?;
    let fd = object.classifier(names::EMPTY_TC)?.fd()?.try_clone()?;
    rtnl.ensure_clsact(LOOPBACK)?;
    let prog_fd = fd.as_fd().as_raw_fd();
    let filter = BpfFilter { side: Side::Egress, prio: 1, handle: 1, prog_fd, name: "probe", action };
    rtnl.add_bpf_filter(LOOPBACK, &filter)?;
    rtnl.del_filter(LOOPBACK, Side::Egress, 1, 1)
}

fn clsact(object: &mut Object, ns: &Netns) -> Result<()> {
    filter(object, &mut Rtnl::open(ns)?, FilterAction::Direct)
}

fn delay(object: &mut Object, ns: &Netns) -> Result<()> {
    let latency = std::time::Duration::from_millis(1);
    device(
        object,
        ns,
        &Shape::Netem(Netem { latency, ..Netem::default() }),
        "injprobe1",
        "netem (module sch_netem)",
    )
}

fn rate(object: &mut Object, ns: &Netns) -> Result<()> {
    let shape = Shape::Rate { bytes_per_second: 1_000_000, burst: 66_000, queue: 66_000 };
    device(object, ns, &shape, "injprobe2", "tbf (module sch_tbf)")
}

fn flow_rate(object: &mut Object, ns: &Netns) -> Result<()> {
    let shape = Shape::FlowRate { bytes_per_second: 1_000_000, queue_packets: 100 };
    device(object, ns, &shape, "injprobe3", "fq (module sch_fq)")
}

fn device(object: &mut Object, ns: &Netns, shape: &Shape, name: &str, qdisc: &'static str) -> Result<()> {
    let mut rtnl = Rtnl::open(ns)?;
    let device = rtnl.add_ifb(name, "probe").context("ifb")?;
    rtnl.set_shape(device, shape).context(qdisc)?;
    filter(object, &mut rtnl, FilterAction::RedirectTo(device)).context("clsact and mirred")
}

/// The LSM's program, for [`typed::tried`]: while it is attached, it counts our own calls.
fn lsm(object: &mut Object) -> Result<Vec<Loaded>> {
    let mut probe = object.array::<u64>(names::PROBE)?;
    probe.set(0, 0, 0)?;
    probe.set(1, u64::from(std::process::id()), 0)?;
    object.load_for(names::PROBE_LSM, Type::Lsm, &[hook_function("file_open")])
}

/// Attached is not enough: without `bpf` in the list of active LSMs nothing ever calls the hook.
fn called(object: &mut Object) -> Result<()> {
    let hits = object.array::<u64>(names::PROBE)?.get(&0, 0)?;
    ensure!(hits > 0, "the hook is never called: `bpf` is not among the active LSMs (kernel parameter lsm=)");
    Ok(())
}

fn kprobe(object: &mut Object) -> Result<()> {
    object.load_program(names::PROBE_OVERRIDE)?;
    let program: &mut KProbe = object.program(names::PROBE_OVERRIDE)?.try_into()?;
    for function in TRIED.map(syscall_function) {
        let id = program.attach(&function, 0).with_context(|| format!("kprobe on {function}"))?;
        program.detach(id)?;
    }
    Ok(())
}
