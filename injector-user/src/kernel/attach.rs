//! Attachments, counted: two faults on one interface share one, and the last to go takes it away.

use std::collections::BTreeMap;

/// What is attached where, and for how many.
#[derive(Debug)]
pub struct Shared<K, V> {
    held: BTreeMap<K, (usize, V)>,
}

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self { held: BTreeMap::new() }
    }
}

impl<K: Ord + Clone, V> Shared<K, V> {
    /// Takes one; attaches if it is the first.
    ///
    /// # Errors
    /// That of `attach`; nothing is taken then.
    pub fn take<E>(&mut self, key: K, attach: impl FnOnce() -> Result<V, E>) -> Result<(), E> {
        if let Some((count, _)) = self.held.get_mut(&key) {
            *count += 1;
            return Ok(());
        }
        let value = attach()?;
        self.held.insert(key, (1, value));
        Ok(())
    }

    /// Gives one back; returns the attachment if it was the last.
    pub fn give(&mut self, key: &K) -> Option<V> {
        let (count, _) = self.held.get_mut(key)?;
        *count -= 1;
        if *count > 0 {
            return None;
        }
        self.held.remove(key).map(|(_, value)| value)
    }

    /// What is attached there.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.held.get(key).map(|(_, value)| value)
    }

    /// All keys.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.held.keys()
    }
}

/// Of some cgroups, those that have no other one above them: a program on a cgroup runs for all below it, and
/// must not run twice for one packet.
pub fn topmost<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<&str> = paths.into_iter().collect();
    all.sort_by_key(|path| path.split('/').collect::<Vec<_>>());
    all.dedup();
    let mut top: Vec<&str> = Vec::new();
    for path in all {
        let below = |above: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
        if !top.iter().any(|above| below(above)) {
            top.push(path);
        }
    }
    top.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attaches_and_the_last_detaches() {
        let mut shared: Shared<u32, &str> = Shared::default();
        shared.take(1, || Ok::<_, ()>("link")).unwrap();
        shared.take(1, || -> Result<_, ()> { unreachable!("attached already") }).unwrap();
        assert_eq!(shared.give(&1), None);
        assert_eq!(shared.get(&1), Some(&"link"));
        assert_eq!(shared.give(&1), Some("link"));
        assert_eq!(shared.get(&1), None);
        assert_eq!(shared.give(&1), None);
        assert_eq!(shared.take(2, || Err("no")), Err("no"));
        assert_eq!(shared.keys().count(), 0);
    }

    #[test]
    fn a_cgroup_below_another_is_left_out() {
        assert_eq!(topmost(["/a/b", "/a", "/ab", "/c/d", "/c/d", "/c/d/e"]), ["/a", "/ab", "/c/d"]);
    }
}
