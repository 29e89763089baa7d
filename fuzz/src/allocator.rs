//! An allocator that counts, so that a target can say how much memory its input may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ALLOWED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// The system's allocator, with a count of the bytes that are allocated and the most there were.
pub struct Counting;

impl Counting {
    fn grow(by: usize) {
        let now = NOW.fetch_add(by, Relaxed) + by;
        PEAK.fetch_max(now, Relaxed);
        let allowed = ALLOWED.load(Relaxed);
        if now > allowed {
            // Once: the report itself allocates.
            ALLOWED.store(usize::MAX, Relaxed);
            eprintln!("{now} bytes are allocated; expected at most {allowed}");
            panic!("more memory than the budget of the input");
        }
    }
}

// SAFETY: everything is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if size > layout.size() {
            Self::grow(size - layout.size());
        } else {
            NOW.fetch_sub(layout.size() - size, Relaxed);
        }
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a piece of work that may allocate so many bytes more than there are now; panics at the allocation that goes beyond.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    ALLOWED.store(NOW.load(Relaxed).saturating_add(bytes), Relaxed);
    let done = work();
    ALLOWED.store(usize::MAX, Relaxed);
    done
}

/// The budget that altostac promises for an input of so many bytes: 64 times its size and a constant.
pub fn budget(input: usize) -> usize {
    input.saturating_mul(64).saturating_add(CONSTANT)
}

/// What any input may take.
const CONSTANT: usize = 64 << 20;
