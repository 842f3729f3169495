//! The best of many scored items.

/// Keeps the `limit` best items that are offered: the highest scores, of equal ones the lower items. An offer costs O(1)
/// on average whatever the limit: a buffer of twice the limit is cut to its best half by quickselect when it is full.
#[derive(Default)]
pub(crate) struct Selection {
    limit: usize,
    /// Score and item as one number each; see [`key`].
    keys: Vec<u64>,
    /// Keys that are not greater cannot be among the best.
    threshold: u64,
}

/// A number that is greater for a better item. Positive floats are ordered as their bits are.
#[inline(always)]
fn key(item: u32, score: f32) -> u64 {
    u64::from(score.to_bits()) << 32 | u64::from(!item)
}

impl Selection {
    /// Forgets all; keeps the memory.
    pub fn reset(&mut self, limit: usize) {
        self.limit = limit;
        self.keys.clear();
        self.threshold = 0;
    }

    /// Considers an item once; a score that is not above 0 (or NaN) is passed over. Gives whether the threshold rose.
    #[inline(always)]
    pub fn offer(&mut self, item: u32, score: f32) -> bool {
        let key = key(item, score);
        if score > 0.0 && key > self.threshold {
            self.keys.push(key);
            if self.keys.len() >= self.limit.saturating_mul(2) {
                self.cut();
                return true;
            }
        }
        false
    }

    /// A score that the last of the best has at the least; lower ones cannot be among them. 0 while there is none.
    #[inline(always)]
    pub fn threshold(&self) -> f32 {
        f32::from_bits((self.threshold >> 32) as u32)
    }

    /// Whether items from `first` on, of the threshold's score, cannot be among the best.
    #[inline(always)]
    pub fn must_exceed(&self, first: u32) -> bool {
        first > !(self.threshold as u32)
    }

    /// Raises the threshold as far as what was offered allows.
    pub fn settle(&mut self) {
        if self.keys.len() > self.limit || (self.keys.len() == self.limit && self.threshold == 0) {
            self.cut();
        }
    }

    /// The best items and their scores, best first.
    pub fn sorted(&mut self) -> impl ExactSizeIterator<Item = (u32, f32)> {
        self.cut();
        self.keys.sort_unstable_by(|a, b| b.cmp(a));
        self.keys.iter().map(|&key| (!(key as u32), f32::from_bits((key >> 32) as u32)))
    }

    #[inline(never)]
    fn cut(&mut self) {
        if self.keys.len() >= self.limit {
            if let Some(last) = self.limit.checked_sub(1) {
                self.threshold = *self.keys.select_nth_unstable_by(last, |a, b| b.cmp(a)).1;
            }
            self.keys.truncate(self.limit);
        }
    }
}
