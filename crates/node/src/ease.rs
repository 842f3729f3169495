//! EASE: the phases of its training, which take tiles or items from the shared counter, and lists for batches of requests.

use crate::entries::{Entries, check_length, length};
use crate::file::{Operand, values};
use crate::sparse::{SparseMatrix, matrix_addresses};
use crate::views::{SharedArray, addresses, check_apart};
use aurochs_kernels::csr::CsrError;
use aurochs_kernels::ease::gramian::{Interactions, scatter_row};
use aurochs_kernels::ease::rank::{self, Weights, WeightsError};
use aurochs_kernels::ease::regression::{self, Regression};
use aurochs_kernels::ease::tiles::Tiles;
use aurochs_kernels::ease::{sweep, weights};
use aurochs_kernels::request::Request;
use aurochs_kernels::scratch::Floats;
use aurochs_kernels::simd::Simd;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::cell::Cell;
use std::ops::Range;

/// The interactions, both ways, and how they are fitted.
#[napi(object, object_to_js = false)]
pub struct EaseTraining<'a> {
    /// (items × users)
    pub by_item: SparseMatrix<'a>,
    /// (users × items)
    pub by_user: SparseMatrix<'a>,
    /// Pairs count their weights rather than 1.
    pub weighted: bool,
    /// λ.
    pub regularization: f64,
}

impl EaseTraining<'_> {
    fn interactions(&self) -> Result<Interactions<'_>> {
        Interactions::new(self.by_item.view()?, self.by_user.view()?, self.weighted).map_err(refused)
    }

    fn addresses(&self) -> Result<Vec<Range<usize>>> {
        Ok([matrix_addresses(self.by_item.view()?), matrix_addresses(self.by_user.view()?)].concat())
    }
}

/// The lower triangle of a matrix (items × items) in tiles of `size` × `size`; see `aurochs_kernels::ease::tiles`.
#[napi(object, object_to_js = false)]
pub struct EaseTriangle {
    #[napi(ts_type = "Float32Array")]
    pub values: SharedArray<f32>,
    pub items: u32,
    pub size: u32,
}

impl EaseTriangle {
    fn tiles(&self) -> Result<Tiles> {
        Tiles::new(self.items as usize, self.size as usize, self.values.len()).map_err(Error::from_reason)
    }

    /// All values, for reading.
    ///
    /// # Safety
    /// As long as they are used, nobody writes them.
    unsafe fn whole(&self) -> Result<&[f32]> {
        // SAFETY: the caller's promise; the array lives as long as the call.
        Ok(unsafe { std::slice::from_raw_parts(self.values.as_ptr(), self.values.len()) })
    }
}

/// Writes to `costs` where each item's additions begin when those of all are counted: (items + 1) or more, the rest take none.
/// Gives the mean over all pairs of the entry of their item on the diagonal of XᵀX.
#[napi(catch_unwind)]
pub fn ease_plan(training: EaseTraining, mut costs: BigUint64Array) -> Result<f64> {
    let interactions = training.interactions()?;
    if costs.len() <= interactions.items() {
        return Err(length("costs", interactions.items() + 1, costs.len()));
    }
    check_apart(&[("costs", addresses(&costs))], &training.addresses()?)?;
    // SAFETY: one call alone counts, before the phases; it lies apart from what is read.
    interactions.additions(unsafe { costs.as_mut() });
    Ok(interactions.mean_diagonal())
}

/// Writes XᵀX + λI to the triangle. Chunk c is rows `bounds[c]..bounds[c + 1]`, up to those of the padding.
#[napi(catch_unwind)]
pub fn ease_gramian(
    training: EaseTraining,
    triangle: EaseTriangle,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let (interactions, tiles) = (training.interactions()?, triangle.tiles()?);
    check_length("items", interactions.items(), tiles.items)?;
    let written = [("triangle", triangle.values.addresses()), ("next", next.addresses())];
    check_apart(&written, &[&training.addresses()?[..], &[addresses(&bounds)]].concat())?;
    let mut shared = triangle.values.rows(tiles.size)?;
    let chunks = next.chunks_at(&bounds, tiles.padded())?;
    let (mut row, mut sums) = (Vec::new(), Vec::new());
    while let Some((_, items)) = chunks.take() {
        for item in items {
            row.resize((item / tiles.size + 1) * tiles.size, 0.0);
            interactions.gramian_row(item, training.regularization, &mut row, &mut sums);
            scatter_row(tiles, item, &row, |at, part| {
                // SAFETY: the counter gave this item, and so its rows of tiles, to this call alone.
                unsafe { shared.rows_mut(at..at + 1) }.copy_from_slice(part);
            });
        }
    }
    Ok(())
}

/// Inverts tile (`step`, `step`) of the triangle and writes it to `inverse` (size × size), packed. Gives the row of the matrix where it
/// is not positive definite, or nothing.
#[napi(catch_unwind)]
pub fn ease_invert(
    triangle: EaseTriangle,
    step: u32,
    #[napi(ts_arg_type = "Float32Array")] inverse: SharedArray<f32>,
) -> Result<Option<u32>> {
    let tiles = triangle.tiles()?;
    let step = checked_step(tiles, step)?;
    check_length("inverse", tiles.area(), inverse.len())?;
    check_apart(&[("inverse", inverse.addresses()), ("triangle", triangle.values.addresses())], &[])?;
    let mut shared = triangle.values.rows(tiles.area())?;
    let mut inverse = inverse.rows(tiles.area())?;
    let number = Tiles::number(step, step);
    // SAFETY: one call alone inverts, while no phase runs; the two lie apart.
    let (tile, inverse) = unsafe { (shared.rows_mut(number..number + 1), inverse.rows_mut(0..1)) };
    let outcome = sweep::invert(tile, tiles.size, inverse, &mut Vec::new(), Simd::detect());
    Ok(outcome.err().map(|row| (step * tiles.size + row) as u32))
}

/// The operands of a step, packed by `easePanels` for `easeUpdates`.
#[napi(object, object_to_js = false)]
pub struct EasePanels {
    /// (size × size) Of the pivot, from `easeInvert`.
    #[napi(ts_type = "Float32Array")]
    pub inverse: SharedArray<f32>,
    /// (tiles × size × size)
    #[napi(ts_type = "Float32Array")]
    pub left: SharedArray<f32>,
    /// (tiles × size × size)
    #[napi(ts_type = "Float32Array")]
    pub right: SharedArray<f32>,
}

impl EasePanels {
    /// Checks their lengths, and that all lie apart from each other, the triangle, and the counter.
    fn check(&self, tiles: Tiles, triangle: &EaseTriangle, next: &SharedArray<i32>) -> Result<()> {
        check_length("inverse", tiles.area(), self.inverse.len())?;
        check_length("left", tiles.count() * tiles.area(), self.left.len())?;
        check_length("right", tiles.count() * tiles.area(), self.right.len())?;
        let all = [
            ("inverse", self.inverse.addresses()),
            ("left", self.left.addresses()),
            ("right", self.right.addresses()),
            ("triangle", triangle.values.addresses()),
            ("next", next.addresses()),
        ];
        check_apart(&all, &[])
    }
}

/// Sweeps the tiles beside the pivot of `step` and packs the operands of its updates. Takes one tile at a time.
#[napi(catch_unwind)]
pub fn ease_panels(
    triangle: EaseTriangle,
    step: u32,
    panels: EasePanels,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let tiles = triangle.tiles()?;
    let step = checked_step(tiles, step)?;
    panels.check(tiles, &triangle, &next)?;
    let (area, simd) = (tiles.area(), Simd::detect());
    let mut shared = triangle.values.rows(area)?;
    let (inverse, mut left, mut right) =
        (panels.inverse.rows(area)?, panels.left.rows(area)?, panels.right.rows(area)?);
    let chunks = next.chunks(tiles.count(), 1)?;
    let mut scratch = Floats::default();
    while let Some((i, _)) = chunks.take() {
        if i == step {
            continue;
        }
        let number = Tiles::number(i.max(step), i.min(step));
        // SAFETY: the counter gave this tile and these panels to this call alone; nobody writes the inverse in this phase.
        let (tile, inverse, left, right) = unsafe {
            (
                shared.rows_mut(number..number + 1),
                inverse.rows_ref(0..1),
                left.rows_mut(i..i + 1),
                right.rows_mut(i..i + 1),
            )
        };
        sweep::panel(tile, i < step, tiles.size, inverse, left, right, &mut scratch, simd);
    }
    Ok(())
}

/// Updates the tiles that are not beside the pivot of `step`. Takes `chunkTiles` at a time.
#[napi(catch_unwind)]
pub fn ease_updates(
    triangle: EaseTriangle,
    step: u32,
    panels: EasePanels,
    chunk_tiles: u32,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let tiles = triangle.tiles()?;
    let step = checked_step(tiles, step)?;
    panels.check(tiles, &triangle, &next)?;
    let (area, simd) = (tiles.area(), Simd::detect());
    let mut shared = triangle.values.rows(area)?;
    let (left, right) = (panels.left.rows(area)?, panels.right.rows(area)?);
    let chunks = next.chunks(shared.rows(), chunk_tiles)?;
    while let Some((_, numbers)) = chunks.take() {
        for number in numbers {
            let (i, j) = Tiles::place(number);
            if i == step || j == step {
                continue;
            }
            // SAFETY: the counter gave this tile to this call alone; nobody writes the panels in this phase.
            let (tile, left, right) =
                unsafe { (shared.rows_mut(number..number + 1), left.rows_ref(i..i + 1), right.rows_ref(j..j + 1)) };
            sweep::update(tile, left, right, tiles.size, simd);
        }
    }
    Ok(())
}

/// Writes to `residuals` (items) those of a triangle that is swept.
#[napi(catch_unwind)]
pub fn ease_residuals(swept: EaseTriangle, mut residuals: Float32Array) -> Result<()> {
    let tiles = swept.tiles()?;
    check_length("residuals", tiles.items, residuals.len())?;
    check_apart(&[("residuals", addresses(&residuals))], &[swept.values.addresses()])?;
    // SAFETY: no phase runs; they lie apart.
    let (whole, residuals) = unsafe { (swept.whole()?, residuals.as_mut()) };
    weights::residuals(whole, tiles, residuals);
    Ok(())
}

/// How far (XᵀX + λI) P is from the identity at most in column `item`: NaN where the column is.
#[napi(catch_unwind)]
pub fn ease_error(training: EaseTraining, swept: EaseTriangle, item: u32) -> Result<f64> {
    let (interactions, tiles) = (training.interactions()?, swept.tiles()?);
    check_length("items", interactions.items(), tiles.items)?;
    let item = checked_item(tiles, item)?;
    let mut column = vec![0.0; tiles.items];
    // SAFETY: no phase runs.
    weights::swept_rows(unsafe { swept.whole()? }, tiles, item..item + 1, &mut column);
    Ok(interactions.inverse_error(item, training.regularization, &column))
}

/// Writes to `rows` (whole rows × items) the rows of B from `first` on.
#[napi(catch_unwind)]
pub fn ease_rows(swept: EaseTriangle, residuals: Float32Array, first: u32, mut rows: Float32Array) -> Result<()> {
    let tiles = swept.tiles()?;
    check_length("residuals", tiles.items, residuals.len())?;
    let first = first as usize;
    let count = rows.len() / tiles.items.max(1);
    if count * tiles.items != rows.len() || first + count > tiles.items {
        let (got, items) = (rows.len(), tiles.items);
        return Err(Error::from_reason(format!("{got} values are not whole rows of {items} from {first} on")));
    }
    check_apart(&[("rows", addresses(&rows))], &[swept.values.addresses(), addresses(&residuals)])?;
    // SAFETY: no phase runs; they lie apart.
    let (whole, rows) = unsafe { (swept.whole()?, rows.as_mut()) };
    weights::rows(whole, tiles, &residuals, first..first + count, rows);
    Ok(())
}

/// Keeps of each row of B the entries that are largest in absolute value, as many as there is room for.
#[napi(catch_unwind)]
pub fn ease_largest(
    swept: EaseTriangle,
    residuals: Float32Array,
    entries: Entries,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<()> {
    let tiles = swept.tiles()?;
    check_length("residuals", tiles.items, residuals.len())?;
    entries.check(tiles.items)?;
    let written = [&entries.written()[..], &[("next", next.addresses())]].concat();
    check_apart(&written, &[swept.values.addresses(), addresses(&residuals), addresses(&entries.starts)])?;
    let (mut indices, mut weights) = (entries.indices.rows(1)?, entries.weights.rows(1)?);
    let mut counts = entries.counts.rows(1)?;
    let chunks = next.chunks(tiles.items, weights::ROWS as u32)?;
    // SAFETY: nobody writes the triangle in this phase.
    let whole = unsafe { swept.whole()? };
    let (mut rows, mut keys) = (Vec::new(), Vec::new());
    while let Some((_, items)) = chunks.take() {
        rows.resize(items.len() * tiles.items, 0.0);
        weights::rows(whole, tiles, &residuals, items.clone(), &mut rows);
        for (item, row) in items.zip(rows.chunks_exact(tiles.items)) {
            let places = entries.places(item);
            // SAFETY: the counter gave this item, and so its places, to this call alone.
            let (indices, weights, count) = unsafe {
                (indices.rows_mut(places.clone()), weights.rows_mut(places), counts.rows_mut(item..item + 1))
            };
            count[0] = weights::largest(row, indices, weights, &mut keys) as u32;
        }
    }
    Ok(())
}

/// Fits each column of B by itself, on at most as many other items as there is room for in `entries`, and writes the residual of each to
/// `residuals` (items). Chunk c is items `bounds[c]..bounds[c + 1]`. Gives an item whose system is not positive definite, or nothing;
/// the phase ends there.
#[napi(catch_unwind)]
pub fn ease_columns(
    training: EaseTraining,
    entries: Entries,
    #[napi(ts_arg_type = "Float32Array")] residuals: SharedArray<f32>,
    bounds: Uint32Array,
    #[napi(ts_arg_type = "Int32Array")] next: SharedArray<i32>,
) -> Result<Option<u32>> {
    let interactions = training.interactions()?;
    let items = interactions.items();
    entries.check(items)?;
    check_length("residuals", items, residuals.len())?;
    let beside = [("residuals", residuals.addresses()), ("next", next.addresses())];
    let read = [&training.addresses()?[..], &[addresses(&entries.starts), addresses(&bounds)]].concat();
    check_apart(&[&entries.written()[..], &beside].concat(), &read)?;
    let (mut indices, mut weights) = (entries.indices.rows(1)?, entries.weights.rows(1)?);
    let (mut counts, mut residuals) = (entries.counts.rows(1)?, residuals.rows(1)?);
    let chunks = next.chunks_at(&bounds, items)?;
    let mut diagonal = vec![0.0; items];
    interactions.diagonal(&mut diagonal);
    let regression = Regression {
        interactions,
        diagonal: &diagonal,
        regularization: training.regularization,
        candidates: usize::MAX,
    };
    let (mut scratch, simd) = (regression::Scratch::default(), Simd::detect());
    while let Some((_, items)) = chunks.take() {
        for item in items {
            let places = entries.places(item);
            // SAFETY: the counter gave this item, and so its places, to this call alone.
            let (indices, weights, count, own) = unsafe {
                (
                    indices.rows_mut(places.clone()),
                    weights.rows_mut(places),
                    counts.rows_mut(item..item + 1),
                    residuals.rows_mut(item..item + 1),
                )
            };
            let Some((found, residual)) = regression.column(item, indices, weights, &mut scratch, simd) else {
                while chunks.take().is_some() {}
                return Ok(Some(item as u32));
            };
            (count[0], own[0]) = (found as u32, residual as f32);
        }
    }
    Ok(None)
}

/// B as a model has it.
#[napi(object, object_to_js = false)]
pub struct EaseWeights<'a> {
    pub items: u32,
    /// (items × items), where the matrix is whole.
    pub dense: Option<Operand<'a, Float32Array>>,
    /// The entries of each row that were kept, where it is not.
    pub sparse: Option<SparseMatrix<'a>>,
}

impl EaseWeights<'_> {
    fn view(&self) -> Result<Weights<'_>> {
        let items = self.items as usize;
        match (&self.dense, &self.sparse) {
            (Some(dense), None) => Ok(Weights::Dense { items, values: values(dense)? }),
            (None, Some(sparse)) => {
                let matrix = sparse.view()?;
                check_length("rows", items, matrix.rows())?;
                Ok(Weights::Sparse(matrix))
            }
            _ => Err(Error::new(Status::InvalidArg, "weights must be either dense or sparse")),
        }
    }
}

/// What one list is made from; see `aurochs_kernels::request::Request`.
#[napi(object, object_to_js = false)]
pub struct EaseRequest {
    /// Items of the history, each once.
    pub items: Uint32Array,
    /// What they count, above 0.
    pub weights: Float32Array,
    pub limit: u32,
    /// Items that must not come.
    pub exclude: Uint32Array,
    /// The only items that may come; all when absent.
    pub only: Option<Uint32Array>,
    /// Of the items that may come, a bit each; all when absent. Another thread may change it.
    #[napi(ts_type = "Uint32Array")]
    pub allowed: Option<SharedArray<u32>>,
}

/// Lists one after the other: list l is `indptr[l]..indptr[l + 1]`.
#[napi(object, object_from_js = false)]
pub struct EaseLists<'env> {
    pub indptr: Uint32ArraySlice<'env>,
    pub items: Uint32ArraySlice<'env>,
    pub scores: Float32ArraySlice<'env>,
}

thread_local! {
    /// Taken by a call and put back when it succeeds.
    static RANKING: Cell<rank::Scratch> = Cell::default();
}

/// The best items of each request, best first: those with the highest sums of rows of B over the history, above 0.
#[napi(catch_unwind)]
pub fn ease_rank<'env>(env: &'env Env, weights: EaseWeights, requests: Vec<EaseRequest>) -> Result<EaseLists<'env>> {
    let (weights, simd) = (weights.view()?, Simd::detect());
    let mut scratch = RANKING.take();
    let (mut indptr, mut items, mut scores) = (vec![0], Vec::new(), Vec::new());
    for request in &requests {
        let request = Request {
            items: &request.items,
            weights: &request.weights,
            limit: request.limit as usize,
            exclude: &request.exclude,
            only: request.only.as_deref(),
            allowed: request.allowed.as_ref().map(SharedArray::bitmap),
        };
        rank::rank(weights, &request, &mut scratch, &mut items, &mut scores, simd).map_err(refused)?;
        indptr.push(items.len() as u32);
    }
    RANKING.set(scratch);
    Ok(EaseLists {
        indptr: Uint32ArraySlice::copy_from(env, indptr)?,
        items: Uint32ArraySlice::copy_from(env, items)?,
        scores: Float32ArraySlice::copy_from(env, scores)?,
    })
}

/// What is wrong with weights, and where.
#[napi(object, object_from_js = false)]
pub struct EaseFault {
    #[napi(ts_type = "'indptr' | 'indices' | 'weights'")]
    pub tensor: &'static str,
    pub message: String,
}

/// What is wrong with B, or nothing. Reads all of it.
#[napi(catch_unwind)]
pub fn ease_fault(weights: EaseWeights) -> Result<Option<EaseFault>> {
    let weights = weights.view()?;
    if let Weights::Dense { items, values } = weights {
        let expected = (items as u64).saturating_mul(items as u64);
        check_length("dense", expected as usize, values.len())?;
    }
    let is_dense = matches!(weights, Weights::Dense { .. });
    Ok(rank::check(weights).err().map(|error| {
        let tensor = match error {
            WeightsError::Matrix(CsrError::Column { .. } | CsrError::Order { .. }) => "indices",
            WeightsError::Matrix(_) => "indptr",
            WeightsError::Diagonal { .. } if !is_dense => "indices",
            WeightsError::Diagonal { .. } | WeightsError::Weight { .. } => "weights",
        };
        EaseFault { tensor, message: error.to_string() }
    }))
}

fn checked_step(tiles: Tiles, step: u32) -> Result<usize> {
    if (step as usize) < tiles.count() {
        return Ok(step as usize);
    }
    Err(Error::new(Status::InvalidArg, format!("step must be below {}, got {step}", tiles.count())))
}

fn checked_item(tiles: Tiles, item: u32) -> Result<usize> {
    if (item as usize) < tiles.items {
        return Ok(item as usize);
    }
    Err(Error::new(Status::InvalidArg, format!("item must be below {}, got {item}", tiles.items)))
}

fn refused(error: impl std::error::Error) -> Error {
    Error::new(Status::InvalidArg, error.to_string())
}
