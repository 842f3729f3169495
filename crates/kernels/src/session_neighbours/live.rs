//! Sessions that are learned as events come: one thread writes, any number read meanwhile, and see each session whole.
//!
//! They lie in shared memory that is 0 at first: a ring of slots, one for each session, and an index of them, a ring of blocks that hold the
//! numbers of some sessions which have an item, and the number of the block with those before. (The unrolled linked list of Shao, Reppy & Appel
//! 1994.) Sessions and blocks are numbered as they are begun, so that of a number it is known whether another has its place by now. A slot has a version
//! (`sequence_lock`). Words are only touched atomically.

use crate::sequence_lock::{begin_write, end_write};
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// Items of a session at the most: of a longer one, what follows is another session.
pub const SESSION_ITEMS: usize = 29;

/// Sessions of a block.
pub const BLOCK_SESSIONS: usize = 6;

/// Words before all others: the number of the newest session, and of the newest block; 0 where there is none.
const HEADER: usize = 16;
/// Words of a slot before its items: version, number, length.
pub(super) const SLOT_FIELDS: usize = 3;
const SLOT: usize = SLOT_FIELDS + SESSION_ITEMS;
/// Words of a block before its sessions: item + 1, number of the block before or 0.
pub(super) const BLOCK_FIELDS: usize = 2;
const BLOCK: usize = BLOCK_FIELDS + BLOCK_SESSIONS;

/// How many rows of items, sessions, and blocks of the index there are.
#[derive(Clone, Copy, Debug)]
pub struct LiveSize {
    /// Items of the model, and new ones after them.
    pub rows: usize,
    /// Sessions at the most: a new one takes the place of the one that was begun first.
    pub slots: usize,
    /// Blocks of the index at the most; the same holds for them.
    pub blocks: usize,
}

impl LiveSize {
    /// Words that the sessions take.
    pub fn words(&self) -> usize {
        HEADER + 2 * self.rows + (1 + SLOT) * self.slots + BLOCK * self.blocks
    }
}

/// What similarities to sessions are multiplied with: length^−`length_norm` · 2^`half_lives`.
#[derive(Clone, Copy, Debug)]
pub struct LiveFactor {
    /// 0 to 1.
    pub length_norm: f64,
    /// Half-lives that passed from the newest of the trained sessions, whose factor is 1 but for its length; below 0 before that.
    pub half_lives: f64,
}

/// Half-lives beyond which sessions count alike: sums of similarities stay finite in single precision, and above 0.
const MOST_HALF_LIVES: f64 = 96.0;

impl LiveFactor {
    fn of(&self, length: usize) -> f32 {
        let age = self.half_lives.clamp(-MOST_HALF_LIVES, MOST_HALF_LIVES);
        ((length as f64).powf(-self.length_norm) * age.exp2()) as f32
    }
}

/// Sessions in shared memory.
#[derive(Clone, Copy)]
pub struct LiveSessions<'a> {
    pub(super) header: &'a [AtomicU32],
    /// (rows) The number of the newest block of each item, or 0.
    pub(super) newest: &'a [AtomicU32],
    /// (rows) Sessions that had each item, also those that are no more.
    pub(super) counts: &'a [AtomicU32],
    /// (slots)
    pub(super) factors: &'a [AtomicU32],
    slots: &'a [AtomicU32],
    blocks: &'a [AtomicU32],
    pub(super) size: LiveSize,
}

impl<'a> LiveSessions<'a> {
    /// Views `words`.
    ///
    /// # Errors
    /// When they are not as many as [`LiveSize::words`] says, or there is no slot or block.
    pub fn new(words: &'a [AtomicU32], size: LiveSize) -> Result<Self, String> {
        let LiveSize { rows, slots, blocks } = size;
        let expected = size.words();
        if words.len() != expected || slots == 0 || blocks == 0 {
            return Err(format!(
                "{slots} live sessions of {rows} items with {blocks} blocks of an index have {expected} words, got {}",
                words.len()
            ));
        }
        let (header, words) = words.split_at(HEADER);
        let (newest, words) = words.split_at(rows);
        let (counts, words) = words.split_at(rows);
        let (factors, words) = words.split_at(slots);
        let (slots, blocks) = words.split_at(slots * SLOT);
        Ok(LiveSessions { header, newest, counts, factors, slots, blocks, size })
    }

    /// Number of items that there is room for.
    pub fn rows(&self) -> usize {
        self.size.rows
    }

    /// Sessions that there is room for.
    pub fn slots(&self) -> usize {
        self.size.slots
    }

    /// Learns that `item` came after `before`, another one, in the session of this number, 0 for one that was not learned from yet. Gives the number of
    /// the session that has both: another one where that is full, or no more. Only one thread may learn.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn learn(&self, session: u32, before: u32, item: u32, factor: LiveFactor) -> u32 {
        if before == item || self.extend(session, item, factor) { session } else { self.begin(before, item, factor) }
    }

    /// Puts `item` at the end of a session, from wherever in it it was. Gives whether the session is there, and has room.
    fn extend(&self, session: u32, item: u32, factor: LiveFactor) -> bool {
        let (place, slot) = self.slot(session);
        let (fields, items) = slot.split_at(SLOT_FIELDS);
        let length = (fields[2].load(Ordering::Relaxed) as usize).min(SESSION_ITEMS);
        let former = items[..length].iter().position(|other| other.load(Ordering::Relaxed) == item);
        let is_there = session > 0 && fields[1].load(Ordering::Relaxed) == session;
        if !is_there || (former.is_none() && length == SESSION_ITEMS) {
            return false;
        }
        let version = begin_write(&fields[0]);
        let last = match former {
            Some(former) => {
                for at in former + 1..length {
                    items[at - 1].store(items[at].load(Ordering::Relaxed), Ordering::Relaxed);
                }
                length - 1
            }
            None => {
                fields[2].store(length as u32 + 1, Ordering::Relaxed);
                length
            }
        };
        items[last].store(item, Ordering::Relaxed);
        self.factors[place].store(factor.of(last + 1).to_bits(), Ordering::Relaxed);
        end_write(&fields[0], version);
        if former.is_none() {
            self.index(item, session);
        }
        true
    }

    fn begin(&self, before: u32, item: u32, factor: LiveFactor) -> u32 {
        let session = after(self.header[0].load(Ordering::Relaxed));
        let (place, slot) = self.slot(session);
        let version = begin_write(&slot[0]);
        for (word, value) in slot[1..].iter().zip([session, 2, before, item]) {
            word.store(value, Ordering::Relaxed);
        }
        self.factors[place].store(factor.of(2).to_bits(), Ordering::Relaxed);
        end_write(&slot[0], version);
        self.header[0].store(session, Ordering::Release);
        self.index(before, session);
        self.index(item, session);
        session
    }

    /// Says that a session has an item.
    fn index(&self, item: u32, session: u32) {
        let newest = &self.newest[item as usize];
        let count = &self.counts[item as usize];
        count.store(count.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
        let last = self.header[1].load(Ordering::Relaxed);
        let block = newest.load(Ordering::Relaxed);
        let is_own = is_among(block, last, self.size.blocks)
            && self.block(block)[0].load(Ordering::Relaxed) == item.wrapping_add(1);
        if is_own {
            let sessions = &self.block(block)[BLOCK_FIELDS..];
            if let Some(free) = sessions.iter().find(|session| session.load(Ordering::Relaxed) == 0) {
                free.store(session, Ordering::Release);
                return;
            }
        }
        let next = after(last);
        // Who reads what is written next sees this number afterwards.
        self.header[1].store(next, Ordering::Relaxed);
        fence(Ordering::Release);
        let before = if is_own { block } else { 0 };
        let fields = [item.wrapping_add(1), before, session].into_iter().chain([0; BLOCK_SESSIONS - 1]);
        for (word, value) in self.block(next).iter().zip(fields) {
            word.store(value, Ordering::Relaxed);
        }
        newest.store(next, Ordering::Release);
    }

    /// Where a session of this number lies.
    pub(super) fn slot(&self, session: u32) -> (usize, &'a [AtomicU32]) {
        let place = session as usize % self.size.slots;
        (place, &self.slots[place * SLOT..(place + 1) * SLOT])
    }

    pub(super) fn block(&self, number: u32) -> &'a [AtomicU32] {
        let begin = number as usize % self.size.blocks * BLOCK;
        &self.blocks[begin..begin + BLOCK]
    }
}

/// The number after this one; 0 is none.
fn after(number: u32) -> u32 {
    number.wrapping_add(1).max(1)
}

/// Whether `number` is one of the `count` newest, of which `last` is the last.
#[inline(always)]
pub(super) fn is_among(number: u32, last: u32, count: usize) -> bool {
    number > 0 && (last.wrapping_sub(number) as usize) < count
}
