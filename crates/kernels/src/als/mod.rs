//! Alternating least squares for implicit feedback (Hu, Koren & Volinsky 2008), one half-step over a range of rows.
//!
//! A row x (a user, say) is the minimum of
//!
//! ```text
//! x·A·x − 2 x·b + Σᵢ tᵢ,   A = α₀ YᵀY + Σᵢ wᵢ yᵢ yᵢᵀ + λ_x I,   b = Σᵢ tᵢ yᵢ
//! ```
//!
//! where i runs over the n columns that the row has entries in, and Y is the fixed side. [`Objective`] tells how the published
//! parametrisations define w and t.
//!
//! Both sides are kept in the eigenbasis of the fixed side's Gramian ([`crate::basis`]), where α₀ YᵀY + λ I is a diagonal
//! D whatever the row's λ. Three solvers use that, chosen by cost for each row:
//! [`dual`] for rows with few entries, [`cg`] from the last solution, [`cholesky`].

mod cg;
mod cholesky;
mod dual;
mod row;

use crate::csr::Csr;
use crate::scratch::Floats;
use crate::simd::{BLOCK, Kernel, Lanes, Simd};
use row::Row;
use std::ops::Range;

/// What is minimised. With entry value r, an entry has extra weight w = `alpha`·r + `weight_offset` and linear term
/// t = `alpha`·r + `target_offset`:
///
/// | parametrisation | weight offset | target offset | loss of a pair with score s |
/// |---|---|---|---|
/// | implicit (the library), c = αr | −α₀ | 0 | c (1 − s)² |
/// | Hu, Koren & Volinsky 2008, c = 1 + αr | 1 − α₀ | 1 | c (1 − s)² |
/// | iALS (Rendle et al. 2021), a = αr | 0 | 0 | a (1 − s)² + α₀ s² |
///
/// and all other pairs cost α₀ s². A row with n entries is regularised by λ (n + α₀·columns)^ν ‖x‖².
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// α₀, the weight of a pair that was not observed; not negative.
    pub unobserved: f32,
    /// α, how much an observed value counts.
    pub alpha: f32,
    /// Added to α·r for w.
    pub weight_offset: f32,
    /// Added to α·r for t.
    pub target_offset: f32,
    /// λ; not negative.
    pub regularization: f32,
    /// ν, from 0 (every row alike) to 1 (in proportion to its weight in the loss).
    pub frequency_exponent: f32,
}

impl Objective {
    /// λ_x of a row with `entries` entries against a fixed side of `columns` rows.
    pub fn row_regularization(&self, entries: usize, columns: usize) -> f32 {
        if self.frequency_exponent == 0.0 {
            return self.regularization;
        }
        let mass = entries as f64 + f64::from(self.unobserved) * columns as f64;
        (f64::from(self.regularization) * mass.powf(f64::from(self.frequency_exponent))) as f32
    }
}

/// How rows are solved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solver {
    /// Near-exact by the cheapest way: this many preconditioned conjugate-gradient steps from the last solution, or an
    /// exact solver where that costs no more.
    Steps(usize),
    /// Exact to single precision.
    Exact,
}

/// One half-step: everything but the rows to solve.
#[derive(Clone, Copy)]
pub struct HalfStep<'a> {
    /// Entries of the side that is solved.
    pub entries: Csr<'a>,
    /// The other side, (columns × `fixed_stride`), in the eigenbasis of its Gramian.
    pub fixed: &'a [f32],
    /// Floats from one row of `fixed` to the next, at least `rank`: need not be padded.
    pub fixed_stride: usize,
    /// Eigenvalues of the Gramian of `fixed`, `rank` of them.
    pub spectrum: &'a [f64],
    /// What is minimised.
    pub objective: Objective,
    /// How.
    pub solver: Solver,
}

/// What a range of rows contributes to the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossTerms {
    /// Σ over rows of their minimised expression, the row's own regularisation included.
    pub fit: f64,
    /// Σ λ_x ‖x‖² alone: what to add to the other side's `fit`.
    pub regularization: f64,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    tile: Floats,
    vectors: Floats,
    entries: Floats,
    square: Floats,
}

impl HalfStep<'_> {
    /// Solves `rows`, starting from what `out` (rows.len() × stride, zero in the padding) holds, and writes the solutions there.
    ///
    /// Where λ = 0 leaves the system singular, directions that nothing determines are kept near zero. What is written
    /// is finite on success, and so are the squares of its norms.
    ///
    /// # Errors
    /// Names the first row whose pointers or columns are out of range, or whose numbers single precision does not hold.
    pub fn solve(
        &self,
        rows: Range<usize>,
        out: &mut [f32],
        scratch: &mut Scratch,
        simd: Simd,
    ) -> Result<LossTerms, String> {
        let rank = self.spectrum.len();
        let stride = crate::simd::stride(rank);
        assert!(rows.end <= self.entries.rows() && self.fixed_stride >= rank);
        assert_eq!(out.len(), rows.len() * stride);
        assert!(self.entries.indices.len() == self.entries.weights.len());
        let columns = self.fixed.len() / self.fixed_stride;
        for row in rows.clone() {
            self.entries.checked_row(row, columns).map_err(|error| error.to_string())?;
        }
        simd.run(Solve { step: *self, rows, out, scratch, rank, stride, columns }).map_err(|row| {
            let weights = self.entries.row(row).1;
            let (least, most) =
                weights.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &w| (a.min(w), b.max(w)));
            format!(
                "row {row} has no factors that single precision holds: expected moderate numbers, got {} entries with weights \
                 from {least:e} to {most:e}: scale the weights to about 1, or raise the regularization",
                weights.len()
            )
        })
    }
}

struct Solve<'a, 's> {
    step: HalfStep<'a>,
    rows: Range<usize>,
    out: &'s mut [f32],
    scratch: &'s mut Scratch,
    rank: usize,
    stride: usize,
    columns: usize,
}

/// Rows ahead whose neighbours are prefetched while a row is solved, and how many neighbours of one row at most.
const AHEAD: usize = 1;
const PREFETCHED: usize = 64;

impl Kernel for Solve<'_, '_> {
    /// Fails with the first row without finite factors.
    type Output = Result<LossTerms, usize>;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let Solve { step, rows, out, scratch, rank, stride, columns } = self;
        let mut terms = LossTerms::default();
        let last = rows.end;
        for (row, x) in rows.zip(out.chunks_exact_mut(stride)) {
            if row + AHEAD < last {
                for &column in step.entries.row(row + AHEAD).0.iter().take(PREFETCHED) {
                    let start = step.fixed.as_ptr().wrapping_add(column as usize * step.fixed_stride);
                    for line in (0..rank).step_by(BLOCK) {
                        l.prefetch(start.wrapping_add(line));
                    }
                }
            }
            let (indices, values) = step.entries.row(row);
            if indices.is_empty() {
                x.fill(0.0);
                continue;
            }
            let regularization = step.objective.row_regularization(indices.len(), columns);
            let mut system = Row::gather(l, &step, indices, values, regularization, stride, scratch);
            let fit = system.solve(l, step.solver, x);
            let norm = row::squared_norm(x);
            // A greater norm would overflow in the Gramian. NaN too fails.
            if !(fit.is_finite() && norm < f64::from(f32::MAX)) {
                return Err(row);
            }
            terms.fit += fit;
            terms.regularization += f64::from(regularization) * norm;
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests;
