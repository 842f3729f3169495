//! Transitions that are counted as events come: one thread writes, any number read meanwhile, and see each row whole.
//!
//! The table lies in shared memory that is 0 at first. Of the items that something followed lately each has a slab of at most [`ENTRIES`]
//! transitions; where no slab is left, the one that was taken first is taken again. A slab has a version (`sequence_lock`). Words
//! are only touched atomically.

use super::Steps;
use crate::sequence_lock::{begin_write, end_write, try_read};
use std::sync::atomic::{AtomicU32, Ordering};

/// Transitions of a slab. The rarest makes room for a new one.
pub const ENTRIES: usize = 64;

/// How often a row is read that is being written: a writer that is held up for longer is not waited for.
const ATTEMPTS: usize = 10_000;

/// Words before the rows: slabs taken so far, modulo 2³².
const HEADER: usize = 16;
/// Words of a slab before its entries: version, row + 1, length, total, and when it was last written.
const FIELDS: usize = 16;
const SLAB: usize = FIELDS + 2 * ENTRIES;

/// A table for `rows` items, as words.
#[derive(Clone, Copy)]
pub struct LiveTable<'a> {
    /// (header, rows, slabs) For each row the number of its slab, from 1, or 0.
    words: &'a [AtomicU32],
    rows: usize,
    slabs: usize,
}

/// When something is counted or read.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// In seconds since 1970. Where it falls, nothing ages, and what comes next ages from the latest on.
    pub now: u32,
    /// Seconds after which what was counted before weighs half; may be infinite.
    pub half_life: f32,
}

impl Moment {
    /// What weighs 1 at `last` weighs so much now.
    pub fn decay_since(self, last: u32) -> f32 {
        let age = self.now.saturating_sub(last);
        if age == 0 { 1.0 } else { (-(age as f32) / self.half_life).exp2() }
    }
}

/// What is known of one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveRow {
    /// The items that followed, in no order.
    pub items: Vec<u32>,
    /// How often, by their age at [`LiveRow::last`].
    pub counts: Vec<f32>,
    /// The sum of all counts, also of those that were dropped.
    pub total: f32,
    /// When something was last counted, in seconds since 1970.
    pub last: u32,
}

/// Words of a table.
pub fn live_words(rows: usize, slabs: usize) -> usize {
    HEADER + rows + slabs * SLAB
}

impl<'a> LiveTable<'a> {
    /// Views `words` as a table of `rows` items and `slabs`.
    ///
    /// # Errors
    /// When it is not as long as [`live_words`] says, or has no slab.
    pub fn new(words: &'a [AtomicU32], rows: usize, slabs: usize) -> Result<Self, String> {
        let expected = live_words(rows, slabs);
        if words.len() != expected || slabs == 0 {
            return Err(format!(
                "a live table of {rows} rows and {slabs} slabs has {expected} words, got {}",
                words.len()
            ));
        }
        Ok(LiveTable { words, rows, slabs })
    }

    /// Number of items that it has a row for.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Counts that `item` follows those of `session`, newest first, the one at place d with `decay`^d, and that they follow it with `backward`
    /// times that. Of an item to itself nothing is counted. Only one thread may learn.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn learn(&self, session: &[u32], item: u32, Steps { window, decay, backward }: Steps, at: Moment) {
        let mut weight = 1.0;
        for &before in session.iter().take(window) {
            if before != item {
                self.count(before, item, weight as f32, at);
                if backward > 0.0 {
                    self.count(item, before, (backward * weight) as f32, at);
                }
            }
            weight *= decay;
        }
    }

    fn slab(&self, number: usize) -> &'a [AtomicU32] {
        let begin = HEADER + self.rows + number * SLAB;
        &self.words[begin..begin + SLAB]
    }

    /// Counts a step from `row` to `item`. Only one thread may count.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn count(&self, row: u32, item: u32, weight: f32, at: Moment) {
        let slab = self.slab_for(row);
        let (fields, entries) = slab.split_at(FIELDS);
        let (items, counts) = entries.split_at(ENTRIES);
        let version = begin_write(&fields[0]);
        let length = (fields[2].load(Ordering::Relaxed) as usize).min(ENTRIES);
        let last = fields[4].load(Ordering::Relaxed);
        let decay = at.decay_since(last);
        let mut place = length;
        let mut least = (f32::INFINITY, 0);
        for at in 0..length {
            let count = float(&counts[at]) * decay;
            counts[at].store(count.to_bits(), Ordering::Relaxed);
            if items[at].load(Ordering::Relaxed) == item {
                place = at;
            }
            if count < least.0 {
                least = (count, at);
            }
        }
        let mut count = weight;
        if place < length {
            count += float(&counts[place]);
        } else if length == ENTRIES {
            place = least.1;
        } else {
            fields[2].store(length as u32 + 1, Ordering::Relaxed);
        }
        items[place].store(item, Ordering::Relaxed);
        counts[place].store(count.to_bits(), Ordering::Relaxed);
        fields[3].store((float(&fields[3]) * decay + weight).to_bits(), Ordering::Relaxed);
        fields[4].store(at.now.max(last), Ordering::Relaxed);
        end_write(&fields[0], version);
    }

    /// The slab of `row`: a new one where it has none.
    fn slab_for(&self, row: u32) -> &'a [AtomicU32] {
        let entry = &self.words[HEADER..HEADER + self.rows][row as usize];
        let number = entry.load(Ordering::Relaxed);
        if number > 0 {
            return self.slab(number as usize - 1);
        }
        let taken = self.words[0].load(Ordering::Relaxed);
        self.words[0].store(taken.wrapping_add(1), Ordering::Relaxed);
        let number = taken as usize % self.slabs;
        let slab = self.slab(number);
        let version = begin_write(&slab[0]);
        let former = slab[1].load(Ordering::Relaxed);
        if former > 0 {
            self.words[HEADER + former as usize - 1].store(0, Ordering::Relaxed);
        }
        slab[1].store(row + 1, Ordering::Relaxed);
        for field in &slab[2..FIELDS] {
            field.store(0, Ordering::Relaxed);
        }
        end_write(&slab[0], version);
        entry.store(number as u32 + 1, Ordering::Release);
        slab
    }

    /// Copies what is known of `row` to `into`, whole, as it was at one moment; nothing where nothing is, or it is being written all the time.
    pub fn read(&self, row: u32, into: &mut LiveRow) {
        let none = |into: &mut LiveRow| {
            into.items.clear();
            into.counts.clear();
            into.total = 0.0;
            into.last = 0;
        };
        let Some(entry) = self.words[HEADER..HEADER + self.rows].get(row as usize) else { return none(into) };
        for _ in 0..ATTEMPTS {
            none(into);
            let number = entry.load(Ordering::Acquire) as usize;
            if number == 0 || number > self.slabs {
                return;
            }
            let slab = self.slab(number - 1);
            let is_own = try_read(&slab[0], || {
                let length = (slab[2].load(Ordering::Relaxed) as usize).min(ENTRIES);
                let entries = &slab[FIELDS..];
                into.items.extend(entries[..length].iter().map(|item| item.load(Ordering::Relaxed)));
                into.counts.extend(entries[ENTRIES..ENTRIES + length].iter().map(float));
                into.total = float(&slab[3]);
                into.last = slab[4].load(Ordering::Relaxed);
                slab[1].load(Ordering::Relaxed) == row + 1
            });
            // Where another row has the slab by now, the entry says so soon.
            if is_own == Some(true) {
                return;
            }
        }
        none(into);
    }
}

fn float(word: &AtomicU32) -> f32 {
    f32::from_bits(word.load(Ordering::Relaxed))
}
