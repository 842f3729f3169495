//! Ids and the order that sorts them.

use aurochs_kernels::ids::{check_integers, check_strings};
use napi_derive::napi;

/// What is wrong with integer ids whose indices `order` must sort, in words, or nothing. Reads all of them.
#[napi(catch_unwind)]
pub fn integers_fault(ids: &[i64], order: &[u32]) -> Option<String> {
    check_integers(ids, order).err().map(|error| error.to_string())
}

/// The same of strings, to be sorted by their bytes: string i is `bytes[offsets[i]..offsets[i + 1]]`.
#[napi(catch_unwind)]
pub fn strings_fault(offsets: &[i32], bytes: &[u8], order: &[u32]) -> Option<String> {
    check_strings(offsets, bytes, order).err().map(|error| error.to_string())
}
