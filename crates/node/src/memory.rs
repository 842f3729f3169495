//! Shared buffers: where they start, and which pages they get.

use crate::file::{Operand, values};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Bytes from the last cache line's start to that of `bytes`: 0 when rows of whole cache lines will not straddle any.
#[napi(catch_unwind)]
pub fn misalignment(bytes: Operand<Uint8Array>) -> Result<u32> {
    Ok((values(&bytes)?.as_ptr() as usize % 64) as u32)
}

/// Asks for huge pages under `bytes`, which speed up random reads of large matrices. The system may ignore it.
#[napi(catch_unwind)]
pub fn prefer_huge_pages(bytes: &[u8]) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 2 << 20;
        let start = (bytes.as_ptr() as usize).next_multiple_of(PAGE);
        let end = (bytes.as_ptr() as usize + bytes.len()) / PAGE * PAGE;
        if start < end {
            // SAFETY: the range lies inside the buffer, and the advice changes none of its contents.
            unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = bytes;
}

/// Gives freed memory that the allocator keeps for later back to the system, where that is known how.
#[napi(catch_unwind)]
pub fn trim_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it has no conditions.
    unsafe {
        libc::malloc_trim(0);
    }
}
