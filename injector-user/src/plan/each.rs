//! What `injector doctor --syscalls` says: of every system call how it can be made to fail here.

use syscalls::Sysno;

use super::{Capabilities, hooks, rungs::Wanted};
use crate::{
    api::types::SyscallDoc,
    spec::{Rung, SyscallName},
};

/// Every call of this architecture's table, by name.
pub fn syscalls(kernel: &Capabilities) -> Vec<SyscallDoc> {
    let mut all: Vec<SyscallDoc> = Sysno::iter().map(|call| one(call, kernel)).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn one(call: Sysno, kernel: &Capabilities) -> SyscallDoc {
    let mut doc = SyscallDoc {
        name: call.name().to_owned(),
        family: None,
        rung: None,
        also: Vec::new(),
        covers: String::new(),
        why: String::new(),
    };
    let name = match call.name().parse::<SyscallName>() {
        Ok(name) => name,
        Err(never) => return SyscallDoc { why: never.message, ..doc },
    };
    let family = name.family_name();
    let alone = family.parse::<SyscallName>().map_or(0, |name| name.members(false).len()) < 2;
    doc.family = (!alone).then(|| family.to_owned());
    if kernel.missing_calls.contains(call.name()) {
        return SyscallDoc { why: "this kernel has no such call".to_owned(), ..doc };
    }
    let wanted = Wanted { name, calls: &[call], exact: false, by_path: false, short: false, asks: 0 };
    let mut lacking = Vec::new();
    for rung in wanted.ladder() {
        match (wanted.by(rung, kernel), &doc.rung) {
            (Ok(()), None) => {
                doc.rung = Some(rung.to_string());
                doc.covers = covers(&wanted, rung);
            }
            (Ok(()), Some(_)) => doc.also.push(rung.to_string()),
            (Err(_), None) => lacking.extend(Some(lack(call, rung, kernel)).filter(|why| !why.is_empty())),
            (Err(_), Some(_)) => {}
        }
    }
    doc.why = if lacking.is_empty() { "the best".to_owned() } else { lacking.join("; ") };
    doc
}

/// Why not by this rung, in a few words: what the kernel said of the rung itself is among the other rows of `doctor`.
fn lack(call: Sysno, rung: Rung, kernel: &Capabilities) -> String {
    match rung {
        Rung::Lsm => hooks::all(&[call], &kernel.missing_hooks)
            .err()
            .unwrap_or_else(|| "BPF LSM does not work here".to_owned()),
        // Said of the LSM hook already.
        Rung::Security if hooks::all(&[call], &kernel.missing_hooks).is_err() => String::new(),
        _ => format!("no {} here", rung.title()),
    }
}

fn covers(wanted: &Wanted<'_>, rung: Rung) -> String {
    match rung {
        Rung::Kprobe => "every call, at its entry".to_owned(),
        Rung::ModifyReturn => {
            "calls at their entry, but for those of threads that preempt each other".to_owned()
        }
        Rung::Lsm | Rung::Security => {
            let found = hooks::all(wanted.calls, &Default::default()).unwrap_or_default();
            let each = found.iter().map(|(_, hook)| match hook.note {
                "" => hook.name.to_owned(),
                note => format!("{} ({note})", hook.name),
            });
            let each = each.collect::<Vec<_>>().join(" or ");
            match rung {
                Rung::Lsm => format!("calls that come to {each}"),
                _ => format!("calls that come to {each}, but for those of threads that preempt each other"),
            }
        }
        Rung::Cgroup => format!(
            "its family on the target's own sockets: {}",
            wanted.cgroup().map_or("", |(_, what)| what)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::Fake;

    fn of<'a>(all: &'a [SyscallDoc], name: &str) -> &'a SyscallDoc {
        all.iter().find(|doc| doc.name == name).unwrap()
    }

    #[test]
    fn every_call_says_how_or_why_not() {
        let able = crate::kernel::Kernel::capabilities(&Fake::default()).clone();
        let no = || Err("no".to_owned());
        let stock = Capabilities { kprobe: no(), modify_return: no(), ..able.clone() };
        let all = syscalls(&stock);
        assert_eq!(all.len(), Sysno::iter().count());
        assert!(all.iter().all(|doc| !doc.why.is_empty() && doc.rung.is_none() == doc.covers.is_empty()));
        let connect = of(&all, "connect");
        assert_eq!(
            (connect.rung.as_deref(), connect.also.as_slice()),
            (Some("lsm"), &["security".to_owned(), "cgroup".to_owned()][..])
        );
        assert_eq!(connect.why, "no kprobe override here; no fmod_ret here");
        let fsync = of(&all, "fsync");
        assert!(fsync.rung.is_none() && fsync.why.contains("no LSM hook"), "{fsync:?}");
        assert!(of(&all, "exit").why.contains("can't be failed"));
        assert_eq!(of(&all, "sendmsg").family.as_deref(), Some("sendto"));
        let all = syscalls(&able);
        assert_eq!(
            (of(&all, "fsync").rung.as_deref(), of(&all, "fsync").why.as_str()),
            (Some("kprobe"), "the best")
        );
    }
}
