//! From gradients to the next vectors, a chunk of vectors at a time.

use super::gemm::add_product;
use super::{Active, SHARD, Shape};
use crate::matmul::Strided;
use crate::scratch::Floats;
use crate::shared::SharedRows;
use crate::simd::{Kernel, Lanes, Simd};
use std::ops::Range;

/// AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019).
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// η.
    pub rate: f32,
    /// Of the weights but for biases, in each step, in units of η.
    pub decay: f32,
    /// From 1.
    pub step: u64,
}

impl Adam {
    fn factors(&self) -> Factors {
        let rest = |beta: f32| 1.0 - f64::from(beta).powf(self.step as f64) as f32;
        Factors { first: self.rate / rest(BETA1), second: 1.0 / rest(BETA2), kept: 1.0 - self.rate * self.decay }
    }
}

/// What a step multiplies means, squares and weights with.
#[derive(Clone, Copy)]
struct Factors {
    first: f32,
    second: f32,
    kept: f32,
}

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

/// Vectors with the running means of their gradients and of the squares of these, (rows × stride) each.
pub struct Weights<'a> {
    /// What is learned.
    pub vectors: SharedRows<'a, f32>,
    /// The means.
    pub means: SharedRows<'a, f32>,
    /// The means of the squares.
    pub squares: SharedRows<'a, f32>,
}

/// What the forward pass of a batch left.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    /// Sizes.
    pub shape: Shape,
    /// What was scored.
    pub active: Active<'a>,
    /// (users + 1) Where the visible inputs of each user begin.
    pub starts: &'a [u32],
    /// (users) How many each has.
    pub counts: &'a [u32],
    /// (`starts[users]`)
    pub columns: &'a [u32],
    /// (`starts[users]`)
    pub values: &'a [f32],
    /// (shards × SHARD × stride)
    pub hidden: &'a [f32],
    /// (shards × SHARD × stride)
    pub errors: &'a [f32],
    /// (shards × room × SHARD), of which the first `active` of each room are set.
    pub gradients: &'a [f32],
    /// Outputs that there is room for.
    pub room: usize,
    /// Whether vectors without a gradient stay as they are, instead of following their running means.
    pub is_lazy: bool,
}

impl Batch<'_> {
    fn check(&self) {
        let (users, stride) = (self.counts.len(), self.shape.stride());
        let shards = users.div_ceil(SHARD);
        assert!(self.starts.len() == users + 1 && self.starts.is_sorted());
        assert!(self.starts[users] as usize <= self.columns.len().min(self.values.len()));
        assert!(self.counts.iter().zip(self.starts.windows(2)).all(|(&count, at)| count <= at[1] - at[0]));
        assert!(self.hidden.len() >= shards * SHARD * stride && self.errors.len() >= shards * SHARD * stride);
        assert!(self.active.counts(self.shape).0 <= self.room);
        assert!(self.gradients.len() >= shards * self.room * SHARD);
    }

    /// Steps the active outputs at `places`.
    ///
    /// # Safety
    /// Until it returns, no other thread may touch the rows of these outputs.
    pub unsafe fn update_outputs(
        &self,
        places: Range<usize>,
        weights: &mut Weights<'_>,
        adam: Adam,
        scratch: &mut Floats,
        simd: Simd,
    ) {
        self.check();
        assert!(places.end <= self.active.counts(self.shape).0);
        assert_eq!(weights.vectors.rows(), self.shape.outputs());
        simd.run(Outputs { batch: self, places, weights, adam, scratch });
    }

    /// Steps the inputs at `rows`.
    ///
    /// # Safety
    /// Until it returns, no other thread may touch these rows.
    pub unsafe fn update_inputs(
        &self,
        rows: Range<usize>,
        weights: &mut Weights<'_>,
        adam: Adam,
        scratch: &mut Floats,
        simd: Simd,
    ) {
        self.check();
        assert_eq!(weights.vectors.rows(), self.shape.inputs());
        simd.run(Inputs { batch: self, rows, weights, adam, scratch });
    }
}

struct Outputs<'a, 'b> {
    batch: &'a Batch<'a>,
    places: Range<usize>,
    weights: &'a mut Weights<'b>,
    adam: Adam,
    scratch: &'a mut Floats,
}

impl Kernel for Outputs<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Outputs { batch, places, weights, adam, scratch } = self;
        let (stride, factors, steps) = (batch.shape.stride(), batch.shape.factors, adam.factors());
        let count = places.len();
        let gradients = scratch.take(count * stride);
        gradients.fill(0.0);
        for shard in 0..batch.counts.len().div_ceil(SHARD) {
            let scores = &batch.gradients[(shard * batch.room + places.start) * SHARD..][..count * SHARD];
            let hidden = &batch.hidden[shard * SHARD * stride..][..SHARD * stride];
            let a = Strided { at: scores.as_ptr(), row: SHARD, step: 1 };
            // SAFETY: there are `count` rows of a shard, a shard of strides, and `count` strides.
            unsafe {
                add_product(l, count, SHARD, a, hidden.as_ptr(), stride, gradients.as_mut_ptr(), stride, stride);
            }
        }
        for (place, gradient) in places.zip(gradients.chunks_exact(stride)) {
            let column = batch.active.column(place);
            // SAFETY: the caller's promise; columns of a sample rise, so that each place has its own.
            unsafe { follow(weights, column, gradient, factors, steps) };
        }
    }
}

struct Inputs<'a, 'b> {
    batch: &'a Batch<'a>,
    rows: Range<usize>,
    weights: &'a mut Weights<'b>,
    adam: Adam,
    scratch: &'a mut Floats,
}

impl Kernel for Inputs<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Inputs { batch, rows, weights, adam, scratch } = self;
        let (stride, factors, steps) = (batch.shape.stride(), batch.shape.factors, adam.factors());
        let gradients = scratch.take(rows.len() * stride);
        gradients.fill(0.0);
        let mut is_visible = vec![!batch.is_lazy; rows.len()];
        for (user, &count) in batch.counts.iter().enumerate() {
            let begin = batch.starts[user] as usize;
            let columns = &batch.columns[begin..begin + count as usize];
            let errors = &batch.errors[user * stride..][..stride];
            let first = columns.partition_point(|&column| (column as usize) < rows.start);
            for (at, &column) in columns.iter().enumerate().skip(first) {
                let Some(row) = (column as usize).checked_sub(rows.start).filter(|&row| row < rows.len()) else {
                    break;
                };
                let value = batch.values[begin + at];
                is_visible[row] = true;
                let gradient = &mut gradients[row * stride..][..stride];
                gradient.iter_mut().zip(errors).for_each(|(sum, &error)| *sum += value * error);
            }
        }
        for ((row, gradient), is_visible) in rows.zip(gradients.chunks_exact(stride)).zip(is_visible) {
            if is_visible {
                let weighted = if row + 1 == batch.shape.inputs() { 0 } else { factors };
                // SAFETY: the caller's promise.
                unsafe { follow(weights, row, gradient, weighted, steps) };
            }
        }
    }
}

/// Steps one vector, of which the first `weighted` values decay.
///
/// # Safety
/// Until it returns, no other thread may touch the row.
#[inline(always)]
unsafe fn follow(weights: &mut Weights<'_>, row: usize, gradient: &[f32], weighted: usize, factors: Factors) {
    let Factors { first, second, kept } = factors;
    // SAFETY: the caller's promise.
    let (vector, mean, square) = unsafe {
        (
            weights.vectors.rows_mut(row..row + 1),
            weights.means.rows_mut(row..row + 1),
            weights.squares.rows_mut(row..row + 1),
        )
    };
    vector[..weighted].iter_mut().for_each(|value| *value *= kept);
    for (((value, mean), square), &gradient) in vector.iter_mut().zip(mean).zip(square).zip(gradient) {
        *mean = BETA1 * *mean + (1.0 - BETA1) * gradient;
        *square = BETA2 * *square + (1.0 - BETA2) * gradient * gradient;
        *value -= first * *mean / ((*square * second).sqrt() + EPSILON);
    }
}
