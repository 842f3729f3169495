//! Skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado & Dean 2013, "Distributed Representations of Words
//! and Phrases and their Compositionality"), deterministic for any number of workers.
//!
//! Every row of the vocabulary has an input vector v and an output vector u. A position t of the corpus that is kept by
//! subsampling is a centre c; with b drawn from 1 to the window, each kept neighbour o at most b places away in the same
//! sequence gives a positive sample and `negatives` samples n drawn in proportion to count^power, of which those equal to o
//! are dropped. A sample of target x with the label y (1 or 0) adds to the loss
//!
//! ```text
//! L(c, x, y) = −ln σ((2y − 1) v_c·u_x),    −∂L/∂v_c = (y − σ(v_c·u_x)) u_x,    −∂L/∂u_x = (y − σ(v_c·u_x)) v_c
//! ```
//!
//! and stochastic gradient descent follows these with a rate that falls linearly.
//!
//! **In parallel.** As in the stratified gradient descent of Gemulla, Nijkamp, Haas & Sismanis (2011), the vocabulary is cut
//! into P blocks. The corpus is taken in rounds of some hundred thousand positions. First [`sample`] draws all samples of a
//! round, in chunks of positions, and sorts them by the blocks (of the centre, of the target): a position's random numbers
//! depend on seed, epoch and position alone. Then come P phases; in phase s, [`train`] follows the samples of the blocks
//! (i, i + s mod P) for each i. No two of these share a row, so each has rows of its own, and one worker follows its samples in
//! order: what comes out does not depend on who took which. Nothing is stale, as it is where gradients of a batch are summed or
//! where threads race (Hogwild), and a block's rows stay in cache meanwhile.

pub mod alias;
pub mod sample;
pub mod subwords;
pub mod train;

#[cfg(test)]
mod tests;

/// Stands between the sequences of a corpus: no window reaches over it.
pub const END: u32 = u32::MAX;

/// Marks an entry of the samples that names a centre; without it, an entry is a target times two, plus its label.
pub const CENTRE: u32 = 1 << 31;

/// Most rows of a vocabulary: targets, their label and [`CENTRE`] share a word.
pub const MOST_ROWS: usize = 1 << 30;

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014).
#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2⁶⁴ divided by the golden ratio: the step of SplitMix64.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random numbers by counter: those of one place are independent of all others.
#[derive(Clone, Copy)]
struct Random(u64);

impl Random {
    /// The numbers of `place` in the stream `key`.
    #[inline(always)]
    fn at(key: u64, place: u64) -> Random {
        Random(mix(key ^ mix(place.wrapping_mul(STEP))))
    }

    #[inline(always)]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }
}

/// The key of a stream of random numbers, of which each epoch has two.
fn key(seed: u32, epoch: u32, stream: u64) -> u64 {
    mix(mix(u64::from(seed) << 32 | u64::from(epoch)).wrapping_add(stream.wrapping_mul(STEP)))
}
