//! Which items are in which block: drawn anew for each epoch.

use super::random::Random;
use std::ops::Range;

/// Bits of a place that say where in its block it is; the others say which block.
const WITHIN_BITS: u32 = 24;

/// Blocks that there are at most.
pub const MAX_BLOCKS: usize = 1 << (32 - WITHIN_BITS);

/// Where an item is in a partition: block `place >> 24`, and there at `place & 0xff_ffff`.
#[inline(always)]
pub fn block_of(place: u32) -> (usize, u32) {
    ((place >> WITHIN_BITS) as usize, place & ((1 << WITHIN_BITS) - 1))
}

/// The part of an order of `items` that is block `block` of `blocks`: sizes differ by one at most.
#[inline(always)]
pub fn block_range(block: usize, blocks: usize, items: usize) -> Range<usize> {
    let bound = |block: usize| (block as u128 * items as u128 / blocks as u128) as usize;
    bound(block)..bound(block + 1)
}

/// Writes a random order of all items to `order` (items), which [`block_range`] cuts into `blocks`, and where each item came
/// to be to `places` (items). Any two items are in one block as often as any other two, over many orders.
///
/// # Errors
/// When there are no blocks, more than [`MAX_BLOCKS`], or too few for so many items.
pub fn shuffle(order: &mut [u32], places: &mut [u32], blocks: usize, random: &mut Random) -> Result<(), String> {
    let items = order.len();
    if blocks == 0 || blocks > MAX_BLOCKS || items.div_ceil(blocks) > 1 << WITHIN_BITS {
        return Err(format!("{items} items cannot be divided into {blocks} blocks of at most {}", 1 << WITHIN_BITS));
    }
    if places.len() != items {
        return Err(format!("places must have {items} values, got {}", places.len()));
    }
    for (at, item) in order.iter_mut().enumerate() {
        *item = at as u32;
    }
    // Fisher & Yates, as Durstenfeld (1964) has it.
    for at in (1..items).rev() {
        order.swap(at, random.below(at as u32 + 1) as usize);
    }
    for block in 0..blocks {
        for (within, &item) in order[block_range(block, blocks, items)].iter().enumerate() {
            places[item as usize] = (block as u32) << WITHIN_BITS | within as u32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_at_its_place_in_one_block() {
        for (items, blocks) in [(1, 1), (10, 3), (97, 8), (5, 7)] {
            let (mut order, mut places) = (vec![0; items], vec![0; items]);
            shuffle(&mut order, &mut places, blocks, &mut Random::new(&[3])).unwrap();
            for item in 0..items {
                let (block, within) = block_of(places[item]);
                assert_eq!(order[block_range(block, blocks, items)][within as usize] as usize, item);
            }
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(at, &item)| item as usize == at));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn any_two_items_are_in_one_block_as_often_as_chance_has_it() {
        let (items, blocks, epochs) = (12, 3, 6000);
        let mut together = vec![0u32; items * items];
        for epoch in 0..epochs {
            let (mut order, mut places) = (vec![0; items], vec![0; items]);
            shuffle(&mut order, &mut places, blocks, &mut Random::new(&[epoch])).unwrap();
            for (a, &first) in places.iter().enumerate() {
                for (b, &second) in places.iter().enumerate() {
                    together[a * items + b] += u32::from(block_of(first).0 == block_of(second).0);
                }
            }
        }
        // Of the 11 others 3 are in one's block: 1636 of 6000 times, with a standard deviation of 35.
        for (at, &count) in together.iter().enumerate() {
            assert!(at / items == at % items || count.abs_diff(1636) < 200, "{at}: {count}");
        }
    }

    #[test]
    fn what_cannot_be_divided_is_refused_in_words() {
        let refused = |items: usize, blocks| {
            shuffle(&mut vec![0; items], &mut [0; 2], blocks, &mut Random::new(&[])).unwrap_err()
        };
        assert_eq!(refused(2, 0), "2 items cannot be divided into 0 blocks of at most 16777216");
        assert_eq!(refused(2, 257), "2 items cannot be divided into 257 blocks of at most 16777216");
        assert_eq!(refused(3, 1), "places must have 3 values, got 2");
    }
}
