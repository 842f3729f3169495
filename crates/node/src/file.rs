//! Files as memory: read-only maps and checksums.

use memmap2::{MmapMut, MmapOptions};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

/// Maps the whole file at `path` into memory and returns its bytes. Threads and processes that map the same file share
/// its pages, and threads of one process the map itself. Writing to the bytes changes only this process's copy, never
/// the file. An empty file gives no bytes.
#[napi]
pub fn map_file(env: &Env, path: String) -> Result<Uint8ArraySlice<'_>> {
    let failed = |e: std::io::Error| Error::from_reason(format!("cannot map {path}: {e}"));
    let file = File::open(&path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Uint8ArraySlice::from_data(env, Vec::new());
    }
    let map = shared_map(&file).map_err(failed)?;
    let (data, length) = (map.as_ptr().cast_mut(), map.len());
    // SAFETY: the bytes live until the finalizer drops this share of the map.
    unsafe { Uint8ArraySlice::from_external(env, data, length, map, |_env, map| drop(map)) }
}

/// Identifies a file, as opposed to another or to a later one at its path: device, inode, bytes, time of last change.
type Identity = (u64, u64, u64, Option<SystemTime>);

/// The maps in use, so that each worker thread adds nothing to what the process holds.
static MAPS: Mutex<BTreeMap<Identity, Weak<MmapMut>>> = Mutex::new(BTreeMap::new());

fn shared_map(file: &File) -> std::io::Result<Arc<MmapMut>> {
    let identity = identity(&file.metadata()?);
    let mut maps = MAPS.lock().unwrap_or_else(PoisonError::into_inner);
    maps.retain(|_, map| map.strong_count() > 0);
    if let Some(map) = identity.and_then(|identity| maps.get(&identity)).and_then(Weak::upgrade) {
        return Ok(map);
    }
    // SAFETY: the files of Aurochs appear by rename and are never changed in place; a private map keeps what
    // JavaScript may write from reaching the file. It is written to so rarely that no swap is set aside for it: a file
    // may be larger than memory.
    let map = Arc::new(unsafe { MmapOptions::new().no_reserve_swap().map_copy(file) }?);
    if let Some(identity) = identity {
        maps.insert(identity, Arc::downgrade(&map));
    }
    Ok(map)
}

#[cfg(unix)]
fn identity(about: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((about.dev(), about.ino(), about.len(), about.modified().ok()))
}

#[cfg(not(unix))]
fn identity(_about: &Metadata) -> Option<Identity> {
    None
}

/// CRC-32 (IEEE) of `bytes`, continuing from `seed` (0 at first).
#[napi]
pub fn crc32(bytes: &[u8], seed: Option<u32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed.unwrap_or(0));
    hasher.update(bytes);
    hasher.finalize()
}

/// The names of the instruction sets that this processor has, widest first (`avx512vnni`, `avx512`, `avx2`, `neon`, `plain`).
#[napi]
pub fn instruction_sets() -> Vec<&'static str> {
    aurochs_kernels::simd::Simd::available().into_iter().map(|simd| simd.name()).collect()
}
