//! Vectors of users whom the training did not know, from their histories.

use super::random::Random;
use super::sigmoid::sigmoids;
use crate::scratch::Floats;
use crate::simd::{Kernel, Lanes, Simd, stride};

/// Negatives of one history: gathered once, so that they stay in cache.
const NEGATIVES: usize = 256;

/// Gradient descent on one user's vector while the items stay still: the part of BPR's objective that is the user's,
/// convex in the vector. The last half of the steps is averaged (Polyak & Juditsky 1992), which takes away the noise of the
/// draws.
#[derive(Clone, Copy)]
pub struct FoldIn<'a> {
    /// (items × width) The factors, and then the bias where there is one.
    pub items: &'a [f32],
    /// Values of a row.
    pub width: usize,
    /// Whether the last value of a row is a bias.
    pub biases: bool,
    /// η
    pub rate: f32,
    /// λ
    pub regularization: f32,
    /// Passes over the history.
    pub sweeps: usize,
    /// What the draws depend on.
    pub key: u64,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    rows: Floats,
    biases: Vec<f32>,
    vector: Floats,
}

impl FoldIn<'_> {
    /// Writes the vector of a user with `history`, in ascending order, to `out` (width), the value that biases are multiplied by, 1,
    /// included. The same history gives the same vector, whatever other calls there are; none, or one of all items, zeros.
    ///
    /// Costs (history + [`NEGATIVES`]) random reads and sweeps × history steps on what is in cache.
    ///
    /// # Errors
    /// Names an item that there is not.
    pub fn solve(&self, history: &[u32], out: &mut [f32], scratch: &mut Scratch, simd: Simd) -> Result<(), String> {
        let FoldIn { items, width, .. } = *self;
        let factors = width - usize::from(self.biases);
        assert!(factors > 0 && out.len() == width && items.len().is_multiple_of(width));
        let count = items.len() / width;
        if let Some(item) = history.iter().find(|&&item| item as usize >= count) {
            return Err(format!("items of a history must be below {count}, got {item}"));
        }
        if !history.is_sorted() {
            return Err("the items of a history must ascend, but do not".into());
        }
        out.fill(0.0);
        let mut random = Random::new(&[self.key]);
        let negatives = self.negatives(history, count, &mut random);
        if history.is_empty() || negatives.is_empty() {
            return Ok(());
        }
        let padded = stride(factors);
        let chosen = || history.iter().chain(&negatives);
        let rows = scratch.rows.take((history.len() + negatives.len()) * padded);
        scratch.biases.clear();
        for (&item, to) in chosen().zip(rows.chunks_exact_mut(padded)) {
            let row = &items[item as usize * width..][..width];
            to[..factors].copy_from_slice(&row[..factors]);
            to[factors..].fill(0.0);
            scratch.biases.push(if self.biases { row[factors] } else { 0.0 });
        }
        let vector = scratch.vector.take(2 * padded);
        vector.fill(0.0);
        simd.run(Descent {
            rows,
            biases: &scratch.biases,
            positives: history.len(),
            vector,
            rate: self.rate,
            regularization: self.regularization,
            sweeps: self.sweeps,
            random,
        });
        out[..factors].copy_from_slice(&scratch.vector.take(2 * padded)[padded..padded + factors]);
        if self.biases {
            out[factors] = 1.0;
        }
        Ok(())
    }

    /// Items that are not of the history, drawn evenly.
    fn negatives(&self, history: &[u32], items: usize, random: &mut Random) -> Vec<u32> {
        let mut negatives = Vec::with_capacity(NEGATIVES);
        for _ in 0..4 * NEGATIVES {
            let item = random.below(items as u32);
            if history.binary_search(&item).is_err() {
                negatives.push(item);
                if negatives.len() == NEGATIVES {
                    break;
                }
            }
        }
        negatives
    }
}

/// The steps; leaves the mean of the last half of them in the second half of `vector`.
struct Descent<'a> {
    /// ((positives + negatives) × padded)
    rows: &'a [f32],
    biases: &'a [f32],
    positives: usize,
    /// (2 × padded) zeros
    vector: &'a mut [f32],
    rate: f32,
    regularization: f32,
    sweeps: usize,
    random: Random,
}

impl Kernel for Descent<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(mut self, l: L) {
        let padded = self.vector.len() / 2;
        let (vector, mean) = self.vector.split_at_mut(padded);
        let negatives = (self.biases.len() - self.positives) as u32;
        let keep = l.splat(1.0 - self.rate * self.regularization);
        let mut averaged = 0u32;
        for sweep in 0..self.sweeps {
            for positive in 0..self.positives {
                let negative = self.positives + self.random.below(negatives) as usize;
                let i = &self.rows[positive * padded..][..padded];
                let j = &self.rows[negative * padded..][..padded];
                let mut sum = l.splat(0.0);
                for at in (0..padded).step_by(L::WIDTH) {
                    // SAFETY: a whole vector of slices of `padded` floats, a multiple of the width.
                    sum = unsafe {
                        let difference = l.sub(l.load(i[at..].as_ptr()), l.load(j[at..].as_ptr()));
                        l.mul_add(l.load(vector[at..].as_ptr()), difference, sum)
                    };
                }
                let x = l.sum(sum) + self.biases[positive] - self.biases[negative];
                let rise = l.splat(self.rate * sigmoids(x).0);
                for at in (0..padded).step_by(L::WIDTH) {
                    // SAFETY: as above.
                    unsafe {
                        let difference = l.sub(l.load(i[at..].as_ptr()), l.load(j[at..].as_ptr()));
                        let old = l.load(vector[at..].as_ptr());
                        l.store(vector[at..].as_mut_ptr(), l.mul_add(rise, difference, l.mul(keep, old)));
                    }
                }
                if 2 * sweep >= self.sweeps.saturating_sub(1) {
                    averaged += 1;
                    for at in (0..padded).step_by(L::WIDTH) {
                        // SAFETY: as above.
                        unsafe {
                            let sum = l.add(l.load(mean[at..].as_ptr()), l.load(vector[at..].as_ptr()));
                            l.store(mean[at..].as_mut_ptr(), sum);
                        }
                    }
                }
            }
        }
        let count = averaged.max(1) as f32;
        for value in mean {
            *value /= count;
        }
    }
}
