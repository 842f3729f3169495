//! Sparse matrices in compressed rows.

use std::fmt;

/// A borrowed sparse matrix: the entries of row `r` are `indices[indptr[r]..indptr[r + 1]]` with equal places in `weights`.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    /// Where each row begins, and where the last ends: rows + 1 values, never falling.
    pub indptr: &'a [u64],
    /// The column of each entry, rising within a row unless the owner says otherwise.
    pub indices: &'a [u32],
    /// The weight of each entry.
    pub weights: &'a [f32],
}

/// Why a matrix is refused. Rows are counted from 0.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum CsrError {
    /// There is no such row.
    Row { row: usize, rows: usize },
    /// The row's pointers fall, or reach beyond the entries.
    Pointers { row: usize },
    /// An entry's column is out of range.
    Column { row: usize, column: u32, columns: usize },
    /// The columns of a row do not rise.
    Order { row: usize },
    /// A weight is not finite, or not above 0.
    Weight { row: usize, weight: f32 },
}

impl fmt::Display for CsrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CsrError::Row { row, rows } => write!(f, "a row must be below {rows}, got {row}"),
            CsrError::Pointers { row } => {
                write!(
                    f,
                    "row {row} must lie within the matrix's entries, but its pointers do not: the file is damaged"
                )
            }
            CsrError::Column { row, column, columns } => {
                write!(f, "row {row} has an entry in column {column}, expected less than {columns}")
            }
            CsrError::Order { row } => write!(f, "the columns of row {row} must rise, but do not"),
            CsrError::Weight { row, weight } => {
                write!(f, "weights must be finite and above 0, but row {row} has {weight}")
            }
        }
    }
}

impl std::error::Error for CsrError {}

impl<'a> Csr<'a> {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.indptr.len().saturating_sub(1)
    }

    /// Columns and weights of `row`.
    #[inline(always)]
    pub fn row(&self, row: usize) -> (&'a [u32], &'a [f32]) {
        let entries = self.indptr[row] as usize..self.indptr[row + 1] as usize;
        (&self.indices[entries.clone()], &self.weights[entries])
    }

    /// [`Csr::row`] of a matrix that may be damaged: all columns are below `columns`.
    ///
    /// # Errors
    /// Names the row, and what is wrong with it.
    pub fn checked_row(&self, row: usize, columns: usize) -> Result<(&'a [u32], &'a [f32]), CsrError> {
        if row >= self.rows() {
            return Err(CsrError::Row { row, rows: self.rows() });
        }
        let entries = self.indptr[row] as usize..self.indptr[row + 1] as usize;
        let (Some(indices), Some(weights)) = (self.indices.get(entries.clone()), self.weights.get(entries)) else {
            return Err(CsrError::Pointers { row });
        };
        match indices.iter().find(|&&column| column as usize >= columns) {
            Some(&column) => Err(CsrError::Column { row, column, columns }),
            None => Ok((indices, weights)),
        }
    }

    /// Reads the whole matrix: afterwards [`Csr::row`] of any row panics no more, and all columns are below `columns`.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn check(&self, columns: usize) -> Result<(), CsrError> {
        (0..self.rows()).try_for_each(|row| self.checked_row(row, columns).map(|_| ()))
    }

    /// [`Csr::check`] of interactions: also, columns rise within a row, and weights are finite and above 0.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn check_interactions(&self, columns: usize) -> Result<(), CsrError> {
        (0..self.rows()).try_for_each(|row| {
            let (indices, weights) = self.checked_row(row, columns)?;
            if !indices.is_sorted_by(|a, b| a < b) {
                return Err(CsrError::Order { row });
            }
            match weights.iter().find(|&&weight| !(weight > 0.0 && weight < f32::INFINITY)) {
                Some(&weight) => Err(CsrError::Weight { row, weight }),
                None => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_matrix_is_refused_by_row() {
        let whole = Csr { indptr: &[0, 1, 1, 3], indices: &[2, 0, 1], weights: &[1.0; 3] };
        assert_eq!(whole.check(3), Ok(()));
        assert_eq!(whole.check(2), Err(CsrError::Column { row: 0, column: 2, columns: 2 }));
        assert_eq!(whole.checked_row(3, 3), Err(CsrError::Row { row: 3, rows: 3 }));
        let falling = Csr { indptr: &[0, 2, 1, 3], ..whole };
        assert_eq!(falling.check(3), Err(CsrError::Pointers { row: 1 }));
        let beyond = Csr { indptr: &[0, 1, 1, 4], ..whole };
        assert_eq!(beyond.check(3), Err(CsrError::Pointers { row: 2 }));
        let unweighted = Csr { weights: &[1.0; 2], ..whole };
        assert_eq!(unweighted.check(3), Err(CsrError::Pointers { row: 2 }));
    }

    #[test]
    fn interactions_rise_and_weigh() {
        let whole = Csr { indptr: &[0, 1, 1, 3], indices: &[2, 0, 1], weights: &[1.0; 3] };
        assert_eq!(whole.check_interactions(3), Ok(()));
        assert_eq!(whole.check_interactions(2), Err(CsrError::Column { row: 0, column: 2, columns: 2 }));
        for indices in [[2, 1, 0], [2, 1, 1]] {
            let unsorted = Csr { indices: &indices, ..whole };
            assert_eq!(unsorted.check_interactions(3), Err(CsrError::Order { row: 2 }));
        }
        for weight in [0.0, -1.0, f32::INFINITY] {
            let light = Csr { weights: &[1.0, 1.0, weight], ..whole };
            assert_eq!(light.check_interactions(3), Err(CsrError::Weight { row: 2, weight }));
        }
        let unknown = Csr { weights: &[f32::NAN; 3], ..whole };
        assert!(matches!(unknown.check_interactions(3), Err(CsrError::Weight { row: 0, weight }) if weight.is_nan()));
    }
}
