//! What others have at our hooks: in the guests too, for the oldest kernel has no tcx.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use anyhow::{Result, ensure};

use super::testing::{fresh_netns, index_of, ip, named_program};
use super::*;
use crate::plan::Side;

/// A tcx link at the egress of link `index` of the calling thread's namespace (BPF_LINK_CREATE, linux/bpf.h).
fn tcx_link(program: &OwnedFd, index: u32) -> Result<OwnedFd> {
    const BPF_LINK_CREATE: libc::c_int = 28;
    const BPF_TCX_EGRESS: u32 = 47;
    let attr = [program.as_raw_fd() as u32, index, BPF_TCX_EGRESS, 0, 0, 0, 0, 0];
    // SAFETY: the kernel reads `attr` within its size.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_LINK_CREATE, attr.as_ptr(), size_of_val(&attr)) };
    ensure!(fd >= 0, "BPF_LINK_CREATE: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

#[test]
fn what_others_have_before_us_is_named() {
    let Some(ns) = fresh_netns("what_others_have_before_us_is_named") else { return };
    ip(&ns, "link add v0 type veth peer name v1").expect("pair");
    let mut rtnl = Rtnl::open(&ns).expect("open");
    let v0 = index_of(&mut rtnl, "v0");
    let none: [String; 0] = [];
    assert_eq!(rtnl.foreign(v0, Side::Egress).expect("bare"), none);
    assert_eq!(rtnl.foreign(9999, Side::Ingress).expect("no such link"), none);

    rtnl.ensure_clsact(v0).expect("clsact");
    let program = named_program(-1, "cil_to_netdev").expect("program");
    let prog_fd = program.as_raw_fd();
    let ours = tag("0a1b2c3d", "drop");
    for (prio, name) in [(7, "felix"), (1, "calico"), (2, ours.as_str()), (49_001, "late")] {
        let action = FilterAction::Direct;
        let filter = BpfFilter { side: Side::Egress, prio, handle: 1, prog_fd, name, action };
        rtnl.add_bpf_filter(v0, &filter).expect("filter");
    }
    let filters = ["bpf filter prio 1 (calico)", "bpf filter prio 7 (felix)"];
    assert_eq!(rtnl.foreign(v0, Side::Egress).expect("filters"), filters);
    assert_eq!(rtnl.foreign(v0, Side::Ingress).expect("the other side"), none);

    let link = match ns.run(|| tcx_link(&program, v0)) {
        Err(error) => return println!("the part with tcx is left out: {error:#}"),
        Ok(link) => link,
    };
    let own = named_program(-1, "inj_egress_drop").expect("program");
    let _own = ns.run(|| tcx_link(&own, v0)).expect("ours");
    let all = ["tcx program cil_to_netdev", filters[0], filters[1]];
    assert_eq!(rtnl.foreign(v0, Side::Egress).expect("both"), all);
    drop(link);
    assert_eq!(rtnl.foreign(v0, Side::Egress).expect("without"), filters);
}
