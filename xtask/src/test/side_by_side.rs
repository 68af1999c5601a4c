//! Several at a time, in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What `f` makes of each of `items`, in their order; `at_once` of them are made at a time, the first ones first.
///
/// # Panics
/// If `f` does.
pub fn map<T: Sync, R: Send>(items: &[T], at_once: usize, f: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, made) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, items.len().max(1)) {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let one = f(item);
                    made.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push((index, one));
                }
            });
        }
    });
    let mut made = made.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn so_many_at_a_time_and_all_in_order() {
        // Nobody gets past it alone: with fewer at a time this would never end.
        let both = Barrier::new(2);
        let squares = map(&[1, 2, 3, 4], 2, |n| {
            both.wait();
            n * n
        });
        assert_eq!(squares, [1, 4, 9, 16]);
        assert!(map(&[] as &[u8], 2, |n| *n).is_empty());
        assert_eq!(map(&[7, 8], 0, |n| *n), [7, 8], "one at least");
    }
}
