//! Programs that are loaded for a function of the kernel's, by the function's type, where aya cannot do it.
//!
//! `BPF_MODIFY_RETURN` says what a function returns, and keeps it from running: aya has no such program type, so these
//! are compiled as fexit programs, which have the same arguments, relocated by aya's own loader for objects, and loaded
//! and attached here. So is the one program for all LSM hooks: aya loads a program for one hook only, and its link has
//! no cookie to tell the program which one it is at. And so are those that walk all flows: aya's loader reads all of the
//! kernel's types each time.

use std::{
    collections::HashSet,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd},
};

use anyhow::{Context as _, Result, bail};
use aya_obj::{
    Object as Elf,
    btf::BtfFeatures,
    generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_prog_info, bpf_prog_type},
};

/// What the kernel must know of the types in an object: functions, so that it looks at global ones only once. What came
/// after 5.11 is taken out, since it is not needed here.
const TYPES: BtfFeatures = BtfFeatures::new(true, true, true, false, false, false, false, false);
/// Room for what the verifier says of a program that it refuses.
const LOG: usize = 1 << 24;

/// What a program is loaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// `BPF_MODIFY_RETURN`.
    ModifyReturn,
    /// `BPF_LSM_MAC`.
    Lsm,
    /// `BPF_TRACE_FENTRY`: it only looks.
    Entry,
    /// `BPF_TRACE_ITER`.
    Iterator,
}

impl Type {
    fn of(self) -> (bpf_prog_type, bpf_attach_type) {
        match self {
            Self::ModifyReturn => (bpf_prog_type::BPF_PROG_TYPE_TRACING, bpf_attach_type::BPF_MODIFY_RETURN),
            Self::Lsm => (bpf_prog_type::BPF_PROG_TYPE_LSM, bpf_attach_type::BPF_LSM_MAC),
            Self::Entry => (bpf_prog_type::BPF_PROG_TYPE_TRACING, bpf_attach_type::BPF_TRACE_FENTRY),
            Self::Iterator => (bpf_prog_type::BPF_PROG_TYPE_TRACING, bpf_attach_type::BPF_TRACE_ITER),
        }
    }

    /// What failed, if it is that.
    pub fn on(self, function: &str) -> String {
        let kind = match self {
            Self::ModifyReturn => "fmod_ret",
            Self::Lsm => "BPF LSM hook",
            Self::Entry => "fentry",
            Self::Iterator => "iterator",
        };
        format!("{kind} on {function}")
    }
}

/// The programs of an object, with its maps in place; not in the kernel yet.
#[derive(Debug)]
pub struct Typed {
    elf: Elf,
    /// Its types, in the kernel.
    types: OwnedFd,
}

impl Typed {
    /// Takes these programs from an object whose maps are in the kernel; `map` gives the descriptor of one, `None` if
    /// it is not to be had: none of these programs may use it then.
    ///
    /// # Errors
    /// It is no such object, or has not got these programs or a map that they use.
    pub fn new(bytes: &[u8], programs: &[&str], map: impl Fn(&str) -> Option<RawFd>) -> Result<Self> {
        let mut elf = Elf::parse(bytes).context("the programs' object")?;
        // The others stay out: what they use need not be there. A section may have several programs.
        let others: HashSet<(usize, u64)> = elf
            .programs
            .iter()
            .filter(|(name, _)| !programs.contains(&name.as_str()))
            .map(|(_, program)| program.function_key())
            .collect();
        elf.programs.retain(|name, _| programs.contains(&name.as_str()));
        elf.functions.retain(|key, _| !others.contains(key));
        let types =
            elf.fixup_and_sanitize_btf(&TYPES)?.context("the programs' object has no types")?.to_bytes();
        let types = load_types(&types).context("the programs' types")?;
        let sections: HashSet<usize> = elf.functions.keys().map(|(section, _)| *section).collect();
        let maps = elf.maps.clone();
        let placed = maps.iter().filter_map(|(name, one)| Some((name.as_str(), map(name)?, one)));
        elf.relocate_maps(placed, &sections)?;
        elf.relocate_calls(&sections)?;
        Ok(Self { elf, types })
    }

    /// Loads one of them for a function, given by its id in the kernel's BTF.
    ///
    /// # Errors
    /// There is no such program; what the kernel said: the function may not be modified (its result is not declared to
    /// be injectable), or the verifier refuses the program.
    pub fn load(&self, name: &str, kind: Type, function: u32) -> Result<OwnedFd> {
        let program = self.elf.programs.get(name).with_context(|| format!("there is no program {name}"))?;
        let code = self.elf.functions.get(&program.function_key()).context("the program has no code")?;
        // SAFETY: all zeros are a valid request.
        let mut attr = unsafe { std::mem::zeroed::<bpf_attr>() };
        // SAFETY: the part for BPF_PROG_LOAD.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        for (to, from) in load.prog_name.iter_mut().take(15).zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        let (program_type, attach_type) = kind.of();
        (load.prog_type, load.expected_attach_type) = (program_type as u32, attach_type as u32);
        load.attach_btf_id = function;
        load.insns = code.instructions.as_ptr() as u64;
        load.insn_cnt = u32::try_from(code.instructions.len())?;
        load.license = program.license.as_ptr() as u64;
        let functions = code.func_info.func_info_bytes();
        load.prog_btf_fd = u32::try_from(self.types.as_raw_fd())?;
        load.func_info = functions.as_ptr() as u64;
        load.func_info_rec_size = u32::try_from(code.func_info_rec_size)?;
        load.func_info_cnt = u32::try_from(functions.len() / code.func_info_rec_size.max(1))?;
        let refused = match bpf(bpf_cmd::BPF_PROG_LOAD, &attr) {
            Ok(program) => return Ok(program),
            Err(refused) => refused,
        };
        // Only now: of a program that is fine the verifier would say more than there is room for.
        let mut log = vec![0_u8; LOG];
        // SAFETY: the part for BPF_PROG_LOAD.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        (load.log_level, load.log_buf, load.log_size) = (1, log.as_mut_ptr() as u64, LOG as u32);
        match bpf(bpf_cmd::BPF_PROG_LOAD, &attr) {
            Ok(program) => Ok(program),
            Err(_) => {
                // Most of the room was not written to, and is no memory yet.
                let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
                let text = String::from_utf8_lossy(&log[..end]);
                // The last line is a count.
                match text.lines().rev().find(|line| !line.starts_with("processed ")) {
                    Some(why) => bail!("{refused}: {why}"),
                    None => bail!("{refused}"),
                }
            }
        }
    }
}

/// Attaches it to the function for which it was loaded; it is detached when the link's descriptor goes.
///
/// # Errors
/// What the kernel said.
pub fn attach(program: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: all zeros are a valid request.
    let mut attr = unsafe { std::mem::zeroed::<bpf_attr>() };
    attr.raw_tracepoint.prog_fd = u32::try_from(program.as_raw_fd())?;
    bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attr).context("attach")
}

/// The same with what its link tells the program (`bpf_get_attach_cookie`).
///
/// # Errors
/// What the kernel said.
pub fn attach_told(program: BorrowedFd<'_>, kind: Type, cookie: u64) -> Result<OwnedFd> {
    // SAFETY: all zeros are a valid request.
    let mut attr = unsafe { std::mem::zeroed::<bpf_attr>() };
    // SAFETY: the part for BPF_LINK_CREATE.
    let link = unsafe { &mut attr.link_create };
    link.__bindgen_anon_1.prog_fd = u32::try_from(program.as_raw_fd())?;
    link.attach_type = kind.of().1 as u32;
    link.__bindgen_anon_3.tracing.cookie = cookie;
    bpf(bpf_cmd::BPF_LINK_CREATE, &attr).context("attach")
}

/// A loaded program, as what, and the function for which.
pub type Loaded = (OwnedFd, Type, String);

/// Attaches programs and lets them go at once, each group of them; a group that was not even loaded stays an error.
///
/// The kernel waits until no task is within what it patches, each time, so they are tried side by side.
///
/// # Errors
/// What the kernel said of the first one of the group that it refuses.
pub fn tried<const N: usize>(groups: [Result<Vec<Loaded>>; N]) -> [Result<()>; N] {
    let attached = |(program, kind, function): &Loaded| {
        let link = match kind {
            Type::Entry => attach_told(program.as_fd(), *kind, 0),
            _ => attach(program.as_fd()),
        };
        let _held = link.with_context(|| kind.on(function))?;
        // What the LSM's program is to see.
        std::fs::File::open("/proc/self/stat").map(drop).context("/proc/self/stat")
    };
    std::thread::scope(|scope| {
        let start = |one: Loaded| {
            let thread = std::thread::Builder::new().name("probe".into());
            thread.spawn_scoped(scope, move || attached(&one)).context("a thread for the probe")
        };
        groups.map(|group| group.map(|group| group.into_iter().map(start).collect::<Vec<_>>())).map(|group| {
            group?.into_iter().try_for_each(|one| match one?.join() {
                Ok(result) => result,
                Err(_) => bail!("the probe died"),
            })
        })
    })
}

/// How often the kernel has not run it since it was loaded, for whatever task: it runs a program of this type once at a
/// time on each CPU, and who comes while a task is preempted within it passes by.
///
/// # Errors
/// What the kernel said.
pub fn missed(program: BorrowedFd<'_>) -> Result<u64> {
    // SAFETY: all zeros are a valid request, and nothing is known yet.
    let (mut attr, mut info) =
        unsafe { (std::mem::zeroed::<bpf_attr>(), std::mem::zeroed::<bpf_prog_info>()) };
    attr.info.bpf_fd = u32::try_from(program.as_raw_fd())?;
    attr.info.info_len = u32::try_from(size_of::<bpf_prog_info>())?;
    attr.info.info = std::ptr::from_mut(&mut info) as u64;
    ask(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &attr).context("what the kernel knows of a program")?;
    Ok(info.recursion_misses)
}

fn load_types(types: &[u8]) -> Result<OwnedFd> {
    // SAFETY: all zeros are a valid request.
    let mut attr = unsafe { std::mem::zeroed::<bpf_attr>() };
    // SAFETY: the part for BPF_BTF_LOAD.
    let load = unsafe { &mut attr.__bindgen_anon_7 };
    (load.btf, load.btf_size) = (types.as_ptr() as u64, u32::try_from(types.len())?);
    Ok(bpf(bpf_cmd::BPF_BTF_LOAD, &attr)?)
}

/// For requests that make a descriptor.
fn bpf(cmd: bpf_cmd, attr: &bpf_attr) -> std::io::Result<OwnedFd> {
    let made = ask(cmd, attr)?;
    // SAFETY: the kernel has made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// The kernel's answer.
fn ask(cmd: bpf_cmd, attr: &bpf_attr) -> std::io::Result<RawFd> {
    // SAFETY: the request is whole, and what it points to is alive.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, cmd as libc::c_int, std::ptr::from_ref(attr), size_of::<bpf_attr>())
    };
    if answer < 0 { Err(std::io::Error::last_os_error()) } else { Ok(answer as RawFd) }
}
