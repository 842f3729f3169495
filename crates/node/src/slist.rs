//! SLIST: the phases of its training, which take chunks of items from the shared counter.

use crate::entries::{Entries, check_length};
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::transitions::TransitionSessions;
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::simd::Simd;
use aurochs_kernels::slist::{Products, Regression, Scratch, Terms};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::ops::Range;

/// Sessions, and what pairs of their events count; see `aurochs_kernels::slist::Terms`.
#[napi(object, object_to_js = false)]
pub struct SlistTraining {
    pub sessions: TransitionSessions,
    /// 0 to 1.
    pub consistency: f64,
    /// Above 0, at most 1.
    pub past_decay: f64,
    /// Above 0, at most 1.
    pub future_decay: f64,
}

impl SlistTraining {
    fn products(&self) -> Result<Products<'_>> {
        let Self { sessions, consistency, past_decay, future_decay } = self;
        let (consistency, past_decay, future_decay) = (*consistency, *past_decay, *future_decay);
        let terms = Terms { consistency, past_decay, future_decay };
        let occurrences = (&sessions.indptr[..], &sessions.places[..]);
        Products::new(&sessions.tokens, sessions.weights.as_deref(), occurrences, terms).map_err(refused)
    }

    fn addresses(&self) -> Vec<Range<usize>> {
        let TransitionSessions { tokens, weights, indptr, places } = &self.sessions;
        let mut all = vec![addresses(tokens), addresses(indptr), addresses(places)];
        all.extend(weights.as_deref().map(addresses));
        all
    }
}

/// Writes the rows of G, each in any order, for which there must be room. Chunk c is items `bounds[c]..bounds[c + 1]`.
#[napi(catch_unwind)]
pub fn slist_gramian(
    training: SlistTraining,
    entries: Entries,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let products = training.products()?;
    let read = training.addresses();
    let mut scratch = Scratch::default();
    in_chunks(&entries, products.items(), (&bounds, &next), &read, |item, indices, weights| {
        products.gramian_row(item, indices, weights, &mut scratch).ok_or(item)
    })?
    .map_or(Ok(()), |item| {
        Err(Error::new(Status::InvalidArg, format!("there must be room for all entries of row {item}, but is not")))
    })
}

/// How the columns of B are fitted.
#[napi(object, object_to_js = false)]
pub struct SlistRegression<'a> {
    /// G (items × items), rows in any order.
    pub gramian: SparseMatrix<'a>,
    /// λ, above 0.
    pub regularization: f64,
    /// p, from 0 to below 1.
    pub dropout: f64,
    /// ξ, not below 0.
    pub most_own: f64,
}

/// Fits each column of B by itself, on at most as many other items as there is room for in `entries`, and keeps what is above 0. Chunk c is
/// items `bounds[c]..bounds[c + 1]`. Gives an item whose system is not positive definite, or nothing; the phase ends there.
#[napi(catch_unwind)]
pub fn slist_columns(
    training: SlistTraining,
    regression: SlistRegression,
    entries: Entries,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<Option<u32>> {
    let products = training.products()?;
    let items = products.items();
    let gramian = regression.gramian.view()?;
    check_length("rows of the Gramian", items, gramian.rows())?;
    gramian.check(items).map_err(refused)?;
    let SlistRegression { regularization, dropout, most_own, .. } = regression;
    if !(regularization > 0.0 && (0.0..1.0).contains(&dropout) && most_own >= 0.0) {
        let message = format!(
            "regularization must be above 0, dropout from 0 to below 1 and mostOwn not below 0, got {regularization}, {dropout} and {most_own}"
        );
        return Err(Error::new(Status::InvalidArg, message));
    }
    let read = [&training.addresses()[..], &matrix_addresses(gramian)].concat();
    let diagonal: Vec<f64> = (0..items).map(|item| own_entry(gramian.row(item), item as u32)).collect();
    let kernel = Regression { products, gramian, diagonal: &diagonal, regularization, dropout, most_own };
    let (mut scratch, simd) = (Scratch::default(), Simd::detect());
    let fault = in_chunks(&entries, items, (&bounds, &next), &read, |item, indices, weights| {
        kernel.column(item, indices, weights, &mut scratch, simd).ok_or(item)
    })?;
    Ok(fault.map(|item| item as u32))
}

fn own_entry((others, weights): (&[u32], &[f32]), item: u32) -> f64 {
    others.iter().position(|&other| other == item).map_or(0.0, |at| f64::from(weights[at]))
}

/// Takes chunks of items until there is none, and has `each` write the entries of an item and say how many these are. Ends at the item
/// that it refuses, and gives it.
fn in_chunks(
    entries: &Entries,
    items: usize,
    (bounds, next): (&Uint32Array, &SharedArray<i32>),
    read: &[Range<usize>],
    mut each: impl FnMut(usize, &mut [u32], &mut [f32]) -> std::result::Result<usize, usize>,
) -> Result<Option<usize>> {
    entries.check(items)?;
    let written = [&entries.written()[..], &[("next", next.addresses())]].concat();
    check_apart(&written, &[read, &[addresses(&entries.starts), addresses(bounds)]].concat())?;
    let (mut indices, mut weights) = (entries.indices.rows(1)?, entries.weights.rows(1)?);
    let mut counts = entries.counts.rows(1)?;
    let chunks = next.chunks_at(bounds, items)?;
    while let Some((_, items)) = chunks.take() {
        for item in items {
            let places = entries.places(item);
            // SAFETY: the counter gave this item, and so its places, to this call alone.
            let (indices, weights, count) = unsafe {
                (indices.rows_mut(places.clone()), weights.rows_mut(places), counts.rows_mut(item..item + 1))
            };
            match each(item, indices, weights) {
                Ok(found) => count[0] = found as u32,
                Err(item) => {
                    while chunks.take().is_some() {}
                    return Ok(Some(item));
                }
            }
        }
    }
    Ok(None)
}

fn refused(error: impl std::error::Error) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
