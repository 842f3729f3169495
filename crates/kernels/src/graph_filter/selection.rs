//! The best of many scored items, whatever the sign of their scores.

/// Keeps the `limit` best items that are offered: the highest scores, of equal ones the lower items. An offer costs O(1)
/// on average whatever the limit: a buffer of twice the limit is cut to its best half by quickselect when it is full.
#[derive(Default)]
pub(super) struct Selection {
    limit: usize,
    /// Score and item as one number each; see [`key`].
    keys: Vec<u64>,
    /// What a score must exceed; items are offered in ascending order, so that one of an equal score comes too late.
    threshold: f32,
}

/// A number that is greater for a better item.
#[inline(always)]
fn key(item: u32, score: f32) -> u64 {
    // -0 and 0 are equal scores.
    let bits = (score + 0.0).to_bits();
    // Floats are ordered as their bits are, negative ones the other way round.
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(!item)
}

fn score_of(key: u64) -> f32 {
    let ordered = (key >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 { ordered & !(1 << 31) } else { !ordered })
}

impl Selection {
    /// Forgets all; keeps the memory.
    pub fn reset(&mut self, limit: usize) {
        self.limit = limit;
        self.keys.clear();
        self.threshold = if limit == 0 { f32::INFINITY } else { f32::NEG_INFINITY };
    }

    /// What a score must exceed to be considered.
    #[inline(always)]
    pub fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Considers an item, greater than those before; a score that is not finite is passed over.
    #[inline(always)]
    pub fn offer(&mut self, item: u32, score: f32) {
        if score > self.threshold && score < f32::INFINITY {
            self.keys.push(key(item, score));
            if self.keys.len() >= self.limit.saturating_mul(2) {
                self.cut();
            }
        }
    }

    /// The best items and their scores, best first.
    pub fn sorted(&mut self) -> impl ExactSizeIterator<Item = (u32, f32)> {
        self.cut();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.iter().map(|&key| (!(key as u32), score_of(key)))
    }

    #[inline(never)]
    fn cut(&mut self) {
        if self.keys.len() >= self.limit {
            if let Some(last) = self.limit.checked_sub(1) {
                self.threshold = score_of(*self.keys.select_nth_unstable_by(last, |a, b| b.cmp(a)).1);
            }
            self.keys.truncate(self.limit);
        }
    }
}
