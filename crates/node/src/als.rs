//! The phases of alternating least squares. Each call takes chunks of rows from the shared counter until there is none.

use crate::file::{Operand, values};
use crate::instructions::instructions;
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart, finite_option};
use aurochs_kernels::als::{HalfStep, Objective, Scratch, Solver};
use aurochs_kernels::scratch::Floats;
use aurochs_kernels::simd::stride;
use aurochs_kernels::{basis, initialise, matmul};
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;

/// Rows of a factor matrix, (rows × stride) with the stride that `factorStride` gives, in chunks of `chunkRows` rows.
#[napi(object, object_to_js = false)]
pub struct RowPhase {
    #[napi(ts_type = "Float32Array")]
    pub factors: SharedArray<f32>,
    pub rank: u32,
    pub chunk_rows: u32,
    /// The chunk counter: one cell.
    #[napi(ts_type = "Int32Array")]
    pub next: SharedArray<i32>,
    /// `avx512`, `avx2`, `neon` or `plain`; the widest when absent.
    pub simd: Option<String>,
}

/// Floats from one row of a factor matrix in training to the next: `rank` rounded up to whole cache lines.
#[napi(catch_unwind)]
pub fn factor_stride(rank: u32) -> u32 {
    stride(rank as usize) as u32
}

/// Fills the factors with normal deviates. The same `seed` gives the same matrix for any chunks.
#[napi(catch_unwind)]
pub fn initialise_factors(phase: RowPhase, deviation: f64, seed: u32) -> Result<()> {
    let (rank, stride) = (phase.rank as usize, stride(phase.rank as usize));
    let mut factors = phase.factors.rows(stride)?;
    let chunks = phase.next.chunks(factors.rows(), phase.chunk_rows)?;
    while let Some((_, rows)) = chunks.take() {
        let first = rows.start;
        // SAFETY: the counter gave these rows to this call alone.
        let own = unsafe { factors.rows_mut(rows) };
        initialise::fill_normal(own, stride, rank, first, deviation as f32, u64::from(seed));
    }
    Ok(())
}

/// Writes to `partials` the Gramian (upper triangle, stride × stride) of each chunk of rows.
#[napi(catch_unwind)]
pub fn partial_gramians(
    phase: RowPhase,
    #[napi(ts_arg_type = "Float32Array")] partials: SharedArray<f32>,
) -> Result<()> {
    let stride = stride(phase.rank as usize);
    let written = [("partials", partials.addresses()), ("next", phase.next.addresses())];
    check_apart(&written, &[phase.factors.addresses()])?;
    let factors = phase.factors.rows(stride)?;
    let chunks = phase.next.chunks(factors.rows(), phase.chunk_rows)?;
    let mut partials = partials.rows(stride * stride)?;
    if partials.rows() < chunks.len() {
        return Err(Error::from_reason(format!("{} partial Gramians for {} chunks", partials.rows(), chunks.len())));
    }
    let simd = instructions(&phase.simd)?;
    while let Some((chunk, rows)) = chunks.take() {
        // SAFETY: the counter gave this chunk, and so this partial, to this call alone; no thread writes
        // the factors in this phase.
        let (partial, rows) = unsafe { (partials.rows_mut(chunk..chunk + 1), factors.rows_ref(rows)) };
        partial.fill(0.0);
        matmul::add_gram(rows, stride, partial, simd);
    }
    Ok(())
}

/// Sums partial Gramians and writes their eigenvectors to `vectors` (stride × stride, one a column) and eigenvalues to
/// `values` (stride), largest first.
#[napi(catch_unwind)]
pub fn eigenbasis(partials: &[f32], rank: u32, mut vectors: Float32Array, mut values: Float64Array) -> Result<()> {
    check_apart(&[("vectors", addresses(&vectors)), ("values", addresses(&values))], &[addresses(partials)])?;
    // SAFETY: only the thread that runs the training calls this, between phases; they lie apart.
    let (vectors, values) = unsafe { (vectors.as_mut(), values.as_mut()) };
    basis::eigenbasis(partials, rank as usize, vectors, values).map_err(Error::from_reason)
}

/// Rotates the factors by `vectors` (stride × stride), in place.
#[napi(catch_unwind)]
pub fn rotate_factors(phase: RowPhase, vectors: Float32Array) -> Result<()> {
    let stride = stride(phase.rank as usize);
    let written = [("factors", phase.factors.addresses()), ("next", phase.next.addresses())];
    check_apart(&written, &[addresses(&vectors)])?;
    let mut factors = phase.factors.rows(stride)?;
    let chunks = phase.next.chunks(factors.rows(), phase.chunk_rows)?;
    let simd = instructions(&phase.simd)?;
    let mut scratch = Floats::default();
    while let Some((_, rows)) = chunks.take() {
        // SAFETY: the counter gave these rows to this call alone.
        let own = unsafe { factors.rows_mut(rows) };
        matmul::rotate(own, stride, &vectors, &mut scratch, simd);
    }
    Ok(())
}

/// What is minimised; see `aurochs_kernels::als::Objective`.
#[napi(object, object_to_js = false)]
pub struct AlsObjective {
    pub unobserved: f64,
    pub alpha: f64,
    pub weight_offset: f64,
    pub target_offset: f64,
    pub regularization: f64,
    pub frequency_exponent: f64,
}

/// Entries of a sparse matrix, the fixed side that they point into, and what is minimised.
#[napi(object, object_to_js = false)]
pub struct AlsHalfStep<'a> {
    pub entries: SparseMatrix<'a>,
    /// (columns × `fixedStride`), in the eigenbasis of its Gramian.
    pub fixed: Operand<'a, Float32Array>,
    pub fixed_stride: u32,
    /// Eigenvalues of the Gramian of `fixed`: `rank` of them.
    pub spectrum: Float64Array,
    pub objective: AlsObjective,
    /// Conjugate-gradient steps a row; exact solutions when absent.
    pub steps: Option<u32>,
    pub simd: Option<String>,
}

impl AlsHalfStep<'_> {
    fn kernel(&self) -> Result<HalfStep<'_>> {
        let o = &self.objective;
        Ok(HalfStep {
            entries: self.entries.view()?,
            fixed: values(&self.fixed)?,
            fixed_stride: self.fixed_stride as usize,
            spectrum: &self.spectrum,
            objective: Objective {
                unobserved: finite_option("unobserved", o.unobserved)?,
                alpha: finite_option("alpha", o.alpha)?,
                weight_offset: finite_option("weightOffset", o.weight_offset)?,
                target_offset: finite_option("targetOffset", o.target_offset)?,
                regularization: finite_option("regularization", o.regularization)?,
                frequency_exponent: finite_option("frequencyExponent", o.frequency_exponent)?,
            },
            solver: self.steps.map_or(Solver::Exact, |steps| Solver::Steps(steps as usize)),
        })
    }
}

/// Solves the rows of one side: `out` (rows × stride) holds the last solutions and gets the new ones.
///
/// Chunk c is rows `bounds[c]..bounds[c + 1]`; its part of the loss goes to `lossTerms[2c]`, and the rows' own
/// regularisation, which is part of it, to `lossTerms[2c + 1]`.
#[napi(catch_unwind)]
pub fn als_half_step(
    step: AlsHalfStep,
    #[napi(ts_arg_type = "Float32Array")] out: SharedArray<f32>,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Float64Array")] loss_terms: SharedArray<f64>,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let kernel = step.kernel()?;
    let written = [("out", out.addresses()), ("lossTerms", loss_terms.addresses()), ("next", next.addresses())];
    let beside = [addresses(kernel.fixed), addresses(kernel.spectrum), addresses(&bounds)];
    check_apart(&written, &[&matrix_addresses(kernel.entries)[..], &beside].concat())?;
    let simd = instructions(&step.simd)?;
    let stride = stride(kernel.spectrum.len());
    let mut out = out.rows(stride)?;
    let mut loss_terms = loss_terms.rows(2)?;
    let chunks = next.chunks_at(&bounds, out.rows())?;
    if loss_terms.rows() < chunks.len() || kernel.entries.rows() != out.rows() {
        return Err(Error::from_reason(format!(
            "{} rows of factors and {} loss terms for {} rows of entries in {} chunks",
            out.rows(),
            loss_terms.rows(),
            kernel.entries.rows(),
            chunks.len()
        )));
    }
    let mut scratch = Scratch::default();
    while let Some((chunk, rows)) = chunks.take() {
        // SAFETY: the counter gave this chunk, and so its rows and its loss terms, to this call alone.
        let (own, terms) = unsafe { (out.rows_mut(rows.clone()), loss_terms.rows_mut(chunk..chunk + 1)) };
        let solved = kernel.solve(rows, own, &mut scratch, simd).map_err(Error::from_reason)?;
        terms.copy_from_slice(&[solved.fit, solved.regularization]);
    }
    Ok(())
}

thread_local! {
    /// Taken by a call and put back when it succeeds: a tile of the heaviest history, allocated anew for each call, would
    /// fragment the heap.
    static FOLD_IN: Cell<Scratch> = Cell::default();
}

/// Solves a batch of rows exactly and returns their factors, (rows × rank) without padding.
#[napi(catch_unwind)]
pub fn als_fold_in<'env>(env: &'env Env, step: AlsHalfStep) -> Result<Float32ArraySlice<'env>> {
    let kernel = step.kernel()?;
    let (rank, rows) = (kernel.spectrum.len(), kernel.entries.rows());
    let mut padded = vec![0.0; rows * stride(rank)];
    let mut scratch = FOLD_IN.take();
    kernel.solve(0..rows, &mut padded, &mut scratch, instructions(&step.simd)?).map_err(Error::from_reason)?;
    FOLD_IN.set(scratch);
    let factors: Vec<f32> = padded.chunks(stride(rank)).flat_map(|row| &row[..rank]).copied().collect();
    Float32ArraySlice::copy_from(env, factors)
}
