//! Samples at another rate, from samples that come in pieces.

use super::RATE;
use super::low_pass::{LowPass, low_pass};
use aurochs_kernels::simd::{BLOCK, Kernel, Lanes, Simd};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Samples a second that can be brought to [`RATE`].
pub const RATES: RangeInclusive<u32> = 1_000..=768_000;

/// A polyphase filter: a sinc under a Kaiser window, sampled at the phases that the outputs have between the inputs (Crochiere
/// and Rabiner, "Multirate Digital Signal Processing", 1983; the window's length and shape after Kaiser, 1974). The outputs are
/// not delayed: output n is at the time of input n·rate/[`RATE`]. Before and behind the inputs there are zeros.
pub struct Resampler {
    /// Of the ratio in lowest terms: outputs are `down` phases apart, inputs `up`.
    up: u32,
    down: u32,
    low_pass: Arc<LowPass>,
    /// Inputs that the next outputs need.
    inputs: Vec<f32>,
    /// Where in `inputs` the window of the next output begins, and its phase.
    next: usize,
    phase: u32,
    given: u64,
    taken: u64,
    simd: Simd,
}

impl Resampler {
    /// For samples at `rate`, one of [`RATES`].
    pub fn new(rate: u32) -> Resampler {
        assert!(RATES.contains(&rate), "a rate must be one of {RATES:?}, got {rate}");
        let divisor = greatest_common_divisor(rate, RATE);
        let (up, down) = (RATE / divisor, rate / divisor);
        let low_pass = low_pass(up, down);
        Resampler {
            up,
            down,
            inputs: vec![0.0; low_pass.taps / 2 - 1],
            low_pass,
            next: 0,
            phase: 0,
            given: 0,
            taken: 0,
            simd: Simd::detect(),
        }
    }

    /// Inputs on either side that an output may depend on.
    pub fn reach(&self) -> u64 {
        self.low_pass.taps as u64 / 2
    }

    /// Inputs after which outputs are at the times of inputs again, and how many outputs these are.
    pub(super) fn period(&self) -> (u64, u64) {
        (u64::from(self.down), u64::from(self.up))
    }

    /// Appends to `outputs` those that are known with `inputs`.
    pub fn push(&mut self, inputs: &[f32], outputs: &mut Vec<f32>) {
        self.taken += inputs.len() as u64;
        if self.up == self.down {
            self.given = self.taken;
            outputs.extend_from_slice(inputs);
            return;
        }
        self.filter(inputs, u64::MAX, outputs);
    }

    /// Appends the outputs up to the time of the last input's end. None may be pushed after it.
    pub fn finish(&mut self, outputs: &mut Vec<f32>) {
        if self.up == self.down {
            return;
        }
        let all = (u128::from(self.taken) * u128::from(self.up)).div_ceil(u128::from(self.down)) as u64;
        let zeros = vec![0.0; self.low_pass.taps];
        self.filter(&zeros, all - self.given, outputs);
    }

    fn filter(&mut self, inputs: &[f32], most: u64, outputs: &mut Vec<f32>) {
        self.inputs.extend_from_slice(inputs);
        let start = outputs.len();
        let (next, phase) = self.simd.run(Convolution { of: self, most, outputs });
        self.given += (outputs.len() - start) as u64;
        // At low rates the next window may begin behind all inputs that there are.
        let gone = next.min(self.inputs.len());
        self.inputs.drain(..gone);
        self.next = next - gone;
        self.phase = phase;
    }
}

/// Outputs while there are inputs for them; gives where the next one's window begins, and its phase.
struct Convolution<'a> {
    of: &'a Resampler,
    most: u64,
    outputs: &'a mut Vec<f32>,
}

impl Kernel for Convolution<'_> {
    type Output = (usize, u32);

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> (usize, u32) {
        let Resampler { up, down, ref low_pass, ref inputs, mut next, mut phase, .. } = *self.of;
        let LowPass { ref weights, taps, rows } = **low_pass;
        let row = |row: u32| &weights[row as usize * taps..][..taps];
        let mut left = self.most;
        while next + taps <= inputs.len() && left > 0 {
            let window = &inputs[next..next + taps];
            let output = if rows == up {
                dot(lanes, window, row(phase))
            } else {
                let place = u64::from(phase) * u64::from(rows);
                let (before, share) = ((place / u64::from(up)) as u32, (place % u64::from(up)) as f32 / up as f32);
                let (a, b) = (dot(lanes, window, row(before)), dot(lanes, window, row(before + 1)));
                a + share * (b - a)
            };
            self.outputs.push(output);
            left -= 1;
            phase += down;
            next += (phase / up) as usize;
            phase %= up;
        }
        (next, phase)
    }
}

/// The dot product of `a` and `b`, whose equal length is a multiple of [`BLOCK`].
#[inline(always)]
fn dot<L: Lanes>(lanes: L, a: &[f32], b: &[f32]) -> f32 {
    assert!(a.len() == b.len() && a.len().is_multiple_of(BLOCK));
    let mut sums = [lanes.splat(0.0); 4];
    for (at, (a, b)) in a.chunks_exact(L::WIDTH).zip(b.chunks_exact(L::WIDTH)).enumerate() {
        // SAFETY: both chunks have WIDTH floats.
        let (a, b) = unsafe { (lanes.load(a.as_ptr()), lanes.load(b.as_ptr())) };
        sums[at % 4] = lanes.mul_add(a, b, sums[at % 4]);
    }
    lanes.sum4(sums).iter().sum()
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
