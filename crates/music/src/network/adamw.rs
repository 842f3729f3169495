//! AdamW (Loshchilov & Hutter 2019): Adam (Kingma & Ba 2015) with a decay of weights that its steps do not scale.

use aurochs_kernels::simd::{Kernel, Lanes, Simd};

/// One step; the defaults of the paper are .9, .999, 1e-8.
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    /// What steps are multiplied by.
    pub rate: f32,
    /// Of what decays, the share that a step of rate 1 takes away.
    pub decay: f32,
    /// How much of the mean of the gradients is kept.
    pub first: f32,
    /// How much of the mean of their squares is kept.
    pub second: f32,
    /// Added to the root of that.
    pub epsilon: f32,
    /// From 1: for the correction of the moments' beginnings.
    pub step: u32,
}

/// Parameters of a range with what is kept of their gradients, all of the same length.
pub struct Moving<'a> {
    /// What is moved.
    pub parameters: &'a mut [f32],
    /// Means of their gradients.
    pub first: &'a mut [f32],
    /// Means of the squares.
    pub second: &'a mut [f32],
    /// 1 where a parameter decays, else 0.
    pub decays: &'a [f32],
}

/// Moves parameters against `gradients`, the sum of those of all shards, in the order of these.
pub fn step(adam: AdamW, moving: Moving, shards: &[&[f32]], simd: Simd) {
    let length = moving.parameters.len();
    assert!(moving.first.len() == length && moving.second.len() == length && moving.decays.len() == length);
    assert!(shards.iter().all(|shard| shard.len() == length));
    simd.run(Step { adam, moving, shards });
}

struct Step<'a> {
    adam: AdamW,
    moving: Moving<'a>,
    shards: &'a [&'a [f32]],
}

impl Kernel for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let AdamW { rate, decay, first, second, epsilon, step } = self.adam;
        let Moving { parameters, first: firsts, second: seconds, decays } = self.moving;
        let of_first = 1.0 / (1.0 - first.powi(step as i32));
        let of_second = 1.0 / (1.0 - second.powi(step as i32));
        let mut gradients = vec![0.0f32; parameters.len()];
        for shard in self.shards {
            for (sum, gradient) in gradients.iter_mut().zip(*shard) {
                *sum += gradient;
            }
        }
        for at in 0..parameters.len() {
            let gradient = gradients[at];
            firsts[at] = first * firsts[at] + (1.0 - first) * gradient;
            seconds[at] = second * seconds[at] + (1.0 - second) * gradient * gradient;
            let move_by = firsts[at] * of_first / ((seconds[at] * of_second).sqrt() + epsilon);
            parameters[at] -= rate * (move_by + decay * decays[at] * parameters[at]);
        }
    }
}
