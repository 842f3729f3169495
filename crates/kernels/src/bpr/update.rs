//! Steps of stochastic gradient descent, one after another.

use super::Step;
use super::sigmoid::sigmoids;
use crate::simd::{BLOCK, Kernel, Lanes};

/// Samples from the one whose rows are fetched to the one that is learnt from. Figures in [`super`].
const AHEAD: usize = 8;

/// Probabilities that are multiplied before their logarithm is taken: none is below 10⁻¹³, so that no product is 0.
const FACTORS: usize = 16;

/// A user, an item that it has and one that it has not: by their rows, and the items also by their places in the block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Row of the user in its chunk.
    pub user: u32,
    /// Row of the item that the user has.
    pub positive: u32,
    /// Row of the item that the user does not have.
    pub negative: u32,
    /// Place of the positive within the block.
    pub positive_place: u32,
    /// Place of the negative within the block.
    pub negative_place: u32,
}

/// One step for each sample, in their order. With x = u·(i − j) + bᵢ − bⱼ, g = σ(−x), η the rate and λ the regularisation,
/// all from the values before (Rendle et al. 2009, fig. 4):
///
/// ```text
/// u += η (g (i − j) − λ u)    i += η (g u − λ i)     j += η (−g u − λ j)
///                             bᵢ += η (g − λ bᵢ)     bⱼ += η (−g − λ bⱼ)
/// ```
pub struct Update<'a> {
    pub users: *mut f32,
    pub items: *mut f32,
    /// Floats of a row, a multiple of [`BLOCK`].
    pub stride: usize,
    pub samples: &'a [Sample],
    /// (items of the block)
    pub biases: &'a mut [f32],
    pub step: Step,
}

impl Update<'_> {
    /// Where the rows of a sample are.
    ///
    /// # Safety
    /// They must lie in the matrices.
    #[inline(always)]
    unsafe fn rows(&self, sample: Sample) -> [*mut f32; 3] {
        // SAFETY: the caller's promise.
        unsafe {
            [
                self.users.add(sample.user as usize * self.stride),
                self.items.add(sample.positive as usize * self.stride),
                self.items.add(sample.negative as usize * self.stride),
            ]
        }
    }
}

/// Σ −ln σ(x) over the samples. Whoever makes an [`Update`] promises that all rows of its samples lie in the matrices, that
/// nobody else reads or writes them meanwhile, and that strides are whole blocks.
impl Kernel for Update<'_> {
    type Output = f64;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> f64 {
        let Step { rate, regularization, biases, .. } = self.step;
        let keep = 1.0 - rate * regularization;
        let vkeep = l.splat(keep);
        let (mut loss, mut product) = (0.0, 1.0f64);
        for (n, &sample) in self.samples.iter().enumerate() {
            if let Some(&later) = self.samples.get(n + AHEAD) {
                // SAFETY: the rows lie in the matrices; see above.
                for row in unsafe { self.rows(later) } {
                    for line in (0..self.stride).step_by(BLOCK) {
                        l.prefetch(row.wrapping_add(line));
                    }
                }
            }
            // SAFETY: as above.
            let [u, i, j] = unsafe { self.rows(sample) };
            let mut sums = [l.splat(0.0); 2];
            for at in (0..self.stride).step_by(L::WIDTH) {
                // SAFETY: whole vectors of rows that lie in the matrices; see above.
                let (vu, vi, vj) = unsafe { (l.load(u.add(at)), l.load(i.add(at)), l.load(j.add(at))) };
                let half = at / L::WIDTH % 2;
                sums[half] = l.mul_add(vu, l.sub(vi, vj), sums[half]);
            }
            let mut x = l.sum(l.add(sums[0], sums[1]));
            let (positive, negative) = (sample.positive_place as usize, sample.negative_place as usize);
            if biases {
                x += self.biases[positive] - self.biases[negative];
            }
            let (against, towards) = sigmoids(x);
            product *= f64::from(towards);
            if n % FACTORS == FACTORS - 1 {
                loss -= product.ln();
                product = 1.0;
            }
            let slope = rate * against;
            let (rise, fall) = (l.splat(slope), l.splat(-slope));
            for at in (0..self.stride).step_by(L::WIDTH) {
                // SAFETY: as above.
                unsafe {
                    let (vu, vi, vj) = (l.load(u.add(at)), l.load(i.add(at)), l.load(j.add(at)));
                    l.store(u.add(at), l.mul_add(rise, l.sub(vi, vj), l.mul(vkeep, vu)));
                    l.store(i.add(at), l.mul_add(rise, vu, l.mul(vkeep, vi)));
                    l.store(j.add(at), l.mul_add(fall, vu, l.mul(vkeep, vj)));
                }
            }
            if biases {
                self.biases[positive] = keep * self.biases[positive] + slope;
                self.biases[negative] = keep * self.biases[negative] - slope;
            }
        }
        loss - product.ln()
    }
}
