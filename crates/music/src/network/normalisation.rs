//! Batch normalisation (Ioffe & Szegedy 2015), ReLU and 2 × 2 max pooling in one pass, and back.

use aurochs_kernels::simd::{Kernel, Lanes, Simd};

/// In the square root of a variance.
const EPSILON: f32 = 1e-5;

/// Images of one shard, channels last and without padding.
#[derive(Clone, Copy, Debug)]
pub struct Images {
    pub count: usize,
    /// Even, as the width.
    pub height: usize,
    pub width: usize,
    pub channels: usize,
}

impl Images {
    /// Positions of all images.
    pub fn positions(&self) -> usize {
        self.count * self.height * self.width
    }

    /// Floats of an image of half the size, with a border of one position.
    pub fn pooled_padded(&self) -> usize {
        (self.height / 2 + 2) * (self.width / 2 + 2) * self.channels
    }

    /// Where the pooled position (i, j) of an image with a border begins.
    #[inline(always)]
    fn pooled_at(&self, i: usize, j: usize) -> usize {
        ((i + 1) * (self.width / 2 + 2) + j + 1) * self.channels
    }
}

/// (channels) Mean and variance of the images' values.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

/// (channels) What normalises values, and the learned scale and shift after that.
#[derive(Clone, Copy)]
pub struct Affine<'a> {
    pub moments: &'a Moments,
    pub scale: &'a [f32],
    pub shift: &'a [f32],
}

impl Affine<'_> {
    /// (channels) 1 / √(variance + ε), and what values are multiplied by and added to.
    fn factors(&self) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let inverse: Vec<f32> =
            self.moments.variance.iter().map(|variance| 1.0 / (variance + EPSILON).sqrt()).collect();
        let factor: Vec<f32> = inverse.iter().zip(self.scale).map(|(inverse, scale)| inverse * scale).collect();
        let added = (self.shift.iter().zip(&self.moments.mean))
            .zip(&factor)
            .map(|((shift, mean), factor)| shift - mean * factor);
        let added = added.collect();
        (inverse, factor, added)
    }
}

/// Mean and variance of each channel, in two passes.
pub fn moments(values: &[f32], channels: usize, simd: Simd) -> Moments {
    simd.run(Sums { values, channels })
}

struct Sums<'a> {
    values: &'a [f32],
    channels: usize,
}

/// Positions whose sums are taken in single precision.
const SUMMED: usize = 256;

impl Kernel for Sums<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Moments {
        let Sums { values, channels } = self;
        let positions = (values.len() / channels) as f64;
        let mut part = vec![0.0f32; channels];
        let mut sums = vec![0.0f64; channels];
        for chunk in values.chunks(SUMMED * channels) {
            part.fill(0.0);
            for row in chunk.chunks_exact(channels) {
                for (sum, value) in part.iter_mut().zip(row) {
                    *sum += value;
                }
            }
            add(&mut sums, &part);
        }
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / positions) as f32).collect();
        sums.fill(0.0);
        for chunk in values.chunks(SUMMED * channels) {
            part.fill(0.0);
            for row in chunk.chunks_exact(channels) {
                for ((sum, value), mean) in part.iter_mut().zip(row).zip(&mean) {
                    let deviation = value - mean;
                    *sum += deviation * deviation;
                }
            }
            add(&mut sums, &part);
        }
        let variance = sums.iter().map(|sum| (sum / positions) as f32).collect();
        Moments { mean, variance }
    }
}

#[inline(always)]
fn add(sums: &mut [f64], part: &[f32]) {
    for (sum, part) in sums.iter_mut().zip(part) {
        *sum += f64::from(*part);
    }
}

/// Writes the pooled images with their borders, which are left as they are.
pub fn forward(values: &[f32], images: Images, affine: Affine, pooled: &mut [f32], simd: Simd) {
    assert_eq!(values.len(), images.positions() * images.channels);
    assert_eq!(pooled.len(), images.count * images.pooled_padded());
    simd.run(Forward { values, images, affine, pooled });
}

struct Forward<'a> {
    values: &'a [f32],
    images: Images,
    affine: Affine<'a>,
    pooled: &'a mut [f32],
}

impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Forward { values, images, affine, pooled } = self;
        let Images { height, width, channels, .. } = images;
        let (_, factor, added) = affine.factors();
        for (values, pooled) in
            values.chunks_exact(height * width * channels).zip(pooled.chunks_exact_mut(images.pooled_padded()))
        {
            for i in 0..height / 2 {
                for j in 0..width / 2 {
                    let [a, b, c, d] = window(values, images, i, j);
                    let out = &mut pooled[images.pooled_at(i, j)..][..channels];
                    for at in 0..channels {
                        let (f, s) = (factor[at], added[at]);
                        let upper = larger(f * a[at] + s, f * b[at] + s);
                        let lower = larger(f * c[at] + s, f * d[at] + s);
                        out[at] = larger(larger(upper, lower), 0.0);
                    }
                }
            }
        }
    }
}

/// What [`backward`] finds of the learned scale and shift.
pub struct AffineGradient<'a> {
    pub scale: &'a mut [f32],
    pub shift: &'a mut [f32],
}

/// Writes the gradients of the values, images with a border of zeros that is left as it is, from those of the pooled images without a border;
/// adds the gradients of scale and shift.
pub fn backward(
    values: &[f32],
    images: Images,
    affine: Affine,
    pooled: &[f32],
    gradients: &mut [f32],
    of_affine: AffineGradient,
    simd: Simd,
) {
    assert_eq!(values.len(), images.positions() * images.channels);
    assert_eq!(4 * pooled.len(), values.len());
    assert_eq!(gradients.len(), images.count * (images.height + 2) * (images.width + 2) * images.channels);
    simd.run(Backward { values, images, affine, pooled, gradients, of_affine });
}

struct Backward<'a> {
    values: &'a [f32],
    images: Images,
    affine: Affine<'a>,
    pooled: &'a [f32],
    gradients: &'a mut [f32],
    of_affine: AffineGradient<'a>,
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Backward { values, images, affine, pooled, gradients, of_affine } = self;
        let Images { height, width, channels, .. } = images;
        let (inverse, factor, added) = affine.factors();
        let mean = &affine.moments.mean[..channels];
        let (image, half) = (height * width * channels, height / 2 * (width / 2) * channels);
        let mut part = vec![0.0f32; 2 * channels];
        let mut sums = vec![0.0f64; 2 * channels];
        for (values, pooled) in values.chunks_exact(image).zip(pooled.chunks_exact(half)) {
            for i in 0..height / 2 {
                part.fill(0.0);
                let (of_shift, of_scale) = part.split_at_mut(channels);
                for j in 0..width / 2 {
                    let [a, b, c, d] = window(values, images, i, j);
                    let gradient = &pooled[(i * (width / 2) + j) * channels..][..channels];
                    for at in 0..channels {
                        let (f, s) = (factor[at], added[at]);
                        let (_, value) = best_of([a[at], b[at], c[at], d[at]], f);
                        let passed = if f * value + s > 0.0 { gradient[at] } else { 0.0 };
                        of_shift[at] += passed;
                        of_scale[at] += passed * (value - mean[at]) * inverse[at];
                    }
                }
                add(&mut sums, &part);
            }
        }
        let positions = images.positions() as f64;
        let mut means = vec![0.0f32; 2 * channels];
        for (mean, sum) in means.iter_mut().zip(&sums) {
            *mean = (sum / positions) as f32;
        }
        for at in 0..channels {
            of_affine.shift[at] += sums[at] as f32;
            of_affine.scale[at] += sums[channels + at] as f32;
        }
        let (of_shift, of_scale) = means.split_at(channels);
        let padded = (height + 2) * (width + 2) * channels;
        for ((values, pooled), gradients) in
            (values.chunks_exact(image).zip(pooled.chunks_exact(half))).zip(gradients.chunks_exact_mut(padded))
        {
            for i in 0..height / 2 {
                let first = ((2 * i + 1) * (width + 2) + 1) * channels;
                let (upper, lower) = gradients[first..].split_at_mut((width + 2) * channels);
                for j in 0..width / 2 {
                    let [a, b, c, d] = window(values, images, i, j);
                    let gradient = &pooled[(i * (width / 2) + j) * channels..][..channels];
                    let (out_a, out_b) = upper[2 * j * channels..][..2 * channels].split_at_mut(channels);
                    let (out_c, out_d) = lower[2 * j * channels..][..2 * channels].split_at_mut(channels);
                    for at in 0..channels {
                        let (f, s) = (factor[at], added[at]);
                        let (best, value) = best_of([a[at], b[at], c[at], d[at]], f);
                        let passed = if f * value + s > 0.0 { gradient[at] } else { 0.0 };
                        let (m, k) = (of_shift[at], of_scale[at] * inverse[at]);
                        let rest = |value: f32| -m - (value - mean[at]) * k;
                        out_a[at] = f * (rest(a[at]) + if best == 0.0 { passed } else { 0.0 });
                        out_b[at] = f * (rest(b[at]) + if best == 1.0 { passed } else { 0.0 });
                        out_c[at] = f * (rest(c[at]) + if best == 2.0 { passed } else { 0.0 });
                        out_d[at] = f * (rest(d[at]) + if best == 3.0 { passed } else { 0.0 });
                    }
                }
            }
        }
    }
}

/// The first of the four that is largest times `factor`, as a float so that loops over it are vectors, and its value.
#[inline(always)]
fn best_of(values: [f32; 4], factor: f32) -> (f32, f32) {
    let (mut best, mut value) = (0.0, values[0]);
    for (at, next) in values.into_iter().enumerate().skip(1) {
        let is_larger = factor * next > factor * value;
        best = if is_larger { at as f32 } else { best };
        value = if is_larger { next } else { value };
    }
    (best, value)
}

/// The four positions of a pooled one: (channels) each.
#[inline(always)]
fn window(values: &[f32], images: Images, i: usize, j: usize) -> [&[f32]; 4] {
    let Images { width, channels, .. } = images;
    let upper = &values[(2 * i * width + 2 * j) * channels..][..2 * channels];
    let lower = &values[((2 * i + 1) * width + 2 * j) * channels..][..2 * channels];
    let ((a, b), (c, d)) = (upper.split_at(channels), lower.split_at(channels));
    [a, b, c, d]
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
