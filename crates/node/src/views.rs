//! Rows of shared matrices, each owned by one call at a time.

use napi::bindgen_prelude::*;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicI32, Ordering};

/// A matrix in shared memory of which this call may write only rows that it owns. Never a `&mut` over the whole.
pub struct OwnedRows<'a, T> {
    data: *mut T,
    rows: usize,
    width: usize,
    view: PhantomData<&'a mut [T]>,
}

impl<'a, T> OwnedRows<'a, T> {
    /// Views `data` as rows of `width` values.
    pub fn new(data: &'a [T], width: usize) -> Result<Self> {
        if width == 0 || !data.len().is_multiple_of(width) {
            return Err(Error::from_reason(format!("{} values are not whole rows of {width}", data.len())));
        }
        Ok(OwnedRows { data: data.as_ptr().cast_mut(), rows: data.len() / width, width, view: PhantomData })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// # Safety
    /// Until the slice is dropped no other thread may read or write these rows.
    pub unsafe fn rows_mut(&mut self, rows: Range<usize>) -> &mut [T] {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // SAFETY: inside the buffer, by the check above, and unaliased, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(rows.start * self.width), rows.len() * self.width) }
    }

    /// # Safety
    /// Until the slice is dropped no thread may write these rows.
    pub unsafe fn rows_ref(&self, rows: Range<usize>) -> &[T] {
        assert!(rows.start <= rows.end && rows.end <= self.rows);
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.data.add(rows.start * self.width), rows.len() * self.width) }
    }
}

/// Chunks of rows handed out by an atomic counter in shared memory, each to one taker.
pub struct Chunks<'a> {
    next: &'a AtomicI32,
    len: usize,
    cut: Cut<'a>,
}

enum Cut<'a> {
    Even { rows: usize, each: usize },
    At(&'a [u32]),
}

impl<'a> Chunks<'a> {
    /// `rows` in chunks of `each`, the last perhaps smaller.
    pub fn even(rows: usize, each: u32, next: &'a Int32Array) -> Result<Self> {
        let each = each as usize;
        if each == 0 {
            return Err(Error::from_reason("a chunk needs at least one row, got 0"));
        }
        Ok(Chunks { next: counter(next)?, len: rows.div_ceil(each), cut: Cut::Even { rows, each } })
    }

    /// Chunk c is rows `bounds[c]..bounds[c + 1]`; together they must be `rows`.
    pub fn at(bounds: &'a [u32], rows: usize, next: &'a Int32Array) -> Result<Self> {
        let covers = bounds.first() == Some(&0) && bounds.last().map(|&last| last as usize) == Some(rows);
        if !covers || !bounds.is_sorted() {
            return Err(Error::from_reason(format!("the bounds of chunks must rise from 0 to {rows}")));
        }
        Ok(Chunks { next: counter(next)?, len: bounds.len() - 1, cut: Cut::At(bounds) })
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The next chunk, by number and rows. Relaxed is enough: the numbers are unique in any order, and a phase is
    /// ordered before and after by the messages that start and end it.
    pub fn take(&self) -> Option<(usize, Range<usize>)> {
        let chunk = self.next.fetch_add(1, Ordering::Relaxed) as usize;
        (chunk < self.len).then(|| match self.cut {
            Cut::Even { rows, each } => (chunk, chunk * each..((chunk + 1) * each).min(rows)),
            Cut::At(bounds) => (chunk, bounds[chunk] as usize..bounds[chunk + 1] as usize),
        })
    }
}

fn counter(next: &Int32Array) -> Result<&AtomicI32> {
    let cell = next.first().ok_or_else(|| Error::from_reason("the chunk counter needs one cell, got none"))?;
    // SAFETY: the cell lives as long as the view, is aligned as every Int32Array, and is touched only atomically.
    Ok(unsafe { AtomicI32::from_ptr(std::ptr::from_ref(cell).cast_mut()) })
}

/// `value` as single precision; refused when it is not finite.
pub fn finite_option(name: &str, value: f64) -> Result<f32> {
    let single = value as f32;
    if single.is_finite() { Ok(single) } else { Err(Error::from_reason(format!("{name} must be finite, got {value}"))) }
}
