//! Negatives of one block: drawn evenly, or more often the more often they are positive.

use super::random::{Random, scaled};

/// Items drawn in proportion to their weights, by the alias method (Walker 1977; in linear time as by Vose 1991).
#[derive(Default)]
pub struct Negatives {
    items: u32,
    /// None: all alike. Else for each item the share of its cell that is its own, of 2³², and whose the rest is.
    cells: Vec<(u32, u32)>,
    small: Vec<u32>,
    large: Vec<u32>,
    shares: Vec<f64>,
}

impl Negatives {
    /// Draws from `items` items, all alike.
    pub fn set_even(&mut self, items: usize) {
        self.items = items as u32;
        self.cells.clear();
    }

    /// Draws items in proportion to `weights`, which are not negative; where they are 0 all, evenly. O(items).
    pub fn set_weights(&mut self, weights: impl ExactSizeIterator<Item = f32> + Clone) {
        let items = weights.len();
        self.set_even(items);
        let sum: f64 = weights.clone().map(f64::from).sum();
        if !(sum > 0.0 && sum < f64::INFINITY) {
            return;
        }
        let Negatives { cells, small, large, shares, .. } = self;
        shares.clear();
        shares.extend(weights.map(|weight| f64::from(weight) * items as f64 / sum));
        cells.extend((0..items as u32).map(|item| (u32::MAX, item)));
        small.clear();
        large.clear();
        for (item, &share) in (0..).zip(shares.iter()) {
            if share < 1.0 { small.push(item) } else { large.push(item) }
        }
        while let (Some(&less), Some(&more)) = (small.last(), large.last()) {
            small.pop();
            cells[less as usize] = ((shares[less as usize] * 4_294_967_296.0) as u32, more);
            shares[more as usize] -= 1.0 - shares[less as usize];
            if shares[more as usize] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
    }

    /// The next item.
    #[inline(always)]
    pub fn draw(&self, random: &mut Random) -> u32 {
        let bits = random.bits();
        let item = scaled(bits, self.items);
        match self.cells.get(item as usize) {
            Some(&(own, other)) if bits as u32 >= own => other,
            _ => item,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(negatives: &Negatives, items: usize, draws: usize) -> Vec<f64> {
        let mut counts = vec![0.0; items];
        let mut random = Random::new(&[5]);
        for _ in 0..draws {
            counts[negatives.draw(&mut random) as usize] += 1.0;
        }
        counts
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn items_are_drawn_in_proportion_to_their_weights() {
        let mut negatives = Negatives::default();
        let draws = 200_000;
        for weights in [&[1.0f32, 1.0, 1.0][..], &[0.0, 5.0, 1.0, 0.5, 100.0], &[3.0], &[1e-9, 1.0], &[0.0, 0.0]] {
            negatives.set_weights(weights.iter().copied());
            let sum: f32 = weights.iter().sum();
            for (count, weight) in counts(&negatives, weights.len(), draws).iter().zip(weights) {
                let share = if sum > 0.0 { weight / sum } else { 1.0 / weights.len() as f32 };
                let expected = draws as f64 * f64::from(share);
                assert!((count - expected).abs() <= 5.0 * expected.sqrt() + 1.0, "{weights:?}: {count} for {expected}");
            }
        }
        negatives.set_even(4);
        assert!(counts(&negatives, 4, draws).iter().all(|count| (count - 50_000.0).abs() < 1200.0));
    }
}
