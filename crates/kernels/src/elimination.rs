//! Small systems of equations.

use crate::simd::{Kernel, Lanes};

/// Overwrites `x` with the solution of A z = x by elimination, A being positive definite; `system` holds its upper triangle,
/// rows `stride` apart. Gives false where it is not.
///
/// Where the last of z would be above `most_of_last` it is that: the others are then those that minimise zᵀAz − 2zᵀx beside it.
pub(crate) struct Solve<'a> {
    pub system: &'a mut [f64],
    pub stride: usize,
    pub x: &'a mut [f64],
    pub most_of_last: f64,
}

impl Kernel for Solve<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        let Solve { system, stride, x, most_of_last } = self;
        let n = x.len();
        for p in 0..n {
            let (done, below) = system.split_at_mut((p + 1) * stride);
            let pivot = &done[p * stride..];
            if !(pivot[p] > 0.0 && pivot[p].is_finite()) {
                return false;
            }
            for (r, row) in (p + 1..n).zip(below.chunks_exact_mut(stride)) {
                let by = pivot[r] / pivot[p];
                // From a whole vector on: what lies left of the diagonal is never read.
                let from = r / 8 * 8;
                for (value, &of) in row[from..].iter_mut().zip(&pivot[from..]) {
                    *value -= by * of;
                }
                x[r] -= by * x[p];
            }
        }
        for p in (0..n).rev() {
            let row = &system[p * stride..(p + 1) * stride];
            let known: f64 = (p + 1..n).map(|c| row[c] * x[c]).sum();
            x[p] = (x[p] - known) / row[p];
            if p + 1 == n {
                x[p] = x[p].min(most_of_last);
            }
        }
        true
    }
}
