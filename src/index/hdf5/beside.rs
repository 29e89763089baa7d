//! One wave of a large file, read and parsed by several threads.

use std::cell::Cell;

use rayon::prelude::*;

/// A wave of so many bytes is worth more than one thread.
const WORTH: u64 = 512 << 10;
/// More threads would have too little to do each.
const MOST: usize = 8;

thread_local! {
    /// Whether this thread waits for others: what it takes over meanwhile, perhaps a whole file, is done by it alone, so that no thread
    /// has more than two files under way.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// In how many parts a wave of so many bytes is best done; 1: as a whole.
pub(super) fn parts(bytes: u64) -> usize {
    if bytes < WORTH || WAITS.get() { 1 } else { rayon::current_num_threads().min(MOST) }
}

/// Does every task, several at once; the answers are in the order of the tasks.
pub(super) fn each<T: Send, R: Send>(tasks: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    WAITS.set(true);
    let answers = tasks.into_par_iter().map(work).collect();
    WAITS.set(false);
    answers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_begins_no_more() {
        assert_eq!(parts(WORTH - 1), 1);
        let inner = each(vec![1, 2, 3], |number| (number, each(vec![number], |number| 2 * number)));
        assert_eq!(inner, [(1, vec![2]), (2, vec![4]), (3, vec![6])]);
        WAITS.set(true);
        assert_eq!(parts(u64::MAX), 1);
        WAITS.set(false);
    }
}
