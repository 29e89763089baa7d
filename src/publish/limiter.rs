//! How many requests an API gets at once: half as many when it says that it is busy, slowly more while all goes well.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Lets so many requests through as the API bears.
pub(super) struct Limiter {
    state: Mutex<State>,
    freed: Notify,
}

impl Limiter {
    /// Never more than `most` at once, and at least one.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let state =
            State { limit: most.min(FIRST) * SCALE, most: most * SCALE, under_way: 0, not_before: None, era: 0 };
        Self { state: Mutex::new(state), freed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for leave to send one request.
    pub(super) async fn permit(&self) -> Permit<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on no call is missed.
            freed.as_mut().enable();
            let turn = self.state().take(Instant::now());
            match turn {
                Turn::Now(era) => return Permit { limiter: self, era },
                Turn::After(pause) => tokio::time::sleep(pause).await,
                Turn::WhenFreed => freed.await,
            }
        }
    }
}

/// Leave to send one request; it ends with it.
pub(super) struct Permit<'a> {
    limiter: &'a Limiter,
    era: u64,
}

impl Permit<'_> {
    /// The API answered, and was not busy.
    pub(super) fn went_well(&self) {
        self.limiter.state().grow();
        self.limiter.freed.notify_one();
    }

    /// The API says that it is busy, and how long to leave it alone.
    pub(super) fn was_busy(&self, pause: Option<Duration>) {
        self.limiter.state().shrink(self.era, pause.map(|pause| Instant::now() + pause));
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limiter.state().under_way -= 1;
        self.limiter.freed.notify_one();
    }
}

/// How many requests there are at once to begin with.
const FIRST: usize = 4;

/// Limits are kept in parts of a request: one answer adds less than a whole one.
const SCALE: usize = 1024;

enum Turn {
    Now(u64),
    After(Duration),
    WhenFreed,
}

/// Limits in parts of a request.
struct State {
    limit: usize,
    most: usize,
    under_way: usize,
    not_before: Option<Instant>,
    /// How often the limit was lowered: what was sent before that says nothing about the new one.
    era: u64,
}

impl State {
    fn take(&mut self, now: Instant) -> Turn {
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            return Turn::After(at - now);
        }
        if self.under_way * SCALE + SCALE > self.limit {
            return Turn::WhenFreed;
        }
        self.under_way += 1;
        Turn::Now(self.era)
    }

    /// One request more after about as many answers as there are requests.
    fn grow(&mut self) {
        self.limit = (self.limit + SCALE * SCALE / self.limit).min(self.most);
    }

    fn shrink(&mut self, era: u64, not_before: Option<Instant>) {
        self.not_before = self.not_before.max(not_before);
        if era == self.era {
            self.limit = (self.limit / 2).max(SCALE);
            self.era += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(state: &mut State, now: Instant) -> usize {
        std::iter::from_fn(|| matches!(state.take(now), Turn::Now(_)).then_some(())).count()
    }

    #[test]
    fn a_busy_api_gets_half_as_many_once_and_slowly_more_again() {
        let limiter = Limiter::new(8);
        let now = Instant::now();
        let mut state = limiter.state();
        assert_eq!(taken(&mut state, now), 4);
        state.shrink(0, None);
        state.shrink(0, Some(now + Duration::from_secs(7)));
        assert_eq!((state.limit, state.era), (2 * SCALE, 1), "four that were under way together count once");
        state.under_way = 0;
        assert!(matches!(state.take(now), Turn::After(pause) if pause == Duration::from_secs(7)));
        let later = now + Duration::from_secs(8);
        assert_eq!(taken(&mut state, later), 2);
        let answers = std::iter::repeat_with(|| state.grow()).take(3).count();
        assert_eq!((answers, taken(&mut state, later)), (3, 1));
        (0..1000).for_each(|_| state.grow());
        assert_eq!(state.limit, 8 * SCALE, "never more than asked for");
        for era in 1..20 {
            state.shrink(era, None);
        }
        assert_eq!(state.limit, SCALE, "one always goes");
    }

    #[tokio::test]
    async fn requests_wait_for_each_other() {
        let limiter = Limiter::new(1);
        let first = limiter.permit().await;
        let second = async {
            let permit = limiter.permit().await;
            permit.went_well();
        };
        tokio::pin!(second);
        assert!(tokio::time::timeout(Duration::ZERO, &mut second).await.is_err());
        drop(first);
        second.await;
        assert_eq!(limiter.state().under_way, 0);
    }
}
