//! The heartbeat: the only writer of leases and deadlines, run by the daemon with `BPF_PROG_RUN`.

use aya_ebpf::{helpers::generated::bpf_jiffies64, macros::classifier, programs::TcContext};
use aya_log_ebpf::{debug, warn};
use injector_ebpf::{
    gate::{BEAT_DEADLINE, BEAT_INVALID, BEAT_LAPSED, BEAT_OK, BEAT_RENEW, BEAT_START, BeatRequest},
    rule::MAX_RULES,
};

use super::maps::{INJ_DEADLINES, INJ_LEASE};

#[classifier]
pub fn inj_beat(ctx: TcContext) -> i32 {
    (match ctx.load::<BeatRequest>(0) {
        Ok(request) => {
            let answer = beat(&request);
            if answer == BEAT_LAPSED {
                warn!(&ctx, "the lease has run out: beat refuses to renew it");
            } else {
                debug!(
                    &ctx,
                    "beat: operation {}, rule {}, {} ticks", request.op, request.slot, request.ticks
                );
            }
            answer
        }
        Err(_) => BEAT_INVALID,
    }) as i32
}

#[inline(always)]
fn beat(request: &BeatRequest) -> u32 {
    let Some(lease) = INJ_LEASE.get_ptr_mut(0) else { return BEAT_INVALID };
    let now = unsafe { bpf_jiffies64() };
    match request.op {
        BEAT_START => unsafe {
            (*lease).lapsed = 0;
            (*lease).until = now + request.ticks;
            BEAT_OK
        },
        BEAT_RENEW => unsafe {
            // A lapsed lease is final: a daemon that was stopped and goes on must not bring its faults back.
            if (*lease).lapsed != 0 || now > (*lease).until {
                (*lease).lapsed = 1;
                return BEAT_LAPSED;
            }
            (*lease).until = now + request.ticks;
            BEAT_OK
        },
        BEAT_DEADLINE if request.slot < MAX_RULES as u32 => {
            let Some(deadline) = INJ_DEADLINES.get_ptr_mut(request.slot) else { return BEAT_INVALID };
            unsafe { *deadline = now + request.ticks };
            BEAT_OK
        }
        _ => BEAT_INVALID,
    }
}
