//! Draws the samples of chunks of positions and sorts them by blocks.

use super::{CENTRE, END, MOST_ROWS, Random, alias, key};
use std::ops::Range;

/// Most blocks that a vocabulary is cut into.
pub const MOST_BLOCKS: usize = 64;

/// A corpus, and how samples are drawn from it.
#[derive(Clone, Copy, Debug)]
pub struct Sampling<'a> {
    /// Rows of the vocabulary in the order of the text, with [`END`] between sequences.
    pub tokens: &'a [u32],
    /// (rows) How often, of 2³², an occurrence of the row is kept; always where it is `u32::MAX`.
    pub keep: &'a [u32],
    /// (2 × rows) What negatives are drawn from; see [`alias`].
    pub negatives_of: &'a [u32],
    /// (blocks + 1) Where each block of rows begins, and where the last ends; rising from 0.
    pub blocks: &'a [u32],
    /// (rows) The block of each row.
    pub block_of: &'a [u8],
    /// Farthest neighbour of a centre; the distance of each centre is drawn from 1 to this.
    pub window: u32,
    /// Negatives for each positive.
    pub negatives: u32,
    /// Of the random numbers.
    pub seed: u32,
    /// Of the random numbers, too: each epoch has other ones.
    pub epoch: u32,
}

/// Working memory of [`Sampling::draw`].
#[derive(Default)]
pub struct Scratch {
    /// Kept tokens around and in the chunk, with [`END`] between sequences, and their positions.
    kept: Vec<(u32, usize)>,
    /// Samples of all centres, one after the other, as entries.
    drawn: Vec<u32>,
    /// Centres, and where their samples end.
    centres: Vec<(u32, usize)>,
    cursors: Vec<u32>,
}

/// How many words the samples of `positions` positions take at most: entries of targets and, for each block, of a centre.
pub fn capacity(positions: usize, window: u32, negatives: u32, blocks: usize) -> usize {
    let samples = 2 * window as usize * (1 + negatives as usize);
    positions * (samples + samples.min(blocks))
}

impl Sampling<'_> {
    /// Checks what does not depend on the positions.
    ///
    /// # Errors
    /// Says which size or option does not fit.
    pub fn check(&self) -> Result<(), String> {
        let (rows, blocks) = (self.keep.len(), self.blocks.len().wrapping_sub(1));
        if rows == 0 || rows > MOST_ROWS || self.negatives_of.len() != 2 * rows || self.block_of.len() != rows {
            return Err(format!(
                "{rows} rows, from 1 to {MOST_ROWS}, need {} words of negatives and as many blocks as rows, got {} and {}",
                2 * rows,
                self.negatives_of.len(),
                self.block_of.len()
            ));
        }
        check_blocks(self.blocks, rows)?;
        if self.block_of.iter().any(|&block| block as usize >= blocks) {
            return Err(format!("rows must be of blocks below {blocks}"));
        }
        if !(1..=1000).contains(&self.window) || self.negatives > 1000 {
            return Err(format!(
                "the window must be from 1 to 1000 and negatives at most 1000, got {} and {}",
                self.window, self.negatives
            ));
        }
        Ok(())
    }

    /// Writes the samples of the centres at `positions` to `samples`, sorted by the blocks of centre and target, and to
    /// `bounds` (blocks² + 1) where those of each pair of blocks begin: first those of centres in block 0 and targets in block
    /// 0, then targets in block 1 and so on. Within a pair they are in the order of the positions: an entry of the centre, with
    /// [`CENTRE`], and those of its targets.
    ///
    /// # Errors
    /// When a token is no row, or there is less room than [`capacity`] says.
    pub fn draw(
        &self,
        positions: Range<usize>,
        scratch: &mut Scratch,
        samples: &mut [u32],
        bounds: &mut [u32],
    ) -> Result<(), String> {
        let blocks = self.blocks.len() - 1;
        if bounds.len() != blocks * blocks + 1 {
            return Err(format!(
                "{blocks} blocks need {} bounds of samples, got {}",
                blocks * blocks + 1,
                bounds.len()
            ));
        }
        let positions = positions.start.min(self.tokens.len())..positions.end.min(self.tokens.len());
        let own = self.keep_tokens(positions, scratch)?;
        self.draw_targets(own, scratch)?;
        self.sort(scratch, samples, bounds)
    }

    /// Fills `kept` with what subsampling leaves of the positions, and of as many beside them as windows reach; gives the places
    /// of the own ones.
    fn keep_tokens(&self, positions: Range<usize>, scratch: &mut Scratch) -> Result<Range<usize>, String> {
        let kept = &mut scratch.kept;
        kept.clear();
        let stream = key(self.seed, self.epoch, 0);
        let window = self.window as usize;
        let is_kept = |position: usize, token: u32| {
            let share = *self.keep.get(token as usize).ok_or_else(|| {
                format!("tokens must be below {}, but that at position {position} is {token}", self.keep.len())
            })?;
            Ok::<_, String>(share == u32::MAX || (Random::at(stream, position as u64).next() >> 32) as u32 <= share)
        };
        for position in (0..positions.start).rev() {
            let token = self.tokens[position];
            if token == END || kept.len() == window {
                break;
            }
            if is_kept(position, token)? {
                kept.push((token, position));
            }
        }
        kept.reverse();
        let first = kept.len();
        for position in positions.clone() {
            let token = self.tokens[position];
            if token == END || is_kept(position, token)? {
                kept.push((token, position));
            }
        }
        let last = kept.len();
        for position in positions.end..self.tokens.len() {
            let token = self.tokens[position];
            if token == END || kept.len() == last + window {
                break;
            }
            if is_kept(position, token)? {
                kept.push((token, position));
            }
        }
        Ok(first..last)
    }

    fn draw_targets(&self, own: Range<usize>, scratch: &mut Scratch) -> Result<(), String> {
        let Scratch { kept, drawn, centres, .. } = scratch;
        drawn.clear();
        centres.clear();
        let stream = key(self.seed, self.epoch, 1);
        let window = u64::from(self.window);
        for at in own {
            let (centre, position) = kept[at];
            if centre == END {
                continue;
            }
            let mut random = Random::at(stream, position as u64);
            let distance = 1 + (((random.next() >> 32) * window) >> 32) as usize;
            let before = kept[at.saturating_sub(distance)..at].iter().rev();
            let after = kept[at + 1..(at + 1 + distance).min(kept.len())].iter();
            let begin = drawn.len();
            let mut add = |context: u32| {
                drawn.push(context << 1 | 1);
                for _ in 0..self.negatives {
                    let negative = alias::draw(self.negatives_of, random.next());
                    if negative != context {
                        drawn.push(negative << 1);
                    }
                }
            };
            before.take_while(|(token, _)| *token != END).for_each(|&(token, _)| add(token));
            after.take_while(|(token, _)| *token != END).for_each(|&(token, _)| add(token));
            if drawn.len() > begin {
                centres.push((centre, drawn.len()));
            }
        }
        // A damaged table of negatives names rows that are not there.
        let rows = self.keep.len() as u32;
        match drawn.iter().find(|&&entry| entry >> 1 >= rows) {
            Some(entry) => Err(format!("negatives must be below {rows}, got {}", entry >> 1)),
            None => Ok(()),
        }
    }

    fn sort(&self, scratch: &mut Scratch, samples: &mut [u32], bounds: &mut [u32]) -> Result<(), String> {
        let Scratch { drawn, centres, cursors, .. } = scratch;
        let blocks = self.blocks.len() - 1;
        let block_of = |row: u32| self.block_of[row as usize] as usize;
        // Words of each pair of blocks, one place further on: their sums are where the next begin.
        bounds.fill(0);
        let mut begin = 0;
        for &(centre, end) in centres.iter() {
            let pairs = &mut bounds[block_of(centre) * blocks + 1..][..blocks];
            let mut seen = 0u64;
            for &entry in &drawn[begin..end] {
                let block = block_of(entry >> 1);
                pairs[block] += 1 + u32::from(seen & 1 << block == 0);
                seen |= 1 << block;
            }
            begin = end;
        }
        for pair in 1..bounds.len() {
            bounds[pair] += bounds[pair - 1];
        }
        let words = bounds[blocks * blocks] as usize;
        if words > samples.len() {
            return Err(format!("the samples of a chunk need room for {words} words, got {}", samples.len()));
        }
        cursors.clear();
        cursors.extend_from_slice(&bounds[..blocks * blocks]);
        let mut begin = 0;
        for &(centre, end) in centres.iter() {
            let cursors = &mut cursors[block_of(centre) * blocks..][..blocks];
            let mut seen = 0u64;
            for &entry in &drawn[begin..end] {
                let block = block_of(entry >> 1);
                let cursor = &mut cursors[block];
                if seen & 1 << block == 0 {
                    seen |= 1 << block;
                    samples[*cursor as usize] = CENTRE | centre;
                    *cursor += 1;
                }
                samples[*cursor as usize] = entry;
                *cursor += 1;
            }
            begin = end;
        }
        Ok(())
    }
}

/// Checks that `blocks` cut `rows` rows.
///
/// # Errors
/// Says what they must do.
pub fn check_blocks(blocks: &[u32], rows: usize) -> Result<(), String> {
    let covers = blocks.first() == Some(&0) && blocks.last().map(|&last| last as usize) == Some(rows);
    if covers && blocks.is_sorted() && (2..=MOST_BLOCKS + 1).contains(&blocks.len()) {
        return Ok(());
    }
    Err(format!("the bounds of 1 to {MOST_BLOCKS} blocks must rise from 0 to {rows}"))
}
