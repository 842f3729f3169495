//! The best items so far, in order.

/// A list of (item, score), best first, in the slices where the answer is wanted. Among equal scores the lower item
/// number comes first. Insertion is linear in the length, which suits lists of up to some thousands: after the first few
/// hundred items, one that gets in is rare.
pub struct Best<'a> {
    items: &'a mut [u32],
    scores: &'a mut [f32],
    filled: usize,
}

impl<'a> Best<'a> {
    /// An empty list for as many as the slices hold.
    #[inline(always)]
    pub fn new(items: &'a mut [u32], scores: &'a mut [f32]) -> Self {
        items.fill(u32::MAX);
        scores.fill(f32::NEG_INFINITY);
        Best { items, scores, filled: 0 }
    }

    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.filled == self.items.len()
    }

    /// How many it holds when full.
    pub fn limit(&self) -> usize {
        self.items.len()
    }

    /// What a score must reach to get in; -∞ while there is room.
    #[inline(always)]
    pub fn threshold(&self) -> f32 {
        if self.is_full() { self.scores.last().copied().unwrap_or(f32::INFINITY) } else { f32::NEG_INFINITY }
    }

    /// Whether [`Best::offer`] would take it.
    #[inline(always)]
    pub fn admits(&self, item: u32, score: f32) -> bool {
        if !self.is_full() {
            return true;
        }
        match (self.items.last(), self.scores.last()) {
            (Some(&last_item), Some(&last)) => score > last || (score == last && item < last_item),
            _ => false,
        }
    }

    /// Puts an item where it belongs and drops the last of a full list; does nothing with one that is not good enough.
    #[inline(always)]
    pub fn offer(&mut self, item: u32, score: f32) {
        if !self.admits(item, score) {
            return;
        }
        let mut at = if self.is_full() { self.filled - 1 } else { self.filled };
        self.filled = at + 1;
        while at > 0 && (score > self.scores[at - 1] || (score == self.scores[at - 1] && item < self.items[at - 1])) {
            self.items[at] = self.items[at - 1];
            self.scores[at] = self.scores[at - 1];
            at -= 1;
        }
        self.items[at] = item;
        self.scores[at] = score;
    }
}
