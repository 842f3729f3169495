//! Files as memory: read-only maps and checksums.

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// Maps the whole file at `path` into memory and gives its bytes. Threads and processes that map the same file share
/// its pages. Writing to the bytes changes only this process's copy, never the file. An empty file gives no bytes.
#[napi]
pub fn map_file(env: &Env, path: String) -> Result<Uint8ArraySlice<'_>> {
    let failed = |e: std::io::Error| Error::from_reason(format!("cannot map {path}: {e}"));
    let file = std::fs::File::open(&path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Uint8ArraySlice::from_data(env, Vec::new());
    }
    // SAFETY: the files of Aurochs appear by rename and are never changed in place; a private map keeps what
    // JavaScript may write from reaching the file. It is written to so rarely that no swap is set aside for it: a file
    // may be larger than memory.
    let mut map = unsafe { memmap2::MmapOptions::new().no_reserve_swap().map_copy(&file) }.map_err(failed)?;
    let (data, length) = (map.as_mut_ptr(), map.len());
    // SAFETY: the bytes live until the finalizer, which owns the map, drops it.
    unsafe { Uint8ArraySlice::from_external(env, data, length, map, |_env, map| drop(map)) }
}

/// CRC-32 (IEEE) of `bytes`, continuing from `seed` (0 at first).
#[napi]
pub fn crc32(bytes: &[u8], seed: Option<u32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed.unwrap_or(0));
    hasher.update(bytes);
    hasher.finalize()
}

/// The names of the instruction sets that this processor has, widest first (`avx512`, `avx2`, `neon`, `plain`).
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    aurochs_kernels::simd::Simd::available().into_iter().map(|simd| simd.name()).collect()
}
