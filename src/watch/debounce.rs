//! What happens often and is followed once: pure.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Gathers events by key until a key has come to rest.
///
/// A key is due when nothing was noted of it for `quiet`, at the latest `longest` after the first event that waits.
///
/// ```
/// use std::time::{Duration, Instant};
/// use altostac::watch::Debounce;
/// let start = Instant::now();
/// let mut waiting = Debounce::new(Duration::from_secs(10), Duration::from_secs(60));
/// waiting.note("item", 1, start);
/// waiting.note("item", 2, start + Duration::from_secs(5));
/// assert!(waiting.take(start + Duration::from_secs(14)).is_empty());
/// assert_eq!(waiting.take(start + Duration::from_secs(15)), [("item", vec![1, 2])]);
/// ```
#[derive(Debug)]
pub struct Debounce<K, E> {
    quiet: Duration,
    longest: Duration,
    waiting: BTreeMap<K, Waiting<E>>,
}

#[derive(Debug)]
struct Waiting<E> {
    due: Instant,
    latest: Instant,
    events: Vec<E>,
}

impl<K: Ord + Clone, E> Debounce<K, E> {
    /// Nothing waits yet.
    pub fn new(quiet: Duration, longest: Duration) -> Self {
        Self { quiet, longest: longest.max(quiet), waiting: BTreeMap::new() }
    }

    /// Something happened to a key. What was put off is due as any other then: what is new may be the remedy.
    pub fn note(&mut self, key: K, event: E, now: Instant) {
        let latest = now + self.longest;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting { due: now, latest, events: Vec::new() });
        waiting.latest = waiting.latest.min(latest);
        waiting.due = (now + self.quiet).min(waiting.latest);
        waiting.events.push(event);
    }

    /// Puts events back that could not be followed: they are due again at `until`, or earlier if something new happens to the key.
    pub fn put_off(&mut self, key: K, events: Vec<E>, until: Instant) {
        match self.waiting.get_mut(&key) {
            // Something new waits already; it takes the old along.
            Some(waiting) => waiting.events.extend(events),
            None => {
                let latest = until + self.longest;
                self.waiting.insert(key, Waiting { due: until, latest, events });
            }
        }
    }

    /// When the next key is due.
    pub fn next(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.due).min()
    }

    /// The keys that are due, with their events in the order in which they were noted; they wait no longer.
    pub fn take(&mut self, now: Instant) -> Vec<(K, Vec<E>)> {
        let due: Vec<K> =
            self.waiting.iter().filter(|(_, waiting)| waiting.due <= now).map(|(key, _)| key.clone()).collect();
        due.into_iter().filter_map(|key| self.waiting.remove(&key).map(|waiting| (key, waiting.events))).collect()
    }

    /// Everything that waits, due or not.
    pub fn take_all(&mut self) -> Vec<(K, Vec<E>)> {
        std::mem::take(&mut self.waiting).into_iter().map(|(key, waiting)| (key, waiting.events)).collect()
    }

    /// How many keys wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const QUIET: u64 = 10;
    const LONGEST: u64 = 45;

    proptest! {
        /// Whatever comes when: nothing is lost, nothing comes twice, nothing too early, nothing too late.
        #[test]
        fn every_event_comes_once_and_in_time(steps in prop::collection::vec((0u64..4, 0u64..20), 1..200)) {
            let start = Instant::now();
            let at = |seconds: u64| start + Duration::from_secs(seconds);
            let mut debounce = Debounce::new(Duration::from_secs(QUIET), Duration::from_secs(LONGEST));
            let mut open: BTreeMap<u64, Vec<(usize, u64)>> = BTreeMap::new();
            let (mut now, mut came) = (0, Vec::new());
            let check = |taken: Vec<(u64, Vec<usize>)>, now: u64, open: &mut BTreeMap<u64, Vec<(usize, u64)>>, came: &mut Vec<usize>| {
                for (key, events) in taken {
                    let noted = open.remove(&key).unwrap_or_default();
                    assert_eq!(noted.iter().map(|(number, _)| *number).collect::<Vec<_>>(), events);
                    let (first, last) = (noted[0].1, noted[noted.len() - 1].1);
                    assert!(now >= last + QUIET || now >= first + LONGEST, "too early");
                    came.extend(events);
                }
                for noted in open.values() {
                    let (first, last) = (noted[0].1, noted[noted.len() - 1].1);
                    assert!(now < last + QUIET && now < first + LONGEST, "too late");
                }
            };
            for (number, (key, pause)) in steps.iter().enumerate() {
                now += pause;
                check(debounce.take(at(now)), now, &mut open, &mut came);
                debounce.note(*key, number, at(now));
                open.entry(*key).or_default().push((number, now));
            }
            while let Some(next) = debounce.next() {
                now = now.max((next - start).as_secs());
                check(debounce.take(at(now)), now, &mut open, &mut came);
            }
            came.sort_unstable();
            prop_assert_eq!(came, (0..steps.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_put_off_waits_unless_something_new_happens() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut debounce = Debounce::new(Duration::from_secs(QUIET), Duration::from_secs(LONGEST));
        debounce.put_off("a", vec![1], at(100));
        assert!(debounce.take(at(99)).is_empty());
        debounce.note("a", 2, at(50));
        assert_eq!(debounce.next(), Some(at(60)));
        assert_eq!(debounce.take(at(60)), [("a", vec![1, 2])]);
        assert!(debounce.is_empty());
    }
}
