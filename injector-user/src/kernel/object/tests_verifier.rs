//! How many instructions the verifier walks through for each program, on each kernel of the matrix (docs/VERIFIER.md). What
//! a change costs there is seen here, before a daemon is slow to begin or its programs are refused at a million.

use std::{collections::BTreeMap, fs, os::fd::BorrowedFd};

use super::*;
use crate::kernel::{iter::FlowReader, typed::Type};

const TABLE: &str = include_str!("../../../../docs/VERIFIER.md");
/// Percent of the table's figure; from there on it is too much.
const TOO_MUCH: u64 = 110;

/// Where a program of [`TYPED`] is loaded for: its figure does not depend on the function.
fn place(name: &str) -> Option<(Type, String)> {
    Some(match name {
        names::CALL_RETURN | names::PROBE_RETURN => (Type::ModifyReturn, syscall_function("fsync")),
        names::CALL_LSM => (Type::Lsm, hook_function("file_permission")),
        names::OPEN_LSM | names::PROBE_LSM => (Type::Lsm, hook_function("file_open")),
        names::COMPAT => (Type::Entry, "__ia32_sys_fsync".to_owned()),
        names::CLOSE => (Type::Entry, syscall_function("close")),
        _ => return None,
    })
}

/// One of sixteen that are alike but for a number.
fn repeated(name: &str) -> bool {
    let number = ["inj_to_dev", "inj_in_dev"].iter().find_map(|start| name.strip_prefix(start));
    number.is_some_and(|number| number != "0")
}

/// The kernel's own count (since 5.16).
fn instructions(program: BorrowedFd<'_>) -> u64 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", program.as_raw_fd())).unwrap();
    let count = info.lines().find_map(|line| line.strip_prefix("verified_insns:")?.trim().parse().ok());
    count.expect("the kernel counts what it verifies")
}

/// By program; without those that this kernel can't have.
fn measured() -> BTreeMap<String, u64> {
    let mut object = Object::load(1).unwrap();
    let all: Vec<String> = object.ebpf.programs().map(|(name, _)| name.to_owned()).collect();
    let mut count = |name: &str| {
        let Some((kind, function)) = place(name) else {
            object.load_program(name)?;
            return Ok(instructions(object.program(name)?.fd()?.as_fd()));
        };
        let id = object.function(&function)?;
        anyhow::Ok(instructions(object.typed()?.load(name, kind, id)?.as_fd()))
    };
    let all = all.into_iter().filter(|name| !repeated(name));
    let mut found: BTreeMap<String, u64> =
        all.filter_map(|name| count(&name).ok().map(|count| (name, count))).collect();
    // What walks the flows is an object of its own.
    let reader = FlowReader::new(&mut object).unwrap();
    found.insert(names::ITER_FLOWS.to_owned(), instructions(reader.program()));
    found
}

/// A kernel's column of the table; none if it has none.
fn column(table: &str, kernel: &str) -> Option<BTreeMap<String, u64>> {
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let mut rows = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let at = rows.next()?.iter().position(|name| *name == kernel)?;
    let of = |row: Vec<&str>| Some((row[0].to_owned(), row.get(at)?.parse().ok()?));
    Some(rows.filter_map(of).collect())
}

/// What is not as the table says.
fn differences(table: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    let grown = found.iter().filter_map(|(name, count)| match table.get(name) {
        None => Some(format!("{name}: {count}, and no figure in the table")),
        Some(old) if *count * 100 > old * TOO_MUCH => {
            Some(format!("{name}: {count}, and {old} in the table"))
        }
        Some(_) => None,
    });
    let gone = table.keys().filter(|name| !found.contains_key(*name));
    grown.chain(gone.map(|name| format!("{name}: this kernel refuses it"))).collect()
}

#[test]
fn no_program_costs_the_verifier_much_more_than_the_table_says() {
    let test = "no_program_costs_the_verifier_much_more_than_the_table_says";
    if !nix::unistd::geteuid().is_root() {
        println!("SKIP {test}: needs root");
        return;
    }
    let release = nix::sys::utsname::uname().unwrap().release().to_string_lossy().into_owned();
    let own = release.split('.').take(2).collect::<Vec<_>>().join(".");
    let kernel = std::env::var("INJECTOR_KERNEL").ok().filter(|name| name != "native").unwrap_or(own);
    let found = measured();
    for (name, count) in &found {
        println!("verifier {kernel} {name} {count}");
    }
    let Some(table) = column(TABLE, &kernel) else {
        println!("SKIP {test}: docs/VERIFIER.md has no column for Linux {kernel}");
        return;
    };
    let wrong = differences(&table, &found);
    assert!(wrong.is_empty(), "Linux {kernel}: {wrong:#?}");
}

#[test]
fn a_tenth_more_is_too_much() {
    let table = "| program | 6.1 | 6.12 |\n|---|--:|--:|\n| a | 100 | 200 |\n| b | 50 | - |\n";
    let of = |pairs: &[(&str, u64)]| pairs.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
    assert_eq!(column(table, "5.15"), None);
    let (old, new) = (column(table, "6.1").unwrap(), column(table, "6.12").unwrap());
    assert_eq!((&old, &new), (&of(&[("a", 100), ("b", 50)]), &of(&[("a", 200)])));
    assert_eq!(differences(&old, &of(&[("a", 110), ("b", 1)])), Vec::<String>::new());
    let wrong = differences(&old, &of(&[("a", 111), ("c", 1)]));
    let says =
        ["a: 111, and 100 in the table", "c: 1, and no figure in the table", "b: this kernel refuses it"];
    assert_eq!(wrong, says);
}
