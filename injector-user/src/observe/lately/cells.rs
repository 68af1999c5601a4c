//! A histogram of which most buckets are empty.

use injector_ebpf::hist::BUCKETS;

/// Counts of the buckets that have any, by bucket: 8 bytes each instead of 4 for all 192.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells(Box<[(u8, u32)]>);

/// From here on a difference is taken for a negative one: the kernel's counts wrap at 2^32.
const NEGATIVE: u32 = 1 << 31;

impl Cells {
    pub(super) fn of(buckets: &[u32; BUCKETS]) -> Self {
        let some = (0u8..).zip(buckets).filter(|(_, n)| **n > 0);
        Self(some.map(|(bucket, n)| (bucket, *n)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, bucket: u8) -> u32 {
        self.0.binary_search_by_key(&bucket, |(bucket, _)| *bucket).map_or(0, |at| self.0[at].1)
    }

    /// What came since `before`. What became less is nothing: a flow that ended while all was read is missing once.
    pub(super) fn since(&self, before: &Self) -> Self {
        let came = |(bucket, n): &(u8, u32)| {
            let more = n.wrapping_sub(before.get(*bucket));
            (more > 0 && more < NEGATIVE).then_some((*bucket, more))
        };
        Self(self.0.iter().filter_map(came).collect())
    }

    /// The later of the two counts of each bucket: what became less has not.
    pub(super) fn or(&self, before: &Self) -> Self {
        let (mut sum, came) = ([0; BUCKETS], self.since(before));
        before.add_to(&mut sum);
        came.add_to(&mut sum);
        Self::of(&sum)
    }

    /// Adds it to `sum`.
    pub(super) fn add_to(&self, sum: &mut [u32; BUCKETS]) {
        for (bucket, n) in &self.0 {
            if let Some(sum) = sum.get_mut(usize::from(*bucket)) {
                *sum = sum.wrapping_add(*n);
            }
        }
    }
}
