//! Live sessions as they were at one moment.

use super::LiveSessions;
use super::live::{BLOCK_FIELDS, BLOCK_SESSIONS, SESSION_ITEMS, SLOT_FIELDS, is_among};
use crate::sequence_lock::try_read;
use std::sync::atomic::{AtomicU32, Ordering, fence};

/// How often a session is read that is being written: a writer that is held up for longer is not waited for.
const ATTEMPTS: usize = 10_000;

/// The sessions that had begun at one moment; they may go on.
#[derive(Clone, Copy)]
pub(super) struct Begun<'a> {
    live: LiveSessions<'a>,
    /// The number of the newest.
    last: u32,
}

impl<'a> LiveSessions<'a> {
    /// Those that have begun.
    pub(super) fn begun(self) -> Begun<'a> {
        Begun { live: self, last: self.header[0].load(Ordering::Acquire) }
    }
}

impl Begun<'_> {
    /// How many there have been, also those that are no more.
    pub fn count(&self) -> u32 {
        self.last
    }

    /// Room for sessions: they lie at places below.
    pub fn places(&self) -> usize {
        self.live.slots()
    }

    /// How many had `item`, also those that are no more.
    pub fn having_count(&self, item: u32) -> u32 {
        self.live.counts[item as usize].load(Ordering::Relaxed)
    }

    /// What similarities to the session at `place` are multiplied with.
    #[inline(always)]
    pub fn factor(&self, place: usize) -> f32 {
        f32::from_bits(self.live.factors[place].load(Ordering::Relaxed))
    }

    /// That of what lies at `place`.
    #[inline(always)]
    pub fn version(&self, place: usize) -> u32 {
        self.live.slot(place as u32).1[0].load(Ordering::Relaxed)
    }

    /// Writes to `places` where the latest sessions lie that had `item`, the one that had it last first: of the latest `most`, those that are still there.
    pub fn having(&self, item: u32, most: usize, places: &mut Vec<u32>) {
        let LiveSessions { header, newest, size, .. } = self.live;
        places.clear();
        let mut left = most;
        let mut number = newest[item as usize].load(Ordering::Acquire);
        let mut youngest = 0;
        while left > 0 {
            let block = self.live.block(number);
            let owner = block[0].load(Ordering::Relaxed);
            let before = block[1].load(Ordering::Relaxed);
            let sessions: [u32; BLOCK_SESSIONS] =
                std::array::from_fn(|at| block[BLOCK_FIELDS + at].load(Ordering::Acquire));
            // What was read before is not read after the newest block is known.
            fence(Ordering::Acquire);
            let last = header[1].load(Ordering::Relaxed);
            let age = last.wrapping_sub(number);
            // Blocks that do not get older are not as a writer leaves them: they might go round and round.
            if !is_among(number, last, size.blocks) || owner != item.wrapping_add(1) || age < youngest {
                return;
            }
            youngest = age.saturating_add(1);
            for &session in sessions.iter().rev().filter(|&&session| session > 0).take(left) {
                left -= 1;
                if is_among(session, self.last, size.slots) {
                    places.push((session as usize % size.slots) as u32);
                }
            }
            number = before;
        }
    }

    /// Copies the items of the session at `place`, as they were at one moment; none where another one began there since, or it is being written all the
    /// time.
    pub fn read(&self, place: usize, items: &mut Vec<u32>) {
        let LiveSessions { size, .. } = self.live;
        let later = (self.last as usize % size.slots + size.slots - place) % size.slots;
        let number = self.last.wrapping_sub(later as u32);
        let (fields, words) = self.live.slot(number).1.split_at(SLOT_FIELDS);
        let value = |word: &AtomicU32| word.load(Ordering::Relaxed);
        for _ in 0..ATTEMPTS {
            items.clear();
            let is_own = try_read(&fields[0], || {
                items.extend(words[..(value(&fields[2]) as usize).min(SESSION_ITEMS)].iter().map(value));
                value(&fields[1]) == number
            });
            match is_own {
                // What another thread writes may be anything: what is no item is passed over.
                Some(true) if items.iter().all(|&item| (item as usize) < size.rows) => return,
                Some(_) => break,
                None => {}
            }
        }
        items.clear();
    }
}
