//! The programs at the hooks of cgroups that fail calls on sockets.

use std::{collections::BTreeMap, os::fd::AsFd, path::Path};

use anyhow::{Context as _, Result, bail};
use aya::programs::{
    CgroupAttachMode, CgroupSockAddr, Program, cgroup_sock::CgroupSockLink,
    cgroup_sock_addr::CgroupSockAddrLink,
};
use injector_ebpf::names;

use crate::{
    kernel::{attach::topmost, object::Object, query},
    target::open_cgroup,
};

/// The programs of a family of calls, most for IPv4 and for IPv6, and at which hooks they are.
pub(in crate::kernel) fn programs(call: &str) -> Result<Vec<(&'static str, u32)>> {
    let (names, at) = match call {
        "socket" => return Ok(vec![(names::SOCKET, query::CGROUP_SOCKET)]),
        "connect" => (names::CONNECT, query::CGROUP_CONNECT),
        "bind" => (names::BIND, query::CGROUP_BIND),
        "sendto" => (names::SENDMSG, query::CGROUP_SENDMSG),
        other => bail!("{other} passes no hook of a cgroup"),
    };
    Ok(names.into_iter().zip(at).collect())
}

/// What faults ask for, and what is attached for it: on the topmost cgroups only, as a program runs for all below.
#[derive(Debug, Default)]
pub(super) struct CgroupCalls {
    wanted: Vec<(String, String)>,
    /// By family and cgroup.
    links: BTreeMap<(String, String), Vec<Link>>,
}

/// Held for its descriptor.
#[derive(Debug)]
enum Link {
    Address(#[expect(dead_code, reason = "held for its descriptor")] CgroupSockAddrLink),
    Socket(#[expect(dead_code, reason = "held for its descriptor")] CgroupSockLink),
}

fn attach(object: &mut Object, name: &str, cgroup: impl AsFd) -> Result<Link> {
    object.load_program(name)?;
    let program = object.program(name)?;
    if let Program::CgroupSock(program) = program {
        let id = program.attach(cgroup, CgroupAttachMode::default())?;
        return Ok(Link::Socket(program.take_link(id)?));
    }
    let program: &mut CgroupSockAddr = program.try_into()?;
    let id = program.attach(cgroup, CgroupAttachMode::default())?;
    Ok(Link::Address(program.take_link(id)?))
}

impl CgroupCalls {
    /// One more fault wants these calls to fail in this cgroup.
    pub(super) fn add(&mut self, object: &mut Object, root: &Path, call: &str, cgroup: &str) -> Result<()> {
        self.wanted.push((call.to_owned(), cgroup.to_owned()));
        let result = self.follow(object, root, call);
        if result.is_err() {
            self.wanted.pop();
        }
        result
    }

    /// One fault wants it no more.
    pub(super) fn remove(
        &mut self,
        object: &mut Object,
        root: &Path,
        call: &str,
        cgroup: &str,
    ) -> Result<()> {
        if let Some(at) = self.wanted.iter().position(|(one, path)| one == call && path == cgroup) {
            self.wanted.remove(at);
        }
        self.follow(object, root, call)
    }

    /// Where they are attached: family and cgroup.
    pub(super) fn places(&self) -> impl Iterator<Item = &(String, String)> {
        self.links.keys()
    }

    fn follow(&mut self, object: &mut Object, root: &Path, call: &str) -> Result<()> {
        let of_it = self.wanted.iter().filter(|(one, _)| one == call);
        let tops = topmost(of_it.map(|(_, path)| path.as_str()));
        for path in &tops {
            let key = (call.to_owned(), path.clone());
            if self.links.contains_key(&key) {
                continue;
            }
            // A cgroup that is gone is left out: its programs went with it.
            let Ok(cgroup) = open_cgroup(root, path) else { continue };
            let mut links = Vec::new();
            for (name, _) in programs(call)? {
                let link = attach(object, name, &cgroup);
                links.push(link.with_context(|| format!("attaching {name} to cgroup {path}"))?);
            }
            self.links.insert(key, links);
        }
        self.links.retain(|(one, path), _| one != call || tops.contains(path));
        Ok(())
    }
}
