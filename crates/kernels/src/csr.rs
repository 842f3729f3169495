//! Sparse matrices in compressed rows.

/// A borrowed sparse matrix: the entries of row `r` are `indices[indptr[r]..indptr[r + 1]]` with equal places in `weights`.
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    /// Where each row begins, and where the last ends: rows + 1 values, never falling.
    pub indptr: &'a [u64],
    /// The column of each entry, rising within a row.
    pub indices: &'a [u32],
    /// The weight of each entry.
    pub weights: &'a [f32],
}

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
}
