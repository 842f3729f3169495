//! Typed arrays by address, for memory that several threads write at once.

use aurochs_kernels::bitmap::Bitmap;
use aurochs_kernels::shared::{Chunks, SharedRows};
use napi::bindgen_prelude::*;
use std::ops::Range;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicI32, AtomicU32};

/// A type of typed arrays' values.
pub trait Element: Copy {
    const NAME: &str;
    const ARRAY: sys::napi_typedarray_type;
}

macro_rules! elements {
    ($($type:ty => $name:literal, $array:ident;)*) => {
        $(impl Element for $type {
            const NAME: &str = $name;
            const ARRAY: sys::napi_typedarray_type = sys::TypedarrayType::$array;
        })*
    };
}

elements! {
    u8 => "Uint8Array", uint8_array;
    i32 => "Int32Array", int32_array;
    i64 => "BigInt64Array", bigint64_array;
    u32 => "Uint32Array", uint32_array;
    f32 => "Float32Array", float32_array;
    f64 => "Float64Array", float64_array;
}

/// Where a typed array lies, as an argument of a call: other threads may write there meanwhile, so that no slice of the
/// whole is ever made, as those of `napi` are by dereferencing. Valid during the call, as is what it points to.
pub struct SharedArray<T> {
    data: NonNull<T>,
    len: usize,
}

impl<T> TypeName for SharedArray<T> {
    fn type_name() -> &'static str {
        "TypedArray"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl<T> ValidateNapiValue for SharedArray<T> {}

impl<T: Element> FromNapiValue for SharedArray<T> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> Result<Self> {
        let expected = |got: &str| Error::new(Status::InvalidArg, format!("expected a {}, got {got}", T::NAME));
        let mut is_array = false;
        // SAFETY: `env` and `value` are those of the call.
        check_status!(unsafe { sys::napi_is_typedarray(env, value, &mut is_array) })?;
        if !is_array {
            return Err(expected("something else"));
        }
        let (mut array, mut len, mut data) = (0, 0, null_mut());
        // SAFETY: as above; what is not asked for may be null.
        check_status!(unsafe {
            sys::napi_get_typedarray_info(env, value, &mut array, &mut len, &mut data, null_mut(), null_mut())
        })?;
        let data = if len == 0 {
            NonNull::dangling()
        } else {
            NonNull::new(data.cast()).ok_or_else(|| expected("one without memory"))?
        };
        if array != T::ARRAY {
            return Err(expected("an array of another type"));
        }
        if !data.is_aligned() {
            return Err(expected("one that begins in the midst of a value"));
        }
        Ok(SharedArray { data, len })
    }
}

impl<T> SharedArray<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where it begins: aligned, and valid for `len` values during the call.
    pub fn as_ptr(&self) -> *mut T {
        self.data.as_ptr()
    }

    /// The values as rows of `width`. Of which a call makes slices is agreed by the chunk counter.
    pub fn rows(&self, width: usize) -> Result<SharedRows<'_, T>> {
        // SAFETY: the array lives as long as the call; a typed array is aligned and initialised.
        unsafe { SharedRows::new(self.as_ptr(), self.len, width) }.map_err(Error::from_reason)
    }

    /// The bytes that it takes up, to compare with those of others.
    pub fn addresses(&self) -> Range<usize> {
        let begin = self.data.as_ptr() as usize;
        begin..begin + self.len * size_of::<T>()
    }
}

impl SharedArray<u32> {
    /// The values as words that are only touched atomically.
    pub fn words(&self) -> &[AtomicU32] {
        // SAFETY: they live as long as the call and are aligned; who else has them during the call touches them by this function alone,
        // or is JavaScript, which writes whole words.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast::<AtomicU32>(), self.len) }
    }

    /// The words of a bitmap, which another thread may change during the call.
    pub fn bitmap(&self) -> Bitmap<'_> {
        Bitmap::new(self.words())
    }
}

impl SharedArray<i32> {
    /// The first cell, as a chunk counter.
    fn counter(&self) -> Result<&AtomicI32> {
        if self.len == 0 {
            return Err(Error::from_reason("the chunk counter needs one cell, got none"));
        }
        // SAFETY: the cell lives as long as the call, is aligned, and is touched only atomically.
        Ok(unsafe { AtomicI32::from_ptr(self.as_ptr()) })
    }

    /// `rows` in chunks of `each`, by this counter.
    pub fn chunks(&self, rows: usize, each: u32) -> Result<Chunks<'_>> {
        Chunks::even(rows, each, self.counter()?).map_err(Error::from_reason)
    }

    /// Chunks of `rows` rows at `bounds`, by this counter.
    pub fn chunks_at<'a>(&'a self, bounds: &'a [u32], rows: usize) -> Result<Chunks<'a>> {
        Chunks::at(bounds, rows, self.counter()?).map_err(Error::from_reason)
    }
}

/// The bytes of a slice, as [`SharedArray::addresses`].
pub fn addresses<T>(slice: &[T]) -> Range<usize> {
    let range = slice.as_ptr_range();
    range.start as usize..range.end as usize
}

/// Refuses memory that a call writes where it overlaps with what the call reads, or with what else it writes.
pub fn check_apart(written: &[(&str, Range<usize>)], read: &[Range<usize>]) -> Result<()> {
    let overlap = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
    for (at, (name, range)) in written.iter().enumerate() {
        let others = written[at + 1..].iter().map(|(_, other)| other);
        if others.chain(read).any(|other| overlap(range, other)) {
            let message = format!("{name} must lie apart from the other arrays of the call");
            return Err(Error::new(Status::InvalidArg, message));
        }
    }
    Ok(())
}

/// `value` as single precision; refused when it is not finite.
pub fn finite_option(name: &str, value: f64) -> Result<f32> {
    let single = value as f32;
    if single.is_finite() { Ok(single) } else { Err(Error::from_reason(format!("{name} must be finite, got {value}"))) }
}
