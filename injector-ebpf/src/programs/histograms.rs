//! RTT histograms of flows: places in an array, which some flows have.

use injector_ebpf::{
    flow::{DepValue, Flow},
    hist::BUCKETS,
    rtt::{FlowRtt, HISTOGRAM_TRIES, NO_HISTOGRAM, histogram_place},
};

use super::{atomic, maps::INJ_FLOW_RTT};

/// A flow's histogram, if it has one or gets one now.
///
/// # Safety
/// The caller processes a segment of the flow's socket: nobody else gives it one.
#[inline(always)]
pub unsafe fn of(flow: *mut Flow) -> Option<*mut FlowRtt> {
    unsafe {
        if (*flow).histogram == 0 {
            (*flow).histogram = inj_claim_rtt((*flow).cookie) as u16;
        }
        // NO_HISTOGRAM is no place.
        INJ_FLOW_RTT.get_ptr_mut(u32::from((*flow).histogram).wrapping_sub(1))
    }
}

/// Takes a free place for the flow with this number: what [`Flow::histogram`] is then.
#[unsafe(no_mangle)]
#[inline(never)]
pub extern "C" fn inj_claim_rtt(cookie: u64) -> u32 {
    // It has ended meanwhile.
    if cookie == 0 {
        return u32::from(NO_HISTOGRAM);
    }
    for attempt in 0..HISTOGRAM_TRIES {
        let place = histogram_place(cookie, attempt);
        if let Some(rtt) = INJ_FLOW_RTT.get_ptr_mut(place) {
            let free =
                unsafe { (*rtt).cookie == 0 && atomic::exchange(&raw mut (*rtt).cookie, 0, cookie) == 0 };
            if free {
                return place + 1;
            }
        }
    }
    u32::from(NO_HISTOGRAM)
}

/// Moves the samples of a flow that has ended to its dependency (null: there is none), and gives the place back.
///
/// # Safety
/// The caller has ended the flow, which was that of the socket `cookie`: nobody else does.
#[inline(always)]
pub unsafe fn end(flow: *mut Flow, cookie: u64, dep: *mut DepValue) {
    unsafe {
        let place = u32::from((*flow).histogram).wrapping_sub(1);
        (*flow).histogram = 0;
        let Some(rtt) = INJ_FLOW_RTT.get_ptr_mut(place) else { return };
        if (*rtt).cookie != cookie {
            return;
        }
        for i in 0..BUCKETS {
            let n = (*rtt).rtt[i];
            if n != 0 {
                if !dep.is_null() {
                    atomic::add32(&raw mut (*dep).rtt[i], n);
                }
                (*rtt).rtt[i] = 0;
            }
        }
        // Only now is it free: whoever takes it finds it empty.
        atomic::take(&raw mut (*rtt).cookie);
    }
}
