//! Which files, sockets and pipes a rule means: what the descriptor among a call's arguments refers to, as the kernel's
//! own structures say. They are read by address: what goes away meanwhile reads as something else or as 0, and harms
//! nobody.

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel, bpf_probe_read_kernel_str};
use injector_ebpf::{
    call_means::{ARGUMENTS, CALL_FD_DISK, CALL_FD_PATH, CALL_FD_TYPE, DISK_TYPES, SHAPE_FD, SHAPE_MIXED},
    rule::CALLS,
};

use super::{
    call_path::{inj_fits, inj_give_room, inj_take_room, inj_unreadable, inj_with_path},
    call_which::{argument, inj_asks, keep, read},
    kernel::offset,
    maps::{INJ_CALL_SHAPES, INJ_PATH, INJ_WALK, NAMES_ROOM, PATH_ROOM},
};

/// So many names and mounts a path may have.
const STEPS: usize = 128;
/// NAME_MAX of the kernel.
const LONGEST_NAME: u64 = 255;

/// The address of a field.
macro_rules! at {
    ($base:expr, $name:ident) => {
        $base + unsafe { offset!($name) } as u64
    };
}

/// Where a path is on its way up from a file to the root.
#[repr(C)]
pub struct Walk {
    dentry: u64,
    /// `struct mount`
    mount: u64,
    root_dentry: u64,
    /// `struct vfsmount`
    root_mount: u64,
    /// The names that were found, written from the end on.
    names: [u8; NAMES_ROOM],
}

/// The argument that a shape says is at `shift`; the address of the user's registers.
#[inline(always)]
pub fn argument_of(shape: u32, shift: u32, registers: u64) -> Option<u64> {
    let place = (shape >> shift & 15) as usize;
    // One after the other: the registers' places are constants to the verifier then.
    for index in 0..ARGUMENTS {
        if place == index + 1 {
            return Some(argument(registers, index));
        }
    }
    None
}

/// The `struct file` that a descriptor of this task refers to; 0: none.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_file(descriptor: u32) -> u64 {
    let files = read::<u64>(at!(unsafe { bpf_get_current_task() }, OFF_FILES));
    let table = read::<u64>(at!(files, OFF_FDT));
    if descriptor >= read::<u32>(at!(table, OFF_MAX_FDS)) {
        return 0;
    }
    read(read::<u64>(at!(table, OFF_FDS)) + 8 * u64::from(descriptor))
}

/// The `struct file` that the descriptor among a call's arguments refers to, by the call's shape; 0: none.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_file_of(shape: u32, registers: u64) -> u64 {
    match argument_of(shape, SHAPE_FD, registers) {
        Some(descriptor) => inj_file(descriptor as u32),
        None => 0,
    }
}

/// [`inj_walk_step`]: this is the root; it can't be told.
const ROOT: u64 = 1 << 62;
const LOST: u64 = 1 << 63;

/// One name or mount further up, from where the names begin to where they begin then.
///
/// As the kernel's `prepend_path`. A function of its own for the same reason as `inj_glob_step`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_walk_step(begin: u64, room: u32) -> u64 {
    let Some(walk) = INJ_WALK.get_ptr_mut(room) else { return LOST };
    let walk = unsafe { &mut *walk };
    let (dentry, mount) = (walk.dentry, walk.mount);
    let mounted = at!(mount, OFF_MOUNT_MNT);
    if dentry == 0 || mount == 0 {
        return LOST;
    }
    if dentry == walk.root_dentry && mounted == walk.root_mount {
        return ROOT | begin;
    }
    if dentry == read::<u64>(at!(mounted, OFF_MNT_ROOT)) {
        let parent = read::<u64>(at!(mount, OFF_MNT_PARENT));
        if parent == mount {
            return ROOT | begin;
        }
        (walk.dentry, walk.mount) = (read(at!(mount, OFF_MNT_POINT)), parent);
        return begin;
    }
    let parent = read::<u64>(at!(dentry, OFF_D_PARENT));
    if parent == dentry {
        return ROOT | begin;
    }
    let length = u64::from(read::<u32>(at!(dentry, OFF_D_LEN)));
    let name = read::<u64>(at!(dentry, OFF_D_NAME));
    if length > LONGEST_NAME || begin <= length || begin > PATH_ROOM as u64 {
        return LOST;
    }
    let begin = (begin - length - 1) & (PATH_ROOM as u64 - 1);
    walk.names[begin as usize] = b'/';
    let to = unsafe { walk.names.as_mut_ptr().add(begin as usize + 1) };
    if unsafe { bpf_probe_read_kernel(to.cast(), (length & LONGEST_NAME) as u32, name as *const _) } != 0 {
        return LOST;
    }
    walk.dentry = parent;
    begin
}

/// Writes a file's path into `INJ_PATH`, as this task's root has it; nothing for what is in no file system (pipes,
/// sockets). 0: it could not be read.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_file_path(file: u64, room: u32) -> u32 {
    let (Some(walk), Some(path)) = (INJ_WALK.get_ptr_mut(room), INJ_PATH.get_ptr_mut(room)) else { return 0 };
    let fs = read::<u64>(at!(unsafe { bpf_get_current_task() }, OFF_FS));
    let mounted = read::<u64>(at!(file, OFF_F_MNT));
    // At the end of the names there is always a NUL: they are written before it.
    let walk = unsafe { &mut *walk };
    walk.dentry = read(at!(file, OFF_F_DENTRY));
    walk.mount = mounted - unsafe { offset!(OFF_MOUNT_MNT) } as u64;
    walk.root_dentry = read(at!(fs, OFF_ROOT_DENTRY));
    walk.root_mount = read(at!(fs, OFF_ROOT_MNT));
    walk.names[PATH_ROOM] = 0;
    let walk: *const Walk = walk;
    let mut begin = PATH_ROOM as u64;
    for _ in 0..STEPS {
        begin = inj_walk_step(begin, room);
        if begin & (ROOT | LOST) != 0 {
            break;
        }
    }
    if begin & ROOT == 0 {
        return 0;
    }
    let begin = (begin & !ROOT) as usize;
    if begin >= PATH_ROOM {
        unsafe { (*path)[0] = 0 };
        return 1;
    }
    let from = unsafe { (*walk).names.as_ptr().add(begin) };
    u32::from(unsafe { bpf_probe_read_kernel_str(path.cast(), PATH_ROOM as u32, from.cast()) } > 0)
}

/// Those of these rules that mean what is of this type; those that ask for `mixed` mean what is on a disk.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_type_is(meant: u32, kind: u32, mixed: u32) -> u32 {
    keep(meant, |_, rule| {
        (rule.call.asks & CALL_FD_TYPE == 0 || rule.call.fd_types & kind != 0)
            && (rule.call.asks & mixed == 0 || DISK_TYPES & kind != 0)
    })
}

/// Those of these rules that mean what the call's descriptor refers to.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_descriptor(meant: u32, number: u64, registers: u64) -> u32 {
    let shape = INJ_CALL_SHAPES.get((number % CALLS as u64) as u32).copied().unwrap_or(0);
    let mixed = if shape & SHAPE_MIXED != 0 { CALL_FD_DISK } else { 0 };
    let file = inj_file_of(shape, registers);
    if file == 0 {
        return inj_with_path(meant, 0, CALL_FD_PATH | CALL_FD_TYPE | mixed);
    }
    let mode = read::<u16>(at!(read::<u64>(at!(file, OFF_F_INODE)), OFF_I_MODE));
    let left = inj_type_is(meant, 1 << (mode >> 12), mixed);
    if inj_asks(left) & CALL_FD_PATH == 0 {
        return left;
    }
    let mut fits = 0;
    let mut unreadable = 1;
    let room = inj_take_room();
    if inj_file_path(file, room) != 0 {
        fits = inj_fits(left, CALL_FD_PATH, room);
        unreadable = fits >> 16;
    }
    inj_give_room(room);
    let kept = inj_with_path(left, fits, CALL_FD_PATH);
    if unreadable != 0 && kept != left {
        inj_unreadable(left & !kept, CALL_FD_PATH);
    }
    kept
}
