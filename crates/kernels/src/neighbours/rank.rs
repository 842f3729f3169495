//! Lists from neighbours: the score of item j is Σ wᵢ s(i, j) over the items i of a history that have j as a neighbour. The same
//! sum gives lists from similar users: the items of these in place of the neighbours, similarities in place of weights.

use super::positive;
use crate::accumulator::Accumulator;
use crate::csr::{Csr, CsrError};
use crate::request::Request;
use crate::selection::Selection;
use std::fmt;

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    pub(crate) sums: Accumulator<f64>,
    selection: Selection,
}

/// A request that is refused. `of` is the name of the list.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum RankError {
    /// There is no such item.
    Item { of: &'static str, items: usize, got: u32 },
    /// Not as many weights as items in the history.
    Weights { expected: usize, got: usize },
    /// The neighbours of an item are damaged.
    Neighbours(CsrError),
}

impl fmt::Display for RankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RankError::Item { of, items, got } => write!(f, "{of} must hold items below {items}, got {got}"),
            RankError::Weights { expected, got } => write!(f, "history.weights must have {expected} values, got {got}"),
            RankError::Neighbours(error) => write!(f, "the model's neighbours are damaged: {error}"),
        }
    }
}

impl std::error::Error for RankError {}

/// Appends to `items` and `scores` the best items of `request`, best first, of equal scores the lower item first; only
/// items with a score above 0. `own` is what the items of the history score themselves beside that. `neighbours` is (rows × columns), each row in any order: the items of the history are rows,
/// those of the list columns.
///
/// Sums are in double precision, in the order of the history. After an error `scratch` must not be used again.
///
/// # Errors
/// Names an item that does not exist, or a damaged row.
pub fn rank(
    neighbours: Csr<'_>,
    columns: usize,
    request: &Request<'_>,
    own: Option<&[f32]>,
    scratch: &mut Scratch,
    items: &mut Vec<u32>,
    scores: &mut Vec<f32>,
) -> Result<(), RankError> {
    check_request(request, neighbours.rows(), columns)?;
    let sums = &mut scratch.sums;
    for (&item, &weight) in request.items.iter().zip(request.weights) {
        let (others, similarities) = neighbours.checked_row(item as usize, columns).map_err(RankError::Neighbours)?;
        // As far as there are items: a caller may name any number of columns.
        sums.grow(others.iter().max().map_or(0, |&most| most as usize + 1));
        sums.add(others, |k| positive(f64::from(weight) * f64::from(similarities[k])));
    }
    scratch.take_best(request, own, items, scores);
    Ok(())
}

/// Refuses items of which there are not `rows` in the history, or not `columns` in the filters.
pub(crate) fn check_request(request: &Request<'_>, rows: usize, columns: usize) -> Result<(), RankError> {
    check_items("history.items", request.items, rows)?;
    check_items("exclude", request.exclude, columns)?;
    check_items("only", request.only.unwrap_or_default(), columns)?;
    if request.weights.len() != request.items.len() {
        return Err(RankError::Weights { expected: request.items.len(), got: request.weights.len() });
    }
    Ok(())
}

impl Scratch {
    /// Adds what the items of `request` score themselves, appends the best of the sums to `items` and `scores`, and resets all sums.
    pub(crate) fn take_best(
        &mut self,
        request: &Request<'_>,
        own: Option<&[f32]>,
        items: &mut Vec<u32>,
        scores: &mut Vec<f32>,
    ) {
        let Scratch { sums, selection } = self;
        for (&item, &score) in request.items.iter().zip(own.unwrap_or_default()) {
            sums.grow(item as usize + 1);
            sums.add(&[item], |_| positive(f64::from(score)));
        }
        for &item in request.exclude {
            sums.take(item);
        }
        selection.reset(request.limit);
        for &item in request.only.unwrap_or_default() {
            let sum = sums.take(item) as f32;
            if request.allows(item) {
                selection.offer(item, sum);
            }
        }
        sums.drain(|item, sum| {
            if request.only.is_none() && request.allows(item) {
                selection.offer(item, sum as f32);
            }
        });
        for (item, score) in selection.sorted() {
            items.push(item);
            scores.push(score);
        }
    }
}

fn check_items(of: &'static str, list: &[u32], items: usize) -> Result<(), RankError> {
    match list.iter().find(|&&item| item as usize >= items) {
        Some(&got) => Err(RankError::Item { of, items, got }),
        None => Ok(()),
    }
}
