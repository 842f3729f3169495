//! The samples of an epoch, dealt to the blocks of their items.

use super::OWN_ONLY;
use super::partition::{MAX_BLOCKS, block_of};
use super::random::Random;
use crate::csr::{Csr, CsrError};
use std::fmt;
use std::ops::Range;

/// Deals the pairs of users to the blocks that the items are in.
#[derive(Clone, Copy)]
pub struct Deal<'a> {
    /// (users × items)
    pub entries: Csr<'a>,
    /// (items) From [`super::partition::shuffle`].
    pub places: &'a [u32],
    /// Blocks of items.
    pub blocks: usize,
    /// How often a pair of weight 1 comes, on average: one of weight w comes ⌊w · this⌋ times or once more. Absent: each
    /// comes once.
    pub visits: Option<f32>,
    /// What the draws depend on: seed and epoch.
    pub key: u64,
}

/// Why samples cannot be dealt.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum DealError {
    Matrix(CsrError),
    /// There is no room for all.
    Room {
        samples: usize,
        room: usize,
    },
    /// An item is in a block that there is not.
    Block {
        block: usize,
        blocks: usize,
    },
}

impl fmt::Display for DealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DealError::Matrix(error) => error.fmt(f),
            DealError::Room { samples, room } => {
                write!(f, "{samples} samples do not fit where there is room for {room}")
            }
            DealError::Block { block, blocks } => write!(f, "blocks must be below {blocks}, got {block}"),
        }
    }
}

impl std::error::Error for DealError {}

impl Deal<'_> {
    /// Writes the samples of `users` to `samples` (2 × room), block by block and there by user and item: of each the user,
    /// and the item's place within its block; a pair that does not come is there once, with [`OWN_ONLY`]. Those of block b are `bounds[b]..bounds[b + 1]` (blocks + 1).
    ///
    /// Costs two random reads and a write to one of as many streams as there are blocks, a pair.
    ///
    /// # Errors
    /// Names the row that is damaged, or the room that is too small.
    pub fn deal(&self, users: Range<usize>, samples: &mut [u32], bounds: &mut [u32]) -> Result<(), DealError> {
        let blocks = self.blocks;
        assert!(blocks <= MAX_BLOCKS && bounds.len() == blocks + 1, "a bound for each block");
        let mut counts = [0u32; MAX_BLOCKS];
        let mut sum = 0;
        for user in users.clone() {
            let (items, weights) = self.entries.checked_row(user, self.places.len()).map_err(DealError::Matrix)?;
            let mut random = self.random(user);
            for (&item, &weight) in items.iter().zip(weights) {
                let (block, _) = block_of(self.places[item as usize]);
                let visits = self.visits_of(weight, &mut random);
                counts[block] += visits.max(1);
                sum += visits.max(1) as usize;
            }
        }
        if let Some(block) = (blocks..MAX_BLOCKS).find(|&block| counts[block] > 0) {
            return Err(DealError::Block { block, blocks });
        }
        if sum > samples.len() / 2 || sum > u32::MAX as usize {
            return Err(DealError::Room { samples: sum, room: samples.len() / 2 });
        }
        bounds[0] = 0;
        for block in 0..blocks {
            bounds[block + 1] = bounds[block] + counts[block];
            counts[block] = bounds[block];
        }
        for user in users {
            let (items, weights) = self.entries.row(user);
            let mut random = self.random(user);
            for (&item, &weight) in items.iter().zip(weights) {
                let (block, within) = block_of(self.places[item as usize]);
                let visits = self.visits_of(weight, &mut random);
                let place = if visits == 0 { within | OWN_ONLY } else { within };
                for _ in 0..visits.max(1) {
                    let at = 2 * counts[block] as usize;
                    samples[at..at + 2].copy_from_slice(&[user as u32, place]);
                    counts[block] += 1;
                }
            }
        }
        Ok(())
    }

    fn random(&self, user: usize) -> Random {
        Random::new(&[self.key, user as u64])
    }

    /// How often a pair comes in this epoch.
    #[inline(always)]
    fn visits_of(&self, weight: f32, random: &mut Random) -> u32 {
        let Some(visits) = self.visits else { return 1 };
        let chance = (random.bits() >> 40) as f32 / (1u32 << 24) as f32;
        (weight * visits + chance) as u32
    }
}
