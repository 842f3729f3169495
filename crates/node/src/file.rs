//! Files as memory: read-only maps and checksums.

use crate::views::SharedArray;
use memmap2::{MmapMut, MmapOptions};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

/// Bytes of a file, in memory by a map: what a kernel reads where it lies, without an array over it. V8 counts the bytes of
/// such an array, though not those of a map, as allocated, and collects garbage the sooner (64 MiB after it last did): a
/// hundred megabytes, on each thread that opens a model, cost a server under load some 100 ms of its cores.
#[napi]
pub struct FileSlice {
    /// None where there are no bytes: an empty file cannot be mapped.
    map: Option<Arc<MmapMut>>,
    range: Range<usize>,
}

/// Maps the whole file at `path`: what is read is the file that is there now, even when another takes its place. Threads and
/// processes that map the same file share its pages, and threads of one process the map itself.
#[napi(catch_unwind)]
pub fn map_file(path: String) -> Result<FileSlice> {
    let failed = |e: std::io::Error| Error::from_reason(format!("cannot map {path}: {e}"));
    // Asked before it is opened, which waits where it is a pipe.
    let about = std::fs::metadata(&path).map_err(failed)?;
    if !about.is_file() {
        return Err(Error::from_reason(format!("cannot map {path}: it must be a file")));
    }
    let file = File::open(&path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(FileSlice { map: None, range: 0..0 });
    }
    let map = shared_map(&file).map_err(failed)?;
    let range = 0..map.len();
    Ok(FileSlice { map: Some(map), range })
}

#[napi]
impl FileSlice {
    /// In bytes.
    #[napi(getter, catch_unwind)]
    pub fn length(&self) -> f64 {
        self.range.len() as f64
    }

    /// The bytes from `begin` to before `end` of these.
    #[napi(catch_unwind)]
    pub fn slice(&self, begin: f64, end: f64) -> Result<FileSlice> {
        Ok(FileSlice { map: self.map.clone(), range: self.part(begin, end)? })
    }

    /// An array over the bytes; nothing is copied. Writing to it changes only this process's copy, never the file.
    #[napi(catch_unwind)]
    pub fn view(&self, env: &Env) -> Result<Uint8ArraySlice<'_>> {
        match &self.map {
            Some(map) if !self.range.is_empty() => {
                let (data, length) = (self.bytes().as_ptr().cast_mut(), self.range.len());
                // SAFETY: the bytes live until the finalizer drops this share of the map, which is private to the process.
                // As with any typed array a kernel must not read what JavaScript writes to at the same time.
                unsafe { Uint8ArraySlice::from_external(env, data, length, map.clone(), |_, map| drop(map)) }
            }
            _ => Uint8ArraySlice::from_data(env, Vec::new()),
        }
    }

    /// Copies the bytes from `begin` on to `into`, which they fill.
    #[napi(catch_unwind)]
    pub fn read(&self, begin: f64, #[napi(ts_arg_type = "Uint8Array")] into: SharedArray<u8>) -> Result<()> {
        let part = self.part(begin, begin + into.len() as f64)?;
        let Some(map) = &self.map else { return Ok(()) };
        let from = &map[part];
        // SAFETY: both are as long; where the array is a view of the map, which is private and writable, they may overlap.
        unsafe { from.as_ptr().copy_to(into.as_ptr(), from.len()) };
        Ok(())
    }

    /// Copies the values at `indices` to `into`, which they fill: a value is `into.len() / indices.len()` bytes wide.
    #[napi(catch_unwind)]
    pub fn gather(
        &self,
        indices: Uint32Array,
        #[napi(ts_arg_type = "Uint8Array")] into: SharedArray<u8>,
    ) -> Result<()> {
        if indices.is_empty() {
            return Ok(());
        }
        let width = into.len() / indices.len();
        if width == 0 || !into.len().is_multiple_of(indices.len()) {
            let (room, count) = (into.len(), indices.len());
            return Err(Error::from_reason(format!("{room} bytes are no place for {count} values of one width")));
        }
        let bytes = self.bytes();
        for (place, &index) in indices.iter().enumerate() {
            if index as usize >= bytes.len() / width {
                let size = bytes.len() / width;
                return Err(Error::from_reason(format!("expected an index below {size}, got {index}")));
            }
            let found = bytes[index as usize * width..][..width].as_ptr();
            // SAFETY: there is room for as many values as indices; as in `read`, they may overlap.
            unsafe { found.copy_to(into.as_ptr().add(place * width), width) };
        }
        Ok(())
    }

    /// Closes the slice: it has no bytes from now on. A map of which no slice and no view is left is unmapped, so that the
    /// space of a file that was deleted is free; without this call, when garbage is collected.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        *self = FileSlice { map: None, range: 0..0 };
    }

    fn part(&self, begin: f64, end: f64) -> Result<Range<usize>> {
        if !(0.0 <= begin && begin <= end && end <= self.length() && begin.fract() == 0.0 && end.fract() == 0.0) {
            let length = self.range.len();
            return Err(Error::from_reason(format!("bytes {begin} to {end} do not lie in a slice of {length} bytes")));
        }
        Ok(self.range.start + begin as usize..self.range.start + end as usize)
    }

    fn bytes(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[self.range.clone()])
    }
}

/// What a kernel reads: the values of an array, or bytes of a file that are such values.
#[napi]
pub type Operand<'a, A> = Either<A, ClassInstance<'a, FileSlice>>;

/// Numbers that any bytes of their size are.
///
/// # Safety
/// A type without padding of which every pattern of bits is a value.
pub unsafe trait Number {}
// SAFETY: any 8 bits are one.
unsafe impl Number for u8 {}
// SAFETY: any 32 bits are one.
unsafe impl Number for u32 {}
// SAFETY: any 64 bits are one.
unsafe impl Number for u64 {}
// SAFETY: any 64 bits are one.
unsafe impl Number for i64 {}
// SAFETY: any 32 bits are one, if only a NaN.
unsafe impl Number for f32 {}
// SAFETY: any 64 bits are one, if only a NaN.
unsafe impl Number for f64 {}

/// The values of an operand.
pub fn values<'a, T: Number, A: Deref<Target = [T]>>(operand: &'a Operand<'_, A>) -> Result<&'a [T]> {
    let slice = match operand {
        Either::A(array) => return Ok(array),
        Either::B(slice) => slice,
    };
    // SAFETY: the bytes of a number may be any.
    let (before, values, after) = unsafe { slice.bytes().align_to::<T>() };
    if before.is_empty() && after.is_empty() {
        return Ok(values);
    }
    let (length, size) = (slice.range.len(), size_of::<T>());
    Err(Error::from_reason(format!(
        "a slice of {length} bytes at {} is no array of {size}-byte numbers",
        slice.range.start
    )))
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
#[napi(catch_unwind)]
pub fn crc32(bytes: &[u8], seed: Option<u32>) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed.unwrap_or(0));
    hasher.update(bytes);
    hasher.finalize()
}

/// The names of the instruction sets that this processor has, widest first (`avx512vnni`, `avx512`, `avx2`, `neon`, `plain`).
#[napi(catch_unwind)]
pub fn instruction_sets() -> Vec<&'static str> {
    aurochs_kernels::simd::Simd::available().into_iter().map(|simd| simd.name()).collect()
}
