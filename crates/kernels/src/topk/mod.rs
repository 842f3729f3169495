//! The exact best items of a query, by inner product or cosine, without scoring most of them.
//!
//! [`index`] lays the items out, largest norm first, in tiles of [`TILE`] with one byte a coordinate. [`search`] scores a
//! tile's bytes at a time and bounds from the sums, by Cauchy–Schwarz over the rounding of the bytes, which items cannot
//! be among the best; the others (a few dozen of half a million) are scored by [`exact::dot`] from their floats.
//! It ends at the tile whose largest norm is too small. [`exact::naive`] is the twin that it must agree with to the bit.
//!
//! Measured on factors of 483,169 brunch items, rank 128 (a user's ten best without the history; one core):
//! the norms alone leave 9,141 items to a query, the bytes 24 of them, and 15 reach the tenth score.
//! Bounds from the first 16 or 32 floats and the norm of the rest, as the eigenbasis makes worth trying, left 86 % or
//! 67 % of all blocks of 16 items to be scored whole, which costs more than the bytes of all 128 coordinates.
//! With VNNI a query of a batch took 18 µs where byte products in 16 bits took 27.

pub mod exact;
pub mod index;
pub mod search;

mod best;
mod query;
#[cfg(test)]
mod tests;

use std::fmt;

/// Items that one step scores; a bit each in a [`u128`].
pub const TILE: usize = 128;

/// What items are ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// The inner product of query and item.
    Product,
    /// Their cosine; 0 where either is zero.
    Cosine,
    /// q·x / (‖q‖‖x‖ + this), which must be finite and above 0: the cosine, smaller where the norms are small.
    ShrunkCosine(f64),
}

/// Arguments that are refused. `of` is the name of what was given.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopKError {
    /// A factor is NaN or infinite.
    NotFinite { of: &'static str, row: usize, column: usize },
    /// A slice has not the length that others call for.
    Length { of: &'static str, expected: usize, got: usize },
    /// The buffer holds no index of this version.
    NotAnIndex,
    /// The buffer does not begin at a multiple of 64 bytes.
    NotAligned,
    /// The row pointers of the excluded items do not rise from 0 to their number.
    Pointers,
    /// A list of items falls, or names an item that is not there.
    Items { of: &'static str, items: usize, got: u32 },
    /// The items of an index are not in the order of their norms.
    Order { position: usize },
    /// A tile of an index does not hold the codes of its items.
    Tile { tile: usize },
}

impl fmt::Display for TopKError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopKError::NotFinite { of, row, column } => {
                write!(
                    f,
                    "{of} must be finite: row {row}, column {column} is not; training diverged or the file is damaged"
                )
            }
            TopKError::Length { of, expected, got } => write!(f, "{of} must have {expected} values, got {got}"),
            TopKError::NotAnIndex => write!(f, "the buffer holds no top-k index of this version: build it again"),
            TopKError::NotAligned => {
                write!(f, "the buffer of a top-k index must begin at a multiple of 64 bytes: copy it to one")
            }
            TopKError::Pointers => write!(f, "exclude.indptr must rise from 0 to the number of exclude.indices"),
            TopKError::Items { of, items, got } => {
                write!(f, "{of} must hold item numbers below {items} that never fall, got {got} out of place")
            }
            TopKError::Order { position } => {
                write!(f, "the index must hold the items by falling norm, but does not at position {position}")
            }
            TopKError::Tile { tile } => write!(f, "the index is of other factors: its tile {tile} differs"),
        }
    }
}

impl std::error::Error for TopKError {}

fn check_length(of: &'static str, expected: usize, got: usize) -> Result<(), TopKError> {
    if expected == got { Ok(()) } else { Err(TopKError::Length { of, expected, got }) }
}

fn check_finite(of: &'static str, values: &[f32], row: usize) -> Result<(), TopKError> {
    match values.iter().position(|x| !x.is_finite()) {
        None => Ok(()),
        Some(column) => Err(TopKError::NotFinite { of, row, column }),
    }
}

fn check_items(of: &'static str, list: &[u32], items: usize) -> Result<(), TopKError> {
    let got = |&got| TopKError::Items { of, items, got };
    if let Some(pair) = list.windows(2).find(|pair| pair[0] > pair[1]) {
        return Err(got(&pair[1]));
    }
    list.last().filter(|&&last| last as usize >= items).map_or(Ok(()), |last| Err(got(last)))
}
