//! Collaborative filtering by filters on the graph of users and items.
//!
//! With R the interactions (users × items) and D_U, D_I the sums of its rows and columns, the normalised matrix and the
//! filter that everything is made of are
//!
//! ```text
//! R̃ = D_U^-a R D_I^-b        P = R̃ᵀ R̃  (items × items, never made)
//! ```
//!
//! A user with history r (1 × items) gets the scores
//!
//! ```text
//! s = Σⱼ cⱼ r Pʲ  +  (r D_I^-b V) Mᵀ
//! ```
//!
//! The polynomial is the linear filter of GF-CF (Shen et al. 2021, "How Powerful is Graph Convolution for Recommendation?"),
//! the filters of Turbo-CF (Park et al. 2024), or blurring and sharpening (Choi et al. 2023, "Blurring-Sharpening Process
//! Models for Collaborative Filtering"). V (items × k) holds the first right singular vectors of R̃, and M = g(P) D_I^b V is
//! what the ideal low-pass V Vᵀ answers, sharpened or not; what the coefficients and g are is the caller's choice.
//!
//! [`product`] multiplies R̃ or its transpose with dense rows, for the training: subspace iteration and g(P). [`rank`] makes
//! lists: the polynomial by passes over the interactions ([`propagate`]), the low-pass by two thin dense products.

pub mod product;
pub mod propagate;
pub mod rank;
mod selection;
#[cfg(test)]
mod tests;

use crate::csr::{Csr, CsrError};
use std::fmt;

/// Items whose responses lie side by side: see [`LowPass::response`].
pub const TILE: usize = 64;

/// A filter: what the scores of every history are made with.
#[derive(Clone, Copy)]
pub struct Filter<'a> {
    /// (users × items) R.
    pub interactions: Csr<'a>,
    /// Pairs count their weights rather than 1; so do histories.
    pub weighted: bool,
    /// (users) The diagonal of D_U^-a; 0 where a user has none.
    pub user_scales: &'a [f32],
    /// (items) The diagonal of D_I^-b; 0 where an item has none.
    pub item_scales: &'a [f32],
    /// c₀, c₁, …: the coefficients of the powers of P; at least one.
    pub polynomial: &'a [f32],
    /// The second term, where there is one.
    pub low_pass: Option<LowPass<'a>>,
}

/// The ideal low-pass and what follows it.
#[derive(Clone, Copy)]
pub struct LowPass<'a> {
    /// k.
    pub factors: usize,
    /// (items × k) V.
    pub vectors: &'a [f32],
    /// (⌈items / TILE⌉ × k × TILE) M: that of item i and factor f is at tile i / TILE, row f, column i % TILE; 0 beyond the last item.
    pub response: &'a [f32],
}

/// Why a filter or a request is refused. `of` is the name of what was given.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum FilterError {
    /// A slice has not the length that others call for.
    Length { of: &'static str, expected: usize, got: usize },
    /// There is no such item.
    Item { of: &'static str, items: usize, got: u32 },
    /// A list of items falls.
    Order { of: &'static str },
    /// The interactions are damaged.
    Interactions(CsrError),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterError::Length { of, expected, got } => write!(f, "{of} must have {expected} values, got {got}"),
            FilterError::Item { of, items, got } => write!(f, "{of} must hold items below {items}, got {got}"),
            FilterError::Order { of } => write!(f, "{of} must hold items that never fall"),
            FilterError::Interactions(error) => write!(f, "the interactions are damaged: {error}"),
        }
    }
}

impl std::error::Error for FilterError {}

impl From<CsrError> for FilterError {
    fn from(error: CsrError) -> Self {
        FilterError::Interactions(error)
    }
}

fn check_length(of: &'static str, expected: usize, got: usize) -> Result<(), FilterError> {
    if expected == got { Ok(()) } else { Err(FilterError::Length { of, expected, got }) }
}

impl Filter<'_> {
    /// Number of items.
    pub fn items(&self) -> usize {
        self.item_scales.len()
    }

    /// Refuses slices that do not fit together. The entries of the interactions are not read.
    fn check(&self) -> Result<(), FilterError> {
        let items = self.items();
        check_length("userScales", self.interactions.rows(), self.user_scales.len())?;
        check_length("interactions.weights", self.interactions.indices.len(), self.interactions.weights.len())?;
        check_length("polynomial", self.polynomial.len().max(1), self.polynomial.len())?;
        if let Some(LowPass { factors, vectors, response }) = self.low_pass {
            check_length("vectors", items * factors.max(1), vectors.len())?;
            check_length("response", items.div_ceil(TILE) * factors.max(1) * TILE, response.len())?;
        }
        Ok(())
    }
}

/// Writes to `out` (rows) the sum of each row's weights, or the number of its entries, to the power of -`exponent`; 0 for a
/// row without entries. Reads the whole matrix.
///
/// # Errors
/// Names the first row that is damaged, or whose sum is not a positive number.
pub fn scales(matrix: Csr<'_>, columns: usize, weighted: bool, exponent: f64, out: &mut [f32]) -> Result<(), CsrError> {
    assert_eq!(out.len(), matrix.rows());
    for (row, out) in out.iter_mut().enumerate() {
        let (indices, weights) = matrix.checked_row(row, columns)?;
        let sum = if weighted { weights.iter().map(|&w| f64::from(w)).sum() } else { indices.len() as f64 };
        if indices.is_empty() {
            *out = 0.0;
            continue;
        }
        let scale = sum.powf(-exponent) as f32;
        if !(sum > 0.0 && sum < f64::INFINITY && scale.is_finite()) {
            let weight = weights.iter().copied().find(|&w| !(w > 0.0 && w < f32::INFINITY)).unwrap_or(sum as f32);
            return Err(CsrError::Weight { row, weight });
        }
        *out = scale;
    }
    Ok(())
}
