//! A line of a few letters.

const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last `width` values, each as high as it is to the greatest of them; the lowest is for 0 only.
pub fn spark(values: &[u64], width: usize) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let most = shown.iter().copied().max().unwrap_or(0).max(1);
    let height = |value: &u64| match u128::from(*value) * 7 {
        0 => HEIGHTS[0],
        scaled => HEIGHTS[usize::try_from(scaled.div_ceil(u128::from(most))).unwrap_or(7).min(7)],
    };
    shown.iter().map(height).collect()
}
