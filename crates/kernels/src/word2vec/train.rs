//! Follows the samples of one pair of blocks.

use super::CENTRE;
use crate::scratch::Floats;
use crate::simd::{BLOCK, Kernel, Lanes, Simd};

/// Rows of one side of a pair of blocks, (rows × stride) with the stride of a factor matrix; the first is row `first` of the
/// vocabulary.
pub struct Rows<'a> {
    /// Number of the first row.
    pub first: u32,
    /// The vectors.
    pub data: &'a mut [f32],
}

/// What the samples came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Followed {
    /// Sum of −ln σ(±v·u) over the samples, each before its own step. Not finite where the vectors are not.
    pub loss: f64,
    /// How many samples there were.
    pub samples: u64,
}

/// Follows `samples`, entries as [`super::sample`] sorts them, in order: steps of gradient descent at `rate`. The centre's
/// vector moves once its samples of this pair of blocks are through, as in the original, where it moves after each positive
/// and its negatives.
///
/// # Errors
/// When an entry is of another block, or the sizes do not fit.
pub fn follow(
    samples: &[u32],
    inputs: Rows<'_>,
    outputs: Rows<'_>,
    stride: usize,
    rate: f32,
    scratch: &mut Floats,
    simd: Simd,
) -> Result<Followed, String> {
    let whole = |rows: &Rows<'_>| stride > 0 && rows.data.len().is_multiple_of(stride);
    if !stride.is_multiple_of(BLOCK) || !whole(&inputs) || !whole(&outputs) {
        return Err(format!("vectors must be whole rows of a stride that is a multiple of {BLOCK}, got {stride}"));
    }
    simd.run(Follow { samples, inputs, outputs, stride, rate, scratch })
}

struct Follow<'a> {
    samples: &'a [u32],
    inputs: Rows<'a>,
    outputs: Rows<'a>,
    stride: usize,
    rate: f32,
    scratch: &'a mut Floats,
}

/// Entries between a row's prefetch and its use.
const AHEAD: usize = 12;

impl Kernel for Follow<'_> {
    type Output = Result<Followed, String>;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        // Where centre, gradient and sums fit in registers, their loads and stores are saved.
        match (L::MANY_REGISTERS, self.stride / L::WIDTH) {
            (true, 1) => self.follow::<L, Registers<L, 1>>(l),
            (true, 2) => self.follow::<L, Registers<L, 2>>(l),
            (true, 3) => self.follow::<L, Registers<L, 3>>(l),
            (true, 4) => self.follow::<L, Registers<L, 4>>(l),
            (true, 5) => self.follow::<L, Registers<L, 5>>(l),
            (true, 6) => self.follow::<L, Registers<L, 6>>(l),
            (true, 7) => self.follow::<L, Registers<L, 7>>(l),
            (true, 8) => self.follow::<L, Registers<L, 8>>(l),
            (false, 2) => self.follow::<L, Registers<L, 2>>(l),
            (false, 4) => self.follow::<L, Registers<L, 4>>(l),
            _ => self.follow::<L, Memory>(l),
        }
    }
}

/// Where the rows of one side lie.
#[derive(Clone, Copy)]
struct Places {
    data: *mut f32,
    first: u32,
    rows: usize,
    stride: usize,
}

impl Places {
    #[inline(always)]
    fn of(rows: Rows<'_>, stride: usize) -> Places {
        Places { rows: rows.data.len() / stride, data: rows.data.as_mut_ptr(), first: rows.first, stride }
    }

    #[inline(always)]
    fn has(self, row: u32) -> bool {
        (row.wrapping_sub(self.first) as usize) < self.rows
    }

    /// The row, if there is one: else, an address of which nothing is said.
    #[inline(always)]
    fn at(self, row: u32) -> *mut f32 {
        self.data.wrapping_add((row.wrapping_sub(self.first) as usize).wrapping_mul(self.stride))
    }
}

impl Follow<'_> {
    #[inline(always)]
    fn follow<L: Lanes, S: Steps<L>>(self, l: L) -> Result<Followed, String> {
        let Follow { samples, inputs, outputs, stride, rate, scratch } = self;
        let gradient = scratch.take(stride).as_mut_ptr();
        let (inputs, outputs) = (Places::of(inputs, stride), Places::of(outputs, stride));
        let mut loss = Loss { sum: 0.0, product: 1.0 };
        let (mut at, mut ahead, mut count) = (0, 0, 0);
        while at < samples.len() {
            let centre = samples[at] ^ CENTRE;
            if !inputs.has(centre) {
                return Err(format!("entry {at} of the samples names no centre of the block"));
            }
            let begin = at + 1;
            at = begin;
            while at < samples.len() && samples[at] & CENTRE == 0 {
                if !outputs.has(samples[at] >> 1) {
                    return Err(format!("row {} of the samples is no target of the block", samples[at] >> 1));
                }
                at += 1;
            }
            while ahead < samples.len().min(at + AHEAD) {
                let entry = samples[ahead];
                let row = if entry & CENTRE != 0 { inputs.at(entry ^ CENTRE) } else { outputs.at(entry >> 1) };
                for line in (0..stride).step_by(BLOCK) {
                    l.prefetch(row.wrapping_add(line));
                }
                ahead += 1;
            }
            let targets = &samples[begin..at];
            count += targets.len() as u64;
            // SAFETY: checked above: the centre lies in the inputs, and each target in the outputs, which are other memory;
            // all rows, and the gradient, hold `stride` floats, a multiple of the vector's width.
            unsafe {
                let mut steps = S::begin(l, inputs.at(centre), gradient, stride);
                let whole = targets.len() & !3;
                for batch in targets[..whole].chunks_exact(4) {
                    let mut rows = [outputs.data; 4];
                    for i in 0..4 {
                        rows[i] = outputs.at(batch[i] >> 1);
                    }
                    let products = steps.products(l, rows);
                    let mut errors = [0.0; 4];
                    for i in 0..4 {
                        errors[i] = rate * loss.error(products[i], batch[i] & 1);
                    }
                    loss.fold();
                    steps.update(l, rows, errors);
                }
                for &entry in &targets[whole..] {
                    let row = [outputs.at(entry >> 1)];
                    let [product] = steps.products(l, row);
                    steps.update(l, row, [rate * loss.error(product, entry & 1)]);
                }
                loss.fold();
                steps.end(l);
            }
        }
        Ok(Followed { loss: loss.sum - loss.product.ln(), samples: count })
    }
}

/// Sums logarithms as that of a product: one logarithm for many samples.
struct Loss {
    sum: f64,
    product: f64,
}

impl Loss {
    /// y − σ(x) for the label y; adds −ln σ(±x).
    #[inline(always)]
    fn error(&mut self, x: f32, label: u32) -> f32 {
        let sign = if label == 1 { 1.0 } else { -1.0 };
        let likelihood = sigmoid(sign * x);
        self.product *= f64::from(likelihood);
        sign * (1.0 - likelihood)
    }

    /// To be called after at most four [`Loss::error`]s: each likelihood is above 1e-14.
    #[inline(always)]
    fn fold(&mut self) {
        if self.product < 1e-240 {
            self.sum -= self.product.ln();
            self.product = 1.0;
        }
    }
}

/// 1 / (1 + e⁻ˣ), within 3e-7 of it (relatively), for x from -30 to 30, and that of the nearer bound beyond. NaN stays NaN.
///
/// The original's table of a thousand values between -6 and 6 costs a cache line each time, and leaves out all samples beyond.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    // e⁻ˣ = 2ᵏ eᵘ with a whole k and |u| ≤ ln 2 / 2; adding this number rounds to a whole one.
    const ROUND: f32 = 12_582_912.0;
    let t = -x.clamp(-30.0, 30.0) * std::f32::consts::LOG2_E;
    let k = (t + ROUND) - ROUND;
    let u = (t - k) * std::f32::consts::LN_2;
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let mut power = 0.0;
    for term in series {
        power = power * u + term;
    }
    1.0 / (1.0 + power * f32::from_bits(((k as i32 + 127) as u32) << 23))
}

/// The arithmetic of one centre.
trait Steps<L: Lanes> {
    /// # Safety
    /// `centre` and `gradient` must be valid for reading and writing `stride` floats, a multiple of the vector's width, until
    /// [`Steps::end`]; nothing else may write the centre until then.
    unsafe fn begin(l: L, centre: *mut f32, gradient: *mut f32, stride: usize) -> Self;
    /// v·u of each of `M` rows, 1 or 4.
    ///
    /// # Safety
    /// The rows must be valid for reading `stride` floats.
    unsafe fn products<const M: usize>(&self, l: L, rows: [*mut f32; M]) -> [f32; M];
    /// Adds the error times the row to the gradient, and the error times the centre to the row, one row after the other: one
    /// may come twice.
    ///
    /// # Safety
    /// The rows must be valid for reading and writing `stride` floats, apart from centre and gradient.
    unsafe fn update<const M: usize>(&mut self, l: L, rows: [*mut f32; M], errors: [f32; M]);
    /// Adds the gradient to the centre.
    ///
    /// # Safety
    /// As [`Steps::begin`].
    unsafe fn end(self, l: L);
}

/// For rows of `N` vectors: the centre and its gradient stay in registers.
struct Registers<L: Lanes, const N: usize> {
    row: *mut f32,
    centre: [L::V; N],
    gradient: [L::V; N],
}

// SAFETY of every block below: the callers' promises; `stride` is `N` vectors.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<L: Lanes, const N: usize> Steps<L> for Registers<L, N> {
    #[inline(always)]
    unsafe fn begin(l: L, centre: *mut f32, _gradient: *mut f32, _stride: usize) -> Self {
        let mut vectors = [l.splat(0.0); N];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = unsafe { l.load(centre.add(v * L::WIDTH)) };
        }
        Registers { row: centre, centre: vectors, gradient: [l.splat(0.0); N] }
    }

    #[inline(always)]
    unsafe fn products<const M: usize>(&self, l: L, rows: [*mut f32; M]) -> [f32; M] {
        let mut sums = [l.splat(0.0); M];
        for v in 0..N {
            for r in 0..M {
                sums[r] = l.mul_add(unsafe { l.load(rows[r].add(v * L::WIDTH)) }, self.centre[v], sums[r]);
            }
        }
        sums_of(l, sums)
    }

    #[inline(always)]
    unsafe fn update<const M: usize>(&mut self, l: L, rows: [*mut f32; M], errors: [f32; M]) {
        for r in 0..M {
            let error = l.splat(errors[r]);
            for v in 0..N {
                unsafe {
                    let place = rows[r].add(v * L::WIDTH);
                    let row = l.load(place);
                    self.gradient[v] = l.mul_add(error, row, self.gradient[v]);
                    l.store(place, l.mul_add(error, self.centre[v], row));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn end(self, l: L) {
        for v in 0..N {
            unsafe { l.store(self.row.add(v * L::WIDTH), l.add(self.centre[v], self.gradient[v])) };
        }
    }
}

/// For rows of any length.
struct Memory {
    row: *mut f32,
    gradient: *mut f32,
    stride: usize,
}

// SAFETY of every block below: the callers' promises; the vector's width divides `stride`.
#[allow(clippy::undocumented_unsafe_blocks)]
impl<L: Lanes> Steps<L> for Memory {
    #[inline(always)]
    unsafe fn begin(l: L, centre: *mut f32, gradient: *mut f32, stride: usize) -> Self {
        for f in (0..stride).step_by(L::WIDTH) {
            unsafe { l.store(gradient.add(f), l.splat(0.0)) };
        }
        Memory { row: centre, gradient, stride }
    }

    #[inline(always)]
    unsafe fn products<const M: usize>(&self, l: L, rows: [*mut f32; M]) -> [f32; M] {
        let mut sums = [l.splat(0.0); M];
        for f in (0..self.stride).step_by(L::WIDTH) {
            unsafe {
                let centre = l.load(self.row.add(f));
                for r in 0..M {
                    sums[r] = l.mul_add(l.load(rows[r].add(f)), centre, sums[r]);
                }
            }
        }
        sums_of(l, sums)
    }

    #[inline(always)]
    unsafe fn update<const M: usize>(&mut self, l: L, rows: [*mut f32; M], errors: [f32; M]) {
        for r in 0..M {
            let error = l.splat(errors[r]);
            for f in (0..self.stride).step_by(L::WIDTH) {
                unsafe {
                    let (place, sum) = (rows[r].add(f), self.gradient.add(f));
                    let row = l.load(place);
                    l.store(sum, l.mul_add(error, row, l.load(sum)));
                    l.store(place, l.mul_add(error, l.load(self.row.add(f)), row));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn end(self, l: L) {
        for f in (0..self.stride).step_by(L::WIDTH) {
            unsafe {
                let place = self.row.add(f);
                l.store(place, l.add(l.load(place), l.load(self.gradient.add(f))));
            }
        }
    }
}

#[inline(always)]
fn sums_of<L: Lanes, const M: usize>(l: L, sums: [L::V; M]) -> [f32; M] {
    let mut out = [0.0; M];
    if M == 4 {
        out.copy_from_slice(&l.sum4([sums[0], sums[1], sums[2], sums[3]]));
    } else {
        for r in 0..M {
            out[r] = l.sum(sums[r]);
        }
    }
    out
}
