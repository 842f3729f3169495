//! An epoch, tile by tile: a chunk of users with a block of items.

use super::negatives::Negatives;
use super::partition::block_range;
use super::random::Random;
use super::update::{Sample, Update};
use super::{OWN_ONLY, Step};
use crate::shared::SharedRows;
use crate::simd::{BLOCK, Simd};
use std::fmt;
use std::ops::Range;

/// Samples that are drawn before the first of them is learnt from: 20 KiB of them.
const BATCH: usize = 1024;

/// How often a negative is drawn before the sample is left out, when all that were drawn are the user's own.
pub const MOST_DRAWS: usize = 16;

/// The samples of an epoch, and what is learnt from them.
#[derive(Clone, Copy)]
pub struct Epoch<'a> {
    /// (2 × room) From [`super::deal`]: of each sample the user and the place of the item within its block.
    pub samples: &'a [u32],
    /// (chunks + 1) Where the room of each chunk of users begins, in samples.
    pub rooms: &'a [u64],
    /// (chunks × (blocks + 1)) Where the samples of each block begin, from the beginning of the chunk's room.
    pub bounds: &'a [u32],
    /// (chunks + 1) First user of each chunk.
    pub users: &'a [u32],
    /// (items) The items, block after block.
    pub order: &'a [u32],
    /// (items) How often each item is drawn as a negative, in proportion, above 0. Absent: all alike.
    pub frequencies: Option<&'a [f32]>,
    /// Blocks of items.
    pub blocks: usize,
    /// Floats of a row.
    pub stride: usize,
    /// What is done at each sample.
    pub step: Step,
    /// What the draws depend on: seed and epoch.
    pub key: u64,
}

/// Why an epoch cannot be run.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum EpochError {
    Length {
        name: &'static str,
        expected: usize,
        got: usize,
    },
    /// Pointers fall, or reach beyond what they point into.
    Pointers {
        name: &'static str,
    },
    /// A sample, or an item of the order, that there is not.
    Sample {
        user: u32,
        place: u32,
    },
}

impl fmt::Display for EpochError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EpochError::Length { name, expected, got } => write!(f, "{name} must have {expected} values, got {got}"),
            EpochError::Pointers { name } => write!(f, "{name} must rise within what they point into, but do not"),
            EpochError::Sample { user, place } => {
                write!(f, "a sample must be of the chunk and the block, but one is of user {user} and place {place}")
            }
        }
    }
}

impl std::error::Error for EpochError {}

/// What a tile came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Σ −ln σ(x) over the samples.
    pub loss: f64,
    /// Samples that were learnt from.
    pub samples: u64,
}

/// A block of items while one thread has it: what is drawn from, and the biases side by side.
#[derive(Default)]
pub struct Block {
    number: usize,
    items: Range<usize>,
    negatives: Negatives,
    biases: Vec<f32>,
    /// A bit for each item of the block that the user at hand has.
    own: Vec<u64>,
    batch: Vec<Sample>,
}

impl Epoch<'_> {
    /// Checks that all parts fit together; what they hold is checked where it is used.
    ///
    /// # Errors
    /// Names the part that does not fit.
    pub fn check(&self) -> Result<(), EpochError> {
        let length = |name, expected, got| {
            if expected == got { Ok(()) } else { Err(EpochError::Length { name, expected, got }) }
        };
        let chunks = self.chunks();
        length("rooms", chunks + 1, self.rooms.len())?;
        length("bounds", chunks * (self.blocks + 1), self.bounds.len())?;
        if let Some(frequencies) = self.frequencies {
            length("frequencies", self.order.len(), frequencies.len())?;
        }
        if !self.users.is_sorted() {
            return Err(EpochError::Pointers { name: "users" });
        }
        if !self.rooms.is_sorted() || self.rooms.last().is_some_and(|&end| end > self.samples.len() as u64 / 2) {
            return Err(EpochError::Pointers { name: "rooms" });
        }
        let within = |chunk: usize| {
            let bounds = &self.bounds[chunk * (self.blocks + 1)..][..=self.blocks];
            bounds.is_sorted() && u64::from(bounds[self.blocks]) <= self.rooms[chunk + 1] - self.rooms[chunk]
        };
        if self.blocks == 0 || !(0..chunks).all(within) {
            return Err(EpochError::Pointers { name: "bounds" });
        }
        Ok(())
    }

    /// Number of chunks of users.
    pub fn chunks(&self) -> usize {
        self.users.len().saturating_sub(1)
    }

    /// Takes block `number`, and the biases of its items.
    ///
    /// # Safety
    /// Until [`Epoch::leave`] nobody else may have the block: no biases and no rows of its items may be read or written by others.
    pub unsafe fn enter(&self, number: usize, biases: &mut SharedRows<'_, f32>, block: &mut Block) {
        block.number = number;
        block.items = block_range(number, self.blocks, self.order.len());
        let items = &self.order[block.items.clone()];
        match self.frequencies {
            Some(all) => block.negatives.set_weights(items.iter().map(|&item| all[item as usize])),
            None => block.negatives.set_even(items.len()),
        }
        block.own.clear();
        block.own.resize(items.len().div_ceil(64), 0);
        block.biases.clear();
        if self.step.biases {
            for &item in items {
                // SAFETY: the caller's promise.
                let bias = unsafe { biases.rows_ref(item as usize..item as usize + 1) }[0];
                block.biases.push(bias - self.correction(item));
            }
        }
    }

    /// Gives the block's biases back.
    ///
    /// # Safety
    /// As of [`Epoch::enter`].
    pub unsafe fn leave(&self, biases: &mut SharedRows<'_, f32>, block: &mut Block) {
        for (&item, &bias) in self.order[block.items.clone()].iter().zip(&block.biases) {
            // SAFETY: the caller's promise.
            let to = unsafe { biases.rows_mut(item as usize..item as usize + 1) };
            to[0] = bias + self.correction(item);
        }
    }

    /// What the bias of an item is beyond what is learnt: where q says how often each item is drawn as a negative, the best scores are
    /// ln p(item | user) − ln q(item) and a constant, of which lists are to go by the first alone.
    fn correction(&self, item: u32) -> f32 {
        self.frequencies.map_or(0.0, |frequencies| frequencies[item as usize].ln())
    }

    /// Learns from the samples of chunk `chunk` in the block at hand, in their order.
    ///
    /// # Errors
    /// Names a sample that is not of the chunk and the block.
    ///
    /// # Safety
    /// Until it returns, nobody else may read or write rows of the chunk's users or of the block's items.
    pub unsafe fn run(
        &self,
        chunk: usize,
        users: &mut SharedRows<'_, f32>,
        items: &mut SharedRows<'_, f32>,
        block: &mut Block,
        simd: Simd,
    ) -> Result<Tally, EpochError> {
        assert!(users.width() == self.stride && items.width() == self.stride && self.stride.is_multiple_of(BLOCK));
        let first = self.users[chunk] as usize;
        let own_users = first..self.users[chunk + 1] as usize;
        let bounds = &self.bounds[chunk * (self.blocks + 1) + block.number..][..2];
        let begin = self.rooms[chunk] as usize;
        let samples = &self.samples[2 * (begin + bounds[0] as usize)..2 * (begin + bounds[1] as usize)];
        let samples = samples.as_chunks::<2>().0;
        let mut random = Random::new(&[self.key, chunk as u64, block.number as u64]);
        let count = own_users.len();
        // SAFETY: the caller's promise.
        let base = unsafe { users.rows_mut(own_users) }.as_mut_ptr();
        let mut tally = Tally::default();
        let mut rest = samples;
        while !rest.is_empty() {
            block.batch.clear();
            while let Some(&[user, _]) = rest.first().filter(|_| block.batch.len() < BATCH) {
                let run = rest.iter().take_while(|sample| sample[0] == user).count();
                let places;
                (places, rest) = rest.split_at(run);
                let row = (user as usize).checked_sub(first).filter(|&row| row < count);
                let row = row.ok_or(EpochError::Sample { user, place: places[0][1] })?;
                self.draw(row as u32, places, items.rows(), block, &mut random)?;
            }
            tally.samples += block.batch.len() as u64;
            // SAFETY: the caller's promise; `draw` took care that all rows lie in the matrices.
            tally.loss += simd.run(Update {
                users: base,
                items: items.as_mut_ptr(),
                stride: self.stride,
                samples: &block.batch,
                biases: &mut block.biases,
                step: self.step,
            });
        }
        Ok(tally)
    }

    /// Draws a negative for each sample of one user, which all lie in the block at hand, so that what of the block the user has
    /// is known from them.
    ///
    /// Marking and looking up bits of the block costs 1 to 2 ns a sample, whatever the user's history.
    #[inline(always)]
    fn draw(
        &self,
        row: u32,
        samples: &[[u32; 2]],
        rows: usize,
        block: &mut Block,
        random: &mut Random,
    ) -> Result<(), EpochError> {
        let Block { items, negatives, own, batch, .. } = block;
        let order = &self.order[items.clone()];
        let refused = |place| EpochError::Sample { user: samples[0][0], place };
        for &[_, place] in samples {
            let place = place & !OWN_ONLY;
            if place as usize >= order.len() {
                // What was marked would be taken for the next user's.
                own.fill(0);
                return Err(refused(place));
            }
            own[place as usize / 64] |= 1 << (place % 64);
        }
        let is_own = |place: u32| own[place as usize / 64] >> (place % 64) & 1 == 1;
        let mut highest = 0;
        for &[_, place] in samples.iter().filter(|sample| sample[1] & OWN_ONLY == 0) {
            let Some(negative) = (0..MOST_DRAWS).map(|_| negatives.draw(random)).find(|&other| !is_own(other)) else {
                continue;
            };
            let sample = Sample {
                user: row,
                positive: order[place as usize],
                negative: order[negative as usize],
                positive_place: place,
                negative_place: negative,
            };
            highest = highest.max(sample.positive).max(sample.negative);
            batch.push(sample);
        }
        for &[_, place] in samples {
            own[(place & !OWN_ONLY) as usize / 64] = 0;
        }
        if highest as usize >= rows { Err(refused(samples[0][1])) } else { Ok(()) }
    }
}
