//! A global allocator that counts, and that can be told at start to be jemalloc.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use tikv_jemallocator::Jemalloc;

/// The environment variable that chooses the allocator: `jemalloc`, or anything else for the
/// system's.
pub const CHOICE_VARIABLE: &str = "SOCKEYE_BENCH_ALLOCATOR";

/// Allocations since counting was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that gave memory: fresh, zeroed or grown.
    pub allocations: u64,
    /// The bytes they asked for.
    pub bytes: u64,
    /// Those calls that asked for at least the number of bytes given to [`start`].
    pub large: u64,
}

/// The allocator: counts while counting is on, and passes everything on.
#[derive(Debug)]
pub struct Counting;

static COUNTING: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LARGE: AtomicU64 = AtomicU64::new(0);
static LARGE_FROM: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Counts from zero; allocations of at least `large` bytes are counted apart too.
pub fn start(large: usize) {
    LARGE_FROM.store(large, Relaxed);
    for counter in [&ALLOCATIONS, &BYTES, &LARGE] {
        counter.store(0, Relaxed);
    }
    COUNTING.store(true, Relaxed);
}

/// Ends the counting and says what was counted.
pub fn stop() -> Counts {
    COUNTING.store(false, Relaxed);
    Counts {
        allocations: ALLOCATIONS.load(Relaxed),
        bytes: BYTES.load(Relaxed),
        large: LARGE.load(Relaxed),
    }
}

// A load and a branch while counting is off, so that CPU measurements do not pay for it.
fn count(size: usize) {
    if COUNTING.load(Relaxed) {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(size as u64, Relaxed);
        if size >= LARGE_FROM.load(Relaxed) {
            LARGE.fetch_add(1, Relaxed);
        }
    }
}

const UNKNOWN: u8 = 0;
const SYSTEM: u8 = 1;
const JEMALLOC: u8 = 2;

static CHOICE: AtomicU8 = AtomicU8::new(UNKNOWN);

fn is_jemalloc() -> bool {
    match CHOICE.load(Relaxed) {
        UNKNOWN => choose(),
        choice => choice == JEMALLOC,
    }
}

// Called by the first allocation, before `main`: neither allocates nor may the answer ever change,
// since memory must go back to the allocator it came from.
#[cold]
fn choose() -> bool {
    // SAFETY: the name ends with a zero byte, no other thread runs yet that could change the
    // environment, and the value is read before anyone can.
    let jemalloc = unsafe {
        let value = libc::getenv(c"SOCKEYE_BENCH_ALLOCATOR".as_ptr());
        !value.is_null() && libc::strcmp(value, c"jemalloc".as_ptr()) == 0
    };
    CHOICE.store(if jemalloc { JEMALLOC } else { SYSTEM }, Relaxed);
    jemalloc
}

// SAFETY: every call goes unchanged to one and the same allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe {
            if is_jemalloc() {
                Jemalloc.alloc(layout)
            } else {
                System.alloc(layout)
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe {
            if is_jemalloc() {
                Jemalloc.alloc_zeroed(layout)
            } else {
                System.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promises are handed on, to the allocator the memory came from.
        unsafe {
            if is_jemalloc() {
                Jemalloc.realloc(pointer, layout, size)
            } else {
                System.realloc(pointer, layout, size)
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on, to the allocator the memory came from.
        unsafe {
            if is_jemalloc() {
                Jemalloc.dealloc(pointer, layout)
            } else {
                System.dealloc(pointer, layout)
            }
        }
    }
}
