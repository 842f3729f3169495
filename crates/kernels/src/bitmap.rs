//! Which items lists may have, as one bit an item.

use std::sync::atomic::{AtomicU32, Ordering};

/// A bit for each item, in words of 32, that another thread may change meanwhile. Items beyond the last word have none.
#[derive(Clone, Copy)]
pub struct Bitmap<'a> {
    words: &'a [AtomicU32],
}

impl<'a> Bitmap<'a> {
    /// Item i is bit i % 32 of word i / 32.
    pub fn new(words: &'a [AtomicU32]) -> Self {
        Bitmap { words }
    }

    /// Whether the bit of `item` is set. Relaxed is enough: each bit stands for itself, and who must not see an item that is gone
    /// looks once more after the change is known.
    #[inline(always)]
    pub fn has(&self, item: u32) -> bool {
        self.words.get(item as usize / 32).is_some_and(|word| word.load(Ordering::Relaxed) >> (item % 32) & 1 == 1)
    }
}

/// Whether `item` may come where `allowed` says which may; all where nothing is said.
#[inline(always)]
pub(crate) fn allows(allowed: Option<Bitmap<'_>>, item: u32) -> bool {
    allowed.is_none_or(|allowed| allowed.has(item))
}

/// The words of a bitmap of `items`, for tests.
#[cfg(test)]
pub(crate) fn words_of(items: &[u32], count: usize) -> Vec<AtomicU32> {
    let words: Vec<AtomicU32> = (0..count.div_ceil(32)).map(|_| AtomicU32::new(0)).collect();
    for &item in items {
        words[item as usize / 32].fetch_or(1 << (item % 32), Ordering::Relaxed);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_stands_for_an_item_and_items_beyond_have_none() {
        let words = words_of(&[0, 31, 32, 70], 71);
        let bitmap = Bitmap::new(&words);
        let found: Vec<u32> = (0..200).filter(|&item| bitmap.has(item)).collect();
        assert_eq!(found, [0, 31, 32, 70]);
        words[0].store(0, Ordering::Relaxed);
        assert!(!bitmap.has(31) && bitmap.has(32));
        assert!(allows(None, 5) && !allows(Some(bitmap), 5));
    }
}
