//! Vectors of users whom the training did not know, or whose histories have changed, from the items as they are.

use crate::matmul::add_gram;
use crate::scratch::Floats;
use crate::simd::{Simd, stride};

/// Rows whose Gramian is summed in single precision before it goes to the sum in double.
const PANEL: usize = 512;

/// Ridge regression of what the user has on the rows of the items, biases included, as a half-step of ALS has it (Hu, Koren &
/// Volinsky 2008; with the unobserved part of Rendle et al. 2021): with Y the rows (items × width) and w the weights of the
/// history, of mean 1,
///
/// ```text
/// (Σ w y yᵀ + α₀ YᵀY + λ I) u = Σ w y,    sums over the history
/// ```
///
/// in double precision. The scale of u is not that of the trained vectors, which no order of items depends on.
///
/// Tried and measured worse: gradient descent on BPR's own objective with the items fixed, 5 to 100 sweeps against 256 negatives
/// and the mean of the last half of the steps; figures in src/models/factors/bpr/model.ts.
#[derive(Clone, Copy)]
pub struct FoldIn<'a> {
    /// (items × width)
    pub items: &'a [f32],
    /// (width × width) α₀ YᵀY + λ I; the lower triangle is read.
    pub unobserved: &'a [f64],
    /// Values of a row.
    pub width: usize,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    rows: Floats,
    gram: Floats,
    system: Vec<f64>,
    solution: Vec<f64>,
}

/// YᵀY (width × width) of rows (n × width). Costs n · width² additions and products.
pub fn gramian(rows: &[f32], width: usize, simd: Simd) -> Vec<f64> {
    let mut sum = vec![0.0; width * width];
    let mut scratch = Scratch::default();
    for panel in rows.chunks(PANEL * width) {
        scratch.add_products(panel.chunks_exact(width).map(|row| (row, 1.0)), width, &mut sum, simd);
    }
    sum
}

impl Scratch {
    /// Adds Σ w y yᵀ of at most [`PANEL`] rows to `sum` (width × width), both triangles.
    fn add_products<'a>(
        &mut self,
        rows: impl ExactSizeIterator<Item = (&'a [f32], f32)>,
        width: usize,
        sum: &mut [f64],
        simd: Simd,
    ) {
        let padded = stride(width);
        let tile = self.rows.take(rows.len() * padded);
        for ((row, weight), to) in rows.zip(tile.chunks_exact_mut(padded)) {
            let root = weight.sqrt();
            for (to, value) in to.iter_mut().zip(row) {
                *to = root * value;
            }
            to[width..].fill(0.0);
        }
        let gram = self.gram.take(padded * padded);
        gram.fill(0.0);
        add_gram(tile, padded, gram, simd);
        for i in 0..width {
            for j in 0..=i {
                // The upper triangle is what is right.
                let product = f64::from(gram[j * padded + i]);
                sum[i * width + j] += product;
                if i != j {
                    sum[j * width + i] += product;
                }
            }
        }
    }
}

impl FoldIn<'_> {
    /// Writes the vector of a user with `history`, of these weights, to `out` (width); of no history, zeros. The same
    /// history gives the same vector, whatever other calls there are.
    ///
    /// Costs width² a pair and width³/6.
    ///
    /// # Errors
    /// Names an item that there is not, or says that the system has no solution: the Gramian is damaged, or a weight.
    pub fn solve(
        &self,
        history: &[u32],
        weights: &[f32],
        out: &mut [f32],
        scratch: &mut Scratch,
        simd: Simd,
    ) -> Result<(), String> {
        let FoldIn { items, unobserved, width } = *self;
        assert!(width > 0 && out.len() == width && items.len().is_multiple_of(width));
        assert!(unobserved.len() == width * width && weights.len() == history.len());
        let count = items.len() / width;
        if let Some(item) = history.iter().find(|&&item| item as usize >= count) {
            return Err(format!("items of a history must be below {count}, got {item}"));
        }
        out.fill(0.0);
        if history.is_empty() {
            return Ok(());
        }
        let mean = weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / weights.len() as f64;
        if !(mean > 0.0 && mean < f64::INFINITY && weights.iter().all(|&weight| weight >= 0.0)) {
            return Err(format!("weights of a history must be finite and above 0, but their mean is {mean}"));
        }
        let rows = || {
            let row = |item: u32| &items[item as usize * width..][..width];
            history.iter().zip(weights).map(move |(&item, &weight)| (row(item), (f64::from(weight) / mean) as f32))
        };
        let mut system = std::mem::take(&mut scratch.system);
        let mut solution = std::mem::take(&mut scratch.solution);
        system.clear();
        system.extend_from_slice(unobserved);
        solution.clear();
        solution.resize(width, 0.0);
        for first in (0..history.len()).step_by(PANEL) {
            let panel = rows().skip(first).take(PANEL);
            scratch.add_products(panel, width, &mut system, simd);
        }
        for (row, weight) in rows() {
            for (sum, &value) in solution.iter_mut().zip(row) {
                *sum += f64::from(weight) * f64::from(value);
            }
        }
        let solved = solve_in_place(&mut system, &mut solution);
        for (to, &from) in out.iter_mut().zip(&solution) {
            *to = from as f32;
        }
        (scratch.system, scratch.solution) = (system, solution);
        if solved && out.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err("the Gramian of the items is not one: the equations of a history have no solution".into())
    }
}

/// Whether `matrix` (width × width) is positive definite, so that every history has a vector.
pub fn is_positive_definite(matrix: &[f64], width: usize) -> bool {
    matrix.iter().all(|value| value.is_finite()) && factorize(&mut matrix.to_vec(), width)
}

/// Solves by Cholesky's factorization of the lower triangle of `system`; false where it is not positive definite.
fn solve_in_place(system: &mut [f64], vector: &mut [f64]) -> bool {
    let width = vector.len();
    if !factorize(system, width) {
        return false;
    }
    for i in 0..width {
        let (done, rest) = vector.split_at_mut(i);
        rest[0] = (rest[0] - dot(&system[i * width..][..i], done)) / system[i * width + i];
    }
    for i in (0..width).rev() {
        vector[i] /= system[i * width + i];
        let value = vector[i];
        for (to, factor) in vector[..i].iter_mut().zip(&system[i * width..][..i]) {
            *to -= factor * value;
        }
    }
    true
}

/// Puts the factor L of LLᵀ in place of the lower triangle.
fn factorize(system: &mut [f64], width: usize) -> bool {
    for i in 0..width {
        let (above, rest) = system.split_at_mut(i * width);
        let row = &mut rest[..width];
        for j in 0..i {
            let other = &above[j * width..][..=j];
            row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
        }
        let pivot = row[i] - dot(&row[..i], &row[..i]);
        if !(pivot > 0.0 && pivot < f64::INFINITY) {
            return false;
        }
        row[i] = pivot.sqrt();
    }
    true
}

/// Eight sums, which the compiler may keep in vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, rest_a) = a.as_chunks::<8>();
    let (b, rest_b) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for k in 0..8 {
            sums[k] += a[k] * b[k];
        }
    }
    sums.iter().sum::<f64>() + rest_a.iter().zip(rest_b).map(|(a, b)| a * b).sum::<f64>()
}
