//! A version that is odd while what it guards is written (a sequence lock: Lameter 2005; Boehm 2012, "Can seqlocks get along with
//! programming language memory models?"): one thread writes, any number read, and read again where they find another version
//! afterwards. What is guarded is only touched atomically.

use std::sync::atomic::{AtomicU32, Ordering, fence};

/// Makes the version odd, also where a write ended in the midst: what is written next is not seen before.
pub(crate) fn begin_write(version: &AtomicU32) -> u32 {
    let before = version.load(Ordering::Relaxed) & !1;
    version.store(before | 1, Ordering::Relaxed);
    fence(Ordering::Release);
    before
}

/// Makes the version even: what was written is seen before.
pub(crate) fn end_write(version: &AtomicU32, before: u32) {
    version.store(before.wrapping_add(2), Ordering::Release);
}

/// What `read` gives, if nothing was written meanwhile.
#[inline(always)]
pub(crate) fn try_read<T>(version: &AtomicU32, read: impl FnOnce() -> T) -> Option<T> {
    let before = version.load(Ordering::Acquire);
    if before % 2 == 1 {
        std::hint::spin_loop();
        return None;
    }
    let found = read();
    // What was read before is not read after the version is read again.
    fence(Ordering::Acquire);
    (version.load(Ordering::Relaxed) == before).then_some(found)
}
