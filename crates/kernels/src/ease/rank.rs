//! Lists from B: the score of item j is Σ wᵢ B_ij over the items i of a history.

use crate::csr::{Csr, CsrError};
use crate::request::Request;
use crate::selection::Selection;
use crate::simd::{Kernel, Lanes, Simd};
use std::fmt;

/// B: whole, row-major, or the entries of each row that were kept.
#[derive(Clone, Copy)]
pub enum Weights<'a> {
    #[allow(missing_docs)]
    Dense { items: usize, values: &'a [f32] },
    #[allow(missing_docs)]
    Sparse(Csr<'a>),
}

impl Weights<'_> {
    /// Number of items.
    pub fn items(&self) -> usize {
        match self {
            Weights::Dense { items, .. } => *items,
            Weights::Sparse(matrix) => matrix.rows(),
        }
    }
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    /// (items) Of a dense matrix.
    dense: Vec<f32>,
    /// (items) Of a sparse one: 0 between lists.
    sums: Vec<f32>,
    /// (items) The list in which each item's sum was last begun.
    begun: Vec<u32>,
    list: u32,
    /// The items with a sum: the first of these that are counted, each once; one more is room to write without a branch.
    touched: Vec<u32>,
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
    /// A dense matrix does not have so many values.
    Dense { expected: u64, got: usize },
    /// A row of a sparse matrix is damaged.
    Sparse(CsrError),
}

impl fmt::Display for RankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RankError::Item { of, items, got } => write!(f, "{of} must hold items below {items}, got {got}"),
            RankError::Weights { expected, got } => write!(f, "history.weights must have {expected} values, got {got}"),
            RankError::Dense { expected, got } => {
                write!(f, "the model's weights must have {expected} values, got {got}")
            }
            RankError::Sparse(error) => write!(f, "the model's weights are damaged: {error}"),
        }
    }
}

impl std::error::Error for RankError {}

/// Appends to `items` and `scores` the best items of `request`, best first, of equal scores the lower item first; only
/// items with a score above 0, which is that of an item of which nothing is known. Sums are in single precision, in the
/// order of the history.
///
/// # Errors
/// Names an item that does not exist, or what is damaged.
pub fn rank(
    weights: Weights<'_>,
    request: &Request<'_>,
    scratch: &mut Scratch,
    items: &mut Vec<u32>,
    scores: &mut Vec<f32>,
    simd: Simd,
) -> Result<(), RankError> {
    let count = weights.items();
    check_items("history.items", request.items, count)?;
    check_items("exclude", request.exclude, count)?;
    check_items("only", request.only.unwrap_or_default(), count)?;
    if request.weights.len() != request.items.len() {
        return Err(RankError::Weights { expected: request.items.len(), got: request.weights.len() });
    }
    let touched = match weights {
        Weights::Dense { values, .. } => {
            let expected = (count as u64).saturating_mul(count as u64);
            if values.len() as u64 != expected {
                return Err(RankError::Dense { expected, got: values.len() });
            }
            sum_dense(values, request, &mut scratch.dense, count, simd);
            None
        }
        Weights::Sparse(matrix) => Some(sum_sparse(matrix, request, scratch)?),
    };
    let Scratch { dense, sums, selection, touched: list, .. } = scratch;
    let sums = if touched.is_some() { sums } else { dense };
    for &item in request.exclude {
        sums[item as usize] = 0.0;
    }
    selection.reset(request.limit);
    match (request.only, touched) {
        // Taken, so that one that is named twice comes once.
        (Some(only), _) => {
            for &item in only {
                let sum = std::mem::take(&mut sums[item as usize]);
                if request.allows(item) {
                    selection.offer(item, sum);
                }
            }
        }
        (None, None) => {
            for (item, &sum) in (0..).zip(&sums[..count]) {
                if sum > 0.0 && request.allows(item) {
                    selection.offer(item, sum);
                }
            }
        }
        (None, Some(touched)) => {
            for &item in list[..touched].iter().filter(|&&item| request.allows(item)) {
                selection.offer(item, sums[item as usize]);
            }
        }
    }
    for (item, score) in selection.sorted() {
        items.push(item);
        scores.push(score);
    }
    // What was not touched is 0 in the next list, too.
    if let Some(touched) = touched {
        list[..touched].iter().for_each(|&item| sums[item as usize] = 0.0);
    }
    Ok(())
}

fn sum_dense(values: &[f32], request: &Request<'_>, sums: &mut Vec<f32>, items: usize, simd: Simd) {
    sums.clear();
    sums.resize(items, 0.0);
    for (&item, &weight) in request.items.iter().zip(request.weights) {
        let row = &values[item as usize * items..(item as usize + 1) * items];
        simd.run(AddRow { sums, row, weight });
    }
}

/// Adds `weight` times `row` to `sums`: in plain Rust, so that no instruction set fuses the two and all give the same bits.
struct AddRow<'a> {
    sums: &'a mut [f32],
    row: &'a [f32],
    weight: f32,
}

impl Kernel for AddRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (sum, value) in self.sums.iter_mut().zip(self.row) {
            *sum += self.weight * value;
        }
    }
}

/// Gives the number of items with a sum.
fn sum_sparse(matrix: Csr<'_>, request: &Request<'_>, scratch: &mut Scratch) -> Result<usize, RankError> {
    let count = matrix.rows();
    let rows = |item: u32| matrix.checked_row(item as usize, count).map_err(RankError::Sparse);
    // Refused before a sum is begun: after an error all of them are as they were.
    request.items.iter().try_for_each(|&item| rows(item).map(|_| ()))?;
    let Scratch { sums, begun, list, touched, .. } = scratch;
    if sums.len() != count || *list == u32::MAX {
        sums.clear();
        sums.resize(count, 0.0);
        begun.clear();
        begun.resize(count, 0);
        touched.resize(count + 1, 0);
        *list = 0;
    }
    *list += 1;
    let mut size = 0;
    for (&item, &weight) in request.items.iter().zip(request.weights) {
        let (others, values) = rows(item)?;
        for (&other, value) in others.iter().zip(values) {
            let last = &mut begun[other as usize];
            touched[size] = other;
            size += usize::from(*last != *list);
            *last = *list;
            sums[other as usize] += weight * value;
        }
    }
    Ok(size)
}

fn check_items(of: &'static str, list: &[u32], items: usize) -> Result<(), RankError> {
    match list.iter().find(|&&item| item as usize >= items) {
        Some(&got) => Err(RankError::Item { of, items, got }),
        None => Ok(()),
    }
}

/// Why weights are refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum WeightsError {
    /// Rows do not lie within the matrix, or name items that there are not, or not ascending.
    Matrix(CsrError),
    /// A weight is not finite.
    Weight { item: usize, column: usize, weight: f32 },
    /// An item has a weight on itself.
    Diagonal { item: usize },
}

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WeightsError::Matrix(error) => error.fmt(f),
            WeightsError::Weight { item, column, weight } => {
                write!(f, "row {item}, column {column} must be finite, but is {weight}")
            }
            WeightsError::Diagonal { item } => {
                write!(f, "row {item}, column {item} must be 0: an item is not its own predictor")
            }
        }
    }
}

impl std::error::Error for WeightsError {}

/// Reads all weights, and checks that they are such as a training may give. A dense matrix has items × items values.
///
/// # Errors
/// Names the first row that is damaged.
pub fn check(weights: Weights<'_>) -> Result<(), WeightsError> {
    let finite = |item: usize, column: usize, weight: f32| {
        if weight.is_finite() { Ok(()) } else { Err(WeightsError::Weight { item, column, weight }) }
    };
    match weights {
        Weights::Dense { items, values } => {
            values.chunks(items.max(1)).enumerate().try_for_each(|(item, row)| {
                match row.iter().position(|weight| !weight.is_finite()) {
                    Some(column) => finite(item, column, row[column]),
                    None if row[item] != 0.0 => Err(WeightsError::Diagonal { item }),
                    None => Ok(()),
                }
            })
        }
        Weights::Sparse(matrix) => (0..matrix.rows()).try_for_each(|item| {
            let (columns, values) = matrix.checked_row(item, matrix.rows()).map_err(WeightsError::Matrix)?;
            if !columns.is_sorted_by(|a, b| a < b) {
                return Err(WeightsError::Matrix(CsrError::Order { row: item }));
            }
            if columns.contains(&(item as u32)) {
                return Err(WeightsError::Diagonal { item });
            }
            columns.iter().zip(values).try_for_each(|(&column, &weight)| finite(item, column as usize, weight))
        }),
    }
}
