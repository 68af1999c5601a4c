//! Programs on cgroups. Each kind is attached to the topmost cgroups that are asked for, and follows them.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail};
use aya::programs::{
    CgroupAttachMode, CgroupSkbAttachType, Program, cgroup_skb::CgroupSkbLink, cgroup_sock::CgroupSockLink,
};

use super::{attach::topmost, object::Object};
use crate::target::open_cgroup;

/// A link goes with its descriptor.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their descriptors")]
enum Link {
    Skb(CgroupSkbLink),
    Sock(CgroupSockLink),
}

/// The links of one program, which is about packets on their way to this side or, with any side, about sockets.
#[derive(Debug)]
pub struct CgroupLinks {
    program: &'static str,
    side: CgroupSkbAttachType,
    links: BTreeMap<String, Link>,
}

impl CgroupLinks {
    /// None yet.
    pub fn new(program: &'static str, side: CgroupSkbAttachType) -> Self {
        Self { program, side, links: BTreeMap::new() }
    }

    /// Attaches to the topmost of `wanted` and detaches from all others. A cgroup that is gone is left out:
    /// its program went with it.
    ///
    /// # Errors
    /// The kernel refused; the links that were there before stay.
    pub fn follow(&mut self, object: &mut Object, root: &Path, wanted: &[String]) -> Result<()> {
        let wanted = topmost(wanted.iter().map(String::as_str));
        for path in &wanted {
            if self.links.contains_key(path) {
                continue;
            }
            let Ok(cgroup) = open_cgroup(root, path) else { continue };
            object.load_program(self.program)?;
            let context = || format!("attaching {} to cgroup {path}", self.program);
            // The default mode: AllowMultiple is refused for links, which are always several.
            let mode = CgroupAttachMode::default();
            let link = match object.program(self.program)? {
                Program::CgroupSkb(program) => {
                    let id = program.attach(cgroup, self.side, mode).with_context(context)?;
                    Link::Skb(program.take_link(id)?)
                }
                Program::CgroupSock(program) => {
                    let id = program.attach(cgroup, mode).with_context(context)?;
                    Link::Sock(program.take_link(id)?)
                }
                _ => bail!("program {} is not for cgroups", self.program),
            };
            self.links.insert(path.clone(), link);
        }
        self.links.retain(|path, _| wanted.contains(path));
        Ok(())
    }

    /// Where it is attached.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        self.links.keys()
    }
}

/// A program on all cgroups that faults ask for, as often as they do.
#[derive(Debug)]
pub struct Wanted {
    wanted: Vec<String>,
    links: CgroupLinks,
}

impl Wanted {
    /// None yet.
    pub fn new(program: &'static str, side: CgroupSkbAttachType) -> Self {
        Self { wanted: Vec::new(), links: CgroupLinks::new(program, side) }
    }

    /// One more fault wants it on this cgroup.
    ///
    /// # Errors
    /// The kernel refused; nothing is wanted then.
    pub fn add(&mut self, object: &mut Object, root: &Path, cgroup: &str) -> Result<()> {
        self.wanted.push(cgroup.to_owned());
        let result = self.links.follow(object, root, &self.wanted);
        if result.is_err() {
            self.wanted.pop();
        }
        result
    }

    /// One fault wants it no more.
    ///
    /// # Errors
    /// As for [`CgroupLinks::follow`].
    pub fn remove(&mut self, object: &mut Object, root: &Path, cgroup: &str) -> Result<()> {
        if let Some(at) = self.wanted.iter().position(|path| path == cgroup) {
            self.wanted.remove(at);
        }
        self.links.follow(object, root, &self.wanted)
    }

    /// Where it is attached.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        self.links.paths()
    }
}
