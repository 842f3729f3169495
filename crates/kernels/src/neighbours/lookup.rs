//! The rows most like one that is given by its columns: a history that has changed, or an item to find similar ones of.

use super::measure::Similarity;
use super::nearest::{Matrix, Row};
use super::{Scratch, given};
use crate::bitmap::Bitmap;
use crate::csr::{Csr, CsrError};
use crate::simd::Simd;
use std::fmt;

/// A matrix to look in. It may be damaged: what a query reads of it is checked.
#[derive(Clone, Copy)]
pub struct Lookup<'a> {
    /// How alike two rows are.
    pub similarity: Similarity,
    /// (columns × rows)
    pub by_column: Csr<'a>,
    /// (rows) rⱼ of [`super::Measure`].
    pub right: &'a [f64],
    /// (columns) gᵤ of [`super::Measure`].
    pub weights: &'a [f64],
    /// L̄ of [`super::Measure`].
    pub mean_length: f64,
}

/// The row that others are to be like.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// Its columns, each once.
    pub columns: &'a [u32],
    /// Their weights, above 0.
    pub weights: &'a [f32],
    /// Its number, where the matrix has it: it is left out.
    pub own: Option<u32>,
    /// Rows that it gets at most.
    pub limit: usize,
    /// Additions from which only every second, third … column is read, so that it takes no more.
    pub most_additions: u64,
    /// Of the rows that it may get, a bit each; all when absent.
    pub allowed: Option<Bitmap<'a>>,
}

/// A query or a matrix that is refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum LookupError {
    /// There is no such column or row.
    Place { of: &'static str, end: usize, got: u32 },
    /// Not as many values as there must be.
    Length { of: &'static str, expected: usize, got: usize },
    /// What the query reads is damaged.
    Matrix(CsrError),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LookupError::Place { of, end, got } => write!(f, "{of} must be below {end}, got {got}"),
            LookupError::Length { of, expected, got } => write!(f, "{of} must have {expected} values, got {got}"),
            LookupError::Matrix(error) => write!(f, "the model's pairs are damaged: {error}"),
        }
    }
}

impl std::error::Error for LookupError {}

impl Lookup<'_> {
    /// Appends to `rows` and `scores` the rows most like `query`, most similar first, of equal similarities the lower row first.
    /// The same bits as [`super::Training`] gives for that row, where all columns are read. After an error `scratch` must not be
    /// used again.
    ///
    /// # Errors
    /// Names a column or a row that does not exist, or a damaged column.
    pub fn nearest(
        &self,
        query: &Query<'_>,
        scratch: &mut Scratch,
        rows: &mut Vec<u32>,
        scores: &mut Vec<f32>,
    ) -> Result<(), LookupError> {
        let count = self.right.len();
        let length = |of, expected: usize, got: usize| {
            if expected == got { Ok(()) } else { Err(LookupError::Length { of, expected, got }) }
        };
        length("weights", self.by_column.rows(), self.weights.len())?;
        length("query.weights", query.columns.len(), query.weights.len())?;
        if let Some(own) = query.own.filter(|&own| own as usize >= count) {
            return Err(LookupError::Place { of: "query.own", end: count, got: own });
        }
        let mut additions = 0;
        for &column in query.columns {
            if column as usize >= self.by_column.rows() {
                return Err(LookupError::Place { of: "query.columns", end: self.by_column.rows(), got: column });
            }
            let (others, _) = self.by_column.checked_row(column as usize, count).map_err(LookupError::Matrix)?;
            additions += others.len() as u64;
        }
        let every = additions.div_ceil(query.most_additions.max(1)).max(1) as usize;
        let sample: (Vec<u32>, Vec<f32>);
        let (columns, weights) = if every == 1 {
            (query.columns, query.weights)
        } else {
            let each = query.columns.iter().copied().zip(query.weights.iter().copied());
            sample = each.step_by(every).unzip();
            (&sample.0[..], &sample.1[..])
        };
        let terms = self.similarity.row_terms(columns, weights, self.weights, self.mean_length);
        let row = Row { columns, weights, terms, own: query.own, allowed: query.allowed };
        let matrix =
            Matrix { similarity: self.similarity, by_column: self.by_column, weights: self.weights, right: self.right };
        let Scratch { buffers, selection, kept, .. } = scratch;
        selection.reset(query.limit);
        matrix.nearest(&row, None, selection, buffers, Simd::detect());
        given(selection, &self.similarity, kept);
        for &(row, score) in kept.iter() {
            rows.push(row);
            scores.push(score);
        }
        Ok(())
    }
}
