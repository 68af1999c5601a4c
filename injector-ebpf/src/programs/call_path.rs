//! Which paths a rule means. What is compared was read into `INJ_PATH`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_user_str;
use injector_ebpf::{
    call_means::{ARGUMENTS, CALL_BELOW, CALL_GLOB, CALL_PATH},
    rule::{CALLS, MAX_PATH},
};

use super::{
    atomic,
    call_which::{argument, keep},
    gate::Slot,
    maps::{INJ_CALL_SHAPES, INJ_PATH, INJ_PATH_USED, INJ_RULES, PATH_ROOM, PATH_ROOMS},
};

/// So many steps a pattern may take, in so many rounds of so many: each letter of pattern and path is one, and each try
/// of a `*` that was too short.
const ROUNDS: usize = 32;
const STEPS: usize = 32;

/// Takes one of this CPU's rooms for a path; `PATH_ROOMS` if there is none. A task that is preempted in a program keeps
/// its room, so that there must be some for those that come meanwhile.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_take_room() -> u32 {
    for room in 0..PATH_ROOMS {
        if let Some(used) = INJ_PATH_USED.get_ptr_mut(room)
            && unsafe { atomic::exchange(used, 0, 1) } == 0
        {
            return room;
        }
    }
    PATH_ROOMS
}

/// Gives it back.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_give_room(room: u32) -> u32 {
    if let Some(used) = INJ_PATH_USED.get_ptr_mut(room) {
        unsafe { atomic::exchange(used, 1, 0) };
    }
    0
}

/// A path could not be read: counted with the first of the rules that ask for one; `bit` is how: `CALL_PATH`
/// or `CALL_FD_PATH`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_unreadable(meant: u32, bit: u32) -> u32 {
    let mut first = u32::MAX;
    keep(meant, |index, rule| {
        if first == u32::MAX && rule.call.asks & bit != 0 {
            first = index;
        }
        true
    });
    if let Some(slot) = Slot::get(first) {
        unsafe { atomic::add(&raw mut (*slot.stats).unreadable, 1) };
    }
    0
}

/// Is the rule's prefix the path that was read, or a directory above it? Compared by components.
///
/// Word by word over the whole length, with a mask, and without leaving early: a loop whose end depends on the
/// length is turned into one that counts down, whose bound the verifier of 6.1 loses.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_below(index: u32, room: u32) -> u32 {
    let Some(rule) = INJ_RULES.get(index) else { return 0 };
    let Some(path) = INJ_PATH.get(room) else { return 0 };
    let len = rule.path_len as usize & (MAX_PATH - 1);
    let word = |bytes: *const u8, k: usize| unsafe { bytes.cast::<u64>().add(k).read() };
    let mut difference = 0;
    for k in 0..MAX_PATH / 8 {
        let bytes = len.saturating_sub(8 * k);
        let mask = if bytes >= 8 { u64::MAX } else { (1 << (8 * bytes)) - 1 };
        difference |= (word(rule.path.as_ptr(), k) ^ word(path.as_ptr(), k)) & mask;
    }
    u32::from(difference == 0 && matches!(path[len], 0 | b'/'))
}

/// [`inj_glob_step`]: the path fits the pattern, or not. While both are 0, it is not known yet.
const FITS: u64 = 1 << 62;
const FITS_NOT: u64 = 1 << 63;

/// One step of comparing the path with a pattern, from one state to the next: where in the pattern (8 bits) and in the
/// path (16 bits) it is, and the same for what is behind the last `*`, to try again with one letter more.
///
/// A function of its own: what a global function returns is any number to the verifier, so that it need not follow
/// every way that all steps can take.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_glob_step(index: u32, room: u32, state: u64) -> u64 {
    let Some(rule) = INJ_RULES.get(index) else { return FITS_NOT };
    let Some(path) = INJ_PATH.get(room) else { return FITS_NOT };
    let (at, in_path) = (state & 0xff, state >> 8 & 0xffff);
    let (again, again_in_path) = (state >> 24 & 0xff, state >> 32 & 0xffff);
    let wanted = rule.path[at as usize & (MAX_PATH - 1)];
    let seen = path[in_path as usize & (PATH_ROOM - 1)];
    let tried = (again << 24) | (again_in_path << 32);
    if wanted == b'*' {
        // Where to go on from when it must hold more.
        return (at + 1) | (in_path << 8) | (at + 1) << 24 | in_path << 32;
    }
    if wanted == 0 && (seen == 0 || (seen == b'/' && rule.call.asks & CALL_BELOW != 0)) {
        return FITS;
    }
    if wanted != 0 && seen != 0 && (wanted == seen || (wanted == b'?' && seen != b'/')) {
        return (at + 1) | (in_path + 1) << 8 | tried;
    }
    // No pattern begins with `*`: 0 is none.
    let held = path[again_in_path as usize & (PATH_ROOM - 1)];
    if again == 0 || held == 0 || held == b'/' {
        return FITS_NOT;
    }
    let more = again_in_path + 1;
    again | more << 8 | again << 24 | more << 32
}

/// A round of steps, or what is left of it when it is known.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_glob_round(index: u32, room: u32, state: u64) -> u64 {
    let mut state = state;
    for _ in 0..STEPS {
        state = inj_glob_step(index, room, state);
        if state & (FITS | FITS_NOT) != 0 {
            break;
        }
    }
    state
}

/// Does the path fit the rule's pattern? 1: yes, 0: no, 2: it would take too many steps to know.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_glob(index: u32, room: u32) -> u32 {
    let mut state = 0;
    for _ in 0..ROUNDS {
        state = inj_glob_round(index, room, state);
        if state & (FITS | FITS_NOT) != 0 {
            return u32::from(state & FITS != 0);
        }
    }
    2
}

/// Of the rules that ask for a path by `bit`, those that mean the one that was read, as a set in the lower half; above it whether
/// some could not be told.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_fits(meant: u32, bit: u32, room: u32) -> u32 {
    let mut found = 0;
    keep(meant, |index, rule| {
        if rule.call.asks & bit != 0 {
            let glob = rule.call.asks & CALL_GLOB != 0;
            let fits = if glob { inj_glob(index, room) } else { inj_below(index, room) };
            found |= if fits == 2 { 1 << 16 } else { fits << (index & 15) };
        }
        true
    });
    found
}

/// Of these rules those that ask for nothing of `bit`, and those of `fits`.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_with_path(meant: u32, fits: u32, bit: u32) -> u32 {
    keep(meant, |index, rule| rule.call.asks & bit == 0 || fits >> (index & 15) & 1 != 0)
}

/// Those of these rules that mean one of the paths among the call's arguments. Only absolute ones can be told.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_typed(meant: u32, number: u64, registers: u64) -> u32 {
    let mut fits = 0;
    let mut unreadable = 0;
    let room = inj_take_room();
    match (INJ_CALL_SHAPES.get((number % CALLS as u64) as u32), INJ_PATH.get_ptr_mut(room)) {
        (Some(shape), Some(path)) => {
            for index in 0..ARGUMENTS {
                if shape >> index & 1 == 0 {
                    continue;
                }
                let at = argument(registers, index) as *const c_void;
                let length = unsafe { bpf_probe_read_user_str(path.cast(), PATH_ROOM as u32, at) };
                if length > 0 && unsafe { (*path)[0] } == b'/' {
                    fits |= inj_fits(meant, CALL_PATH, room);
                } else {
                    unreadable = 1;
                }
            }
        }
        _ => unreadable = 1,
    }
    inj_give_room(room);
    let kept = inj_with_path(meant, fits, CALL_PATH);
    if unreadable | fits >> 16 != 0 && kept != meant {
        inj_unreadable(meant & !kept, CALL_PATH);
    }
    kept
}
