//! Which of the calls are meant, as the kernel compares them.

use injector_ebpf::{
    call_means::{
        CALL_ARGUMENT, CALL_BELOW, CALL_COMM, CALL_FD_PATH, CALL_FD_TYPE, CALL_GLOB, CALL_PATH, CALL_PEER,
        CALL_PROCESS, CALL_UID, COMM, COMPARE_BITS, COMPARE_LESS, COMPARE_MORE, COMPARE_OTHER,
        COMPARE_OTHER_INT, COMPARE_SAME, COMPARE_SAME_INT, CallMeans, Comparison,
    },
    rule::{MAX_PATH, Rule},
};
use std::{collections::BTreeMap, net::IpAddr};

use syscalls::Sysno;

use super::{Plan, network};
use crate::{
    error::Error,
    spec::{ArgumentTest, CallMatch, Compare, Descriptor, FaultKind, PathPattern, TaskName},
};

/// Fills in what is asked beside the calls' names.
pub(super) fn compile(rule: &mut Rule, path: Option<&PathPattern>, which: &CallMatch) -> Result<(), Error> {
    let CallMatch { uid, comm, process, arg, fd_path, fd } = which;
    let means = &mut rule.call;
    let mut asks = |given: bool, bit: u32| means.asks |= if given { bit } else { 0 };
    asks(uid.is_some(), CALL_UID);
    asks(comm.is_some(), CALL_COMM);
    asks(process.is_some(), CALL_PROCESS);
    asks(fd.is_some(), CALL_FD_TYPE);
    for test in arg {
        asks(true, CALL_ARGUMENT << test.argument());
    }
    let CallMeans { uid: to_uid, comm: to_comm, process: to_process, comparisons, .. } = means;
    *to_uid = uid.unwrap_or_default();
    (*to_comm, *to_process) = (name(comm.as_ref()), name(process.as_ref()));
    for (to, test) in comparisons.iter_mut().zip(arg) {
        *to = comparison(test);
    }
    rule.call.fd_types = fd.map_or(0, Descriptor::types);
    // A call has one of them: see `Needs`.
    match (path, fd_path) {
        (Some(path), _) => compile_path(rule, path, CALL_PATH),
        (None, Some(path)) => compile_path(rule, path, CALL_FD_PATH),
        (None, None) => Ok(()),
    }
}

/// Fills in whom the calls are for: the trie of peers decides, and the ports in the rule.
pub(super) fn compile_peers(plan: &mut Plan, names: &BTreeMap<String, Vec<IpAddr>>) -> Result<(), Error> {
    let matching = &plan.spec.matching;
    if matching.peer.is_empty() && matching.except.is_empty() {
        return Ok(());
    }
    plan.rule.call.asks |= CALL_PEER;
    plan.rule.means = network::means(matching);
    plan.addresses = network::addresses(matching, names)?;
    Ok(())
}

fn compile_path(rule: &mut Rule, path: &PathPattern, bit: u32) -> Result<(), Error> {
    let compared = path.compared();
    let bytes = compared.text.as_bytes();
    if bytes.len() >= MAX_PATH {
        return Err(Error::usage(format!("the path has {} bytes", bytes.len()))
            .hint(format!("at most {} are possible", MAX_PATH - 1)));
    }
    rule.path[..bytes.len()].copy_from_slice(bytes);
    rule.path_len = bytes.len() as u32;
    rule.call.asks |= bit;
    rule.call.asks |= if compared.glob { CALL_GLOB } else { 0 };
    rule.call.asks |= if compared.below { CALL_BELOW } else { 0 };
    Ok(())
}

fn name(name: Option<&TaskName>) -> [u8; COMM] {
    let mut bytes = [0; COMM];
    for (to, from) in
        bytes.iter_mut().take(COMM - 1).zip(name.map(TaskName::as_str).unwrap_or_default().bytes())
    {
        *to = from;
    }
    bytes
}

fn comparison(test: &ArgumentTest) -> Comparison {
    let negative = test.number() < 0;
    let how = match test.compare() {
        Compare::Same if negative => COMPARE_SAME_INT,
        Compare::Other if negative => COMPARE_OTHER_INT,
        Compare::Same => COMPARE_SAME,
        Compare::Other => COMPARE_OTHER,
        Compare::Less => COMPARE_LESS,
        Compare::More => COMPARE_MORE,
        Compare::Bits => COMPARE_BITS,
    };
    Comparison { value: test.number() as u64, argument: test.argument(), how }
}

/// Of a family's calls those that have what they are told apart by; the plan says which have not.
pub(super) fn told_apart(plan: &mut Plan, calls: &[Sysno]) -> Vec<Sysno> {
    let FaultKind::Fail { path, which, .. } = &plan.spec.fault else { return calls.to_vec() };
    let needs = which.needs(path.is_some(), &plan.spec.matching);
    let (can, cannot): (Vec<Sysno>, Vec<Sysno>) = calls.iter().partition(|call| needs.are_met(**call));
    if !cannot.is_empty() {
        let names: Vec<&str> = cannot.iter().map(Sysno::name).collect();
        plan.warnings.push(format!(
            "not meant, because they have no {}: {}",
            needs.words(),
            names.join(", ")
        ));
    }
    can
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_in_the_rule() {
        let which = CallMatch {
            uid: Some(70),
            comm: Some("writer".parse().unwrap()),
            process: Some("fifteen letters".parse().unwrap()),
            arg: vec!["2&O_DIRECT".parse().unwrap(), "0=-100".parse().unwrap()],
            fd_path: None,
            fd: Some(Descriptor::Pipe),
        };
        let mut rule = Rule::FREE;
        compile(&mut rule, Some(&"/data/*/**".parse().unwrap()), &which).unwrap();
        let CallMeans { asks, uid, comm, process, comparisons, fd_types, .. } = rule.call;
        assert_eq!(fd_types, 1 << 1);
        assert_eq!(
            asks,
            CALL_UID
                | CALL_COMM
                | CALL_PROCESS
                | CALL_PATH
                | CALL_GLOB
                | CALL_BELOW
                | CALL_FD_TYPE
                | (5 * CALL_ARGUMENT)
        );
        assert_eq!((uid, &comm, &process), (70, b"writer\0\0\0\0\0\0\0\0\0\0", b"fifteen letters\0"));
        let direct = Comparison { value: libc::O_DIRECT as u64, argument: 2, how: COMPARE_BITS };
        assert_eq!(
            comparisons,
            [direct, Comparison { value: -100_i64 as u64, argument: 0, how: COMPARE_SAME_INT }]
        );
        assert_eq!((&rule.path[..8], rule.path_len), (&b"/data/*\0"[..], 7));
        let mut rule = Rule::FREE;
        let which = CallMatch { fd_path: Some("/data".parse().unwrap()), ..CallMatch::default() };
        compile(&mut rule, None, &which).unwrap();
        assert_eq!(rule.call.asks, CALL_FD_PATH | CALL_BELOW);
        let mut rule = Rule::FREE;
        compile(&mut rule, None, &CallMatch::default()).unwrap();
        assert_eq!(rule, Rule::FREE, "nothing asked is every call");
    }
}
