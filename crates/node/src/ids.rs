//! Ids by index, and the order that sorts them: integers, or strings, where string i is `bytes[offsets[i]..offsets[i + 1]]`.

use aurochs_kernels::ids::{check_integers, check_strings, find_integer, find_string};
use napi::bindgen_prelude::*;
use napi_derive::napi;

/// The index of each of `wanted` among the ids, which `order` sorts; -1 where there is none.
#[napi(catch_unwind)]
pub fn find_integers<'env>(
    env: &'env Env,
    ids: &[i64],
    order: &[u32],
    wanted: &[i64],
) -> Result<Int32ArraySlice<'env>> {
    let found = wanted.iter().map(|&id| index_or_none(find_integer(ids, order, id)));
    Int32ArraySlice::copy_from(env, found.collect::<Vec<_>>())
}

/// [`find_integers`] of strings, sorted by their bytes.
#[napi(catch_unwind)]
pub fn find_strings<'env>(
    env: &'env Env,
    offsets: &[i32],
    bytes: &[u8],
    order: &[u32],
    wanted: Vec<String>,
) -> Result<Int32ArraySlice<'env>> {
    let found = wanted.iter().map(|id| index_or_none(find_string(offsets, bytes, order, id.as_bytes())));
    Int32ArraySlice::copy_from(env, found.collect::<Vec<_>>())
}

fn index_or_none(found: Option<u32>) -> i32 {
    found.map_or(-1, |index| index as i32)
}

/// What is wrong with integer ids whose indices `order` must sort, in words, or nothing. Reads all of them.
#[napi(catch_unwind)]
pub fn integers_fault(ids: &[i64], order: &[u32]) -> Option<String> {
    check_integers(ids, order).err().map(|error| error.to_string())
}

/// The same of strings, to be sorted by their bytes.
#[napi(catch_unwind)]
pub fn strings_fault(offsets: &[i32], bytes: &[u8], order: &[u32]) -> Option<String> {
    check_strings(offsets, bytes, order).err().map(|error| error.to_string())
}
