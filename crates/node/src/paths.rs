//! Atomic exchange of two paths.

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Exchanges the files or directories at `a` and `b` in one step: other processes find something at both at any time.
/// Gives false, and changes nothing, where the system or the file system cannot do that.
///
/// # Errors
/// Names both paths and the system's reason, such as a path that does not exist or two different file systems.
#[napi(catch_unwind)]
pub fn exchange_paths(a: String, b: String) -> Result<bool> {
    exchange(&a, &b).map_err(|e| Error::from_reason(format!("cannot exchange {a} and {b}: {e}")))
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &str, b: &str) -> std::io::Result<bool> {
    use std::ffi::CString;
    let (a, b) = (CString::new(a)?, CString::new(b)?);
    // SAFETY: both are C strings that outlive the call. The call by number works with a libc that lacks the function.
    #[cfg(target_os = "linux")]
    let status = unsafe {
        libc::syscall(
            libc::SYS_renameat2,
            libc::AT_FDCWD,
            a.as_ptr(),
            libc::AT_FDCWD,
            b.as_ptr(),
            libc::RENAME_EXCHANGE,
        )
    };
    // SAFETY: as above.
    #[cfg(target_os = "macos")]
    let status = unsafe { libc::renamex_np(a.as_ptr(), b.as_ptr(), libc::RENAME_SWAP) };
    if status == 0 {
        return Ok(true);
    }
    let error = std::io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EINVAL | libc::ENOSYS | libc::ENOTSUP) => Ok(false),
        _ => Err(error),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_a: &str, _b: &str) -> std::io::Result<bool> {
    Ok(false)
}
