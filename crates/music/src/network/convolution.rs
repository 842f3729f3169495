//! 3 × 3 convolutions with zero padding, channels last. A padded row's three neighbouring positions are contiguous, so that a row of the output
//! is the sum of three products whose left matrices overlap, without copies of patches.

use super::tile::{Part, ROWS, Strides, tiles};
use aurochs_kernels::simd::{BLOCK, Kernel, Lanes, Simd};

/// Sizes of one convolution. `width` must be a multiple of eight, channels of 16; `input` may be 1 instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Rows of an image.
    pub height: usize,
    /// Positions of a row.
    pub width: usize,
    /// Channels of the input.
    pub input: usize,
    /// Channels of the output.
    pub output: usize,
}

/// Floats of a patch of an image with one channel: nine, padded.
const PATCH: usize = BLOCK;
/// Columns of a panel of weights, which stays in the nearer caches while an image passes.
const PANEL: usize = 32;
/// Floats of the rows of an image whose products with all weights are taken before the next rows: they stay in the second-level cache.
const ROWS_AT_ONCE: usize = 48 * 1024;

impl Convolution {
    /// Floats of the input of an image, with its padding.
    pub fn padded(&self) -> usize {
        (self.height + 2) * (self.width + 2) * self.input
    }

    /// Floats of the output of an image, without padding.
    pub fn outputs(&self) -> usize {
        self.height * self.width * self.output
    }

    /// Weights: 3 × 3 × input × output.
    pub fn weights(&self) -> usize {
        9 * self.input * self.output
    }

    /// The convolution that takes gradients of the output back to the input.
    pub fn transposed(&self) -> Convolution {
        Convolution { input: self.output, output: self.input, ..*self }
    }

    /// Writes `weights` in panels of columns, as [`Convolution::forward`] takes them.
    pub fn pack(&self, weights: &[f32], packed: &mut [f32]) {
        let depth = 9 * self.input;
        assert_eq!(weights.len(), self.weights());
        assert_eq!(packed.len(), self.weights());
        let mut at = 0;
        for first in (0..self.output).step_by(PANEL) {
            let columns = PANEL.min(self.output - first);
            for row in 0..depth {
                packed[at..at + columns].copy_from_slice(&weights[row * self.output + first..][..columns]);
                at += columns;
            }
        }
    }

    /// Writes to `transposed` the weights of [`Convolution::transposed`]: each tap's matrix transposed, the taps in reverse.
    pub fn transpose(&self, weights: &[f32], transposed: &mut [f32]) {
        let (input, output) = (self.input, self.output);
        assert_eq!(weights.len(), self.weights());
        assert_eq!(transposed.len(), self.weights());
        for tap in 0..9 {
            let from = &weights[tap * input * output..][..input * output];
            let to = &mut transposed[(8 - tap) * input * output..][..input * output];
            for i in 0..input {
                for o in 0..output {
                    to[o * input + i] = from[i * output + o];
                }
            }
        }
    }

    /// Writes the convolution of one image to `outputs` (height × width × output). `padded` has a border of zeros.
    pub fn forward(&self, padded: &[f32], packed: &[f32], outputs: &mut [f32], simd: Simd) {
        assert_eq!(padded.len(), self.padded());
        assert_eq!(packed.len(), self.weights());
        assert_eq!(outputs.len(), self.outputs());
        assert!(self.width.is_multiple_of(ROWS) && self.output.is_multiple_of(BLOCK));
        simd.run(Forward { size: *self, padded, packed, outputs });
    }

    /// Adds to `gradient` (as the weights) what `gradients` of the output of one image, padded with zeros, make of its input.
    pub fn add_weight_gradient(&self, padded: &[f32], gradients: &[f32], gradient: &mut [f32], simd: Simd) {
        assert_eq!(padded.len(), self.padded());
        assert_eq!(gradients.len(), self.transposed().padded());
        assert_eq!(gradient.len(), self.weights());
        assert!(self.input == 1 || self.input.is_multiple_of(BLOCK));
        assert!(self.width.is_multiple_of(ROWS) && self.output.is_multiple_of(BLOCK));
        simd.run(WeightGradient { size: *self, padded, gradients, gradient });
    }

    /// Patches of the row `y` of an image with one channel: width × [`PATCH`].
    #[inline(always)]
    fn patches(&self, padded: &[f32], y: usize, patches: &mut [f32]) {
        let row = self.width + 2;
        for (x, patch) in patches.chunks_exact_mut(PATCH).enumerate() {
            for tap in 0..3 {
                patch[3 * tap..3 * tap + 3].copy_from_slice(&padded[(y + tap) * row + x..][..3]);
            }
        }
    }
}

struct Forward<'a> {
    size: Convolution,
    padded: &'a [f32],
    packed: &'a [f32],
    outputs: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Forward { size, padded, packed, outputs } = self;
        let Convolution { height, width, input, output } = size;
        let row = (width + 2) * input;
        let mut patches = vec![0.0; if input == 1 { width * PATCH } else { 0 }];
        let group = (ROWS_AT_ONCE / row).clamp(1, height);
        for top in (0..height).step_by(group) {
            for first in (0..output).step_by(PANEL) {
                let columns = PANEL.min(output - first);
                let panel = &packed[9 * input * first..][..9 * input * columns];
                for y in top..(top + group).min(height) {
                    if input == 1 {
                        size.patches(padded, y, &mut patches);
                    }
                    for x in (0..width).step_by(ROWS) {
                        // SAFETY: eight positions from x on lie in the row, and with them the three columns that each needs; panels
                        // are as `pack` makes them.
                        unsafe {
                            let c = outputs.as_mut_ptr().add((y * width + x) * output + first);
                            if input == 1 {
                                let part = Part { a: patches.as_ptr().add(x * PATCH), b: panel.as_ptr() };
                                let strides = Strides { depth: 9, row: PATCH, step: 1, b_row: columns };
                                tiles(l, &[part], strides, (c, output), columns, false);
                            } else {
                                let part = |tap: usize| Part {
                                    a: padded.as_ptr().add((y + tap) * row + x * input),
                                    b: panel.as_ptr().add(3 * tap * input * columns),
                                };
                                let strides = Strides { depth: 3 * input, row: input, step: 1, b_row: columns };
                                tiles(l, &[part(0), part(1), part(2)], strides, (c, output), columns, false);
                            }
                        }
                    }
                }
            }
        }
    }
}

struct WeightGradient<'a> {
    size: Convolution,
    padded: &'a [f32],
    gradients: &'a [f32],
    gradient: &'a mut [f32],
}

impl Kernel for WeightGradient<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Convolution { height, width, input, output } = self.size;
        let row = (width + 2) * input;
        let group = (ROWS_AT_ONCE / (width * (input + output))).clamp(1, height);
        if input == 1 {
            return self.of_one_channel(l);
        }
        let mut parts = Vec::with_capacity(group);
        for top in (0..height).step_by(group) {
            for tap in 0..3 {
                for first in (0..output).step_by(PANEL) {
                    for m in (0..3 * input).step_by(ROWS) {
                        parts.clear();
                        // SAFETY: of each row of the group the positions lie in the images, and the tile in the gradient.
                        unsafe {
                            for y in top..(top + group).min(height) {
                                let a = self.padded.as_ptr().add((y + tap) * row + m);
                                let b = self.gradients.as_ptr().add(((y + 1) * (width + 2) + 1) * output + first);
                                parts.push(Part { a, b });
                            }
                            let c = self.gradient.as_mut_ptr().add((3 * tap * input + m) * output + first);
                            let strides = Strides { depth: width, row: 1, step: input, b_row: output };
                            tiles(l, &parts, strides, (c, output), PANEL.min(output - first), true);
                        }
                    }
                }
            }
        }
    }
}

impl WeightGradient<'_> {
    #[inline(always)]
    fn of_one_channel<L: Lanes>(self, l: L) {
        let Convolution { height, width, output, .. } = self.size;
        let mut patches = vec![0.0; width * PATCH];
        let mut sums = vec![0.0; PATCH * output];
        for y in 0..height {
            self.size.patches(self.padded, y, &mut patches);
            for m in (0..PATCH).step_by(ROWS) {
                // SAFETY: patches have PATCH floats, and `sums` as many rows.
                unsafe {
                    let a = patches.as_ptr().add(m);
                    let b = self.gradients.as_ptr().add(((y + 1) * (width + 2) + 1) * output);
                    let strides = Strides { depth: width, row: 1, step: PATCH, b_row: output };
                    tiles(l, &[Part { a, b }], strides, (sums.as_mut_ptr().add(m * output), output), output, true);
                }
            }
        }
        for (total, sum) in self.gradient.iter_mut().zip(sums) {
            *total += sum;
        }
    }
}
