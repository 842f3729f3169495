//! What of a user's items and tags is visible in an epoch.

use super::Shape;
use crate::bpr::random::Random;

/// How much is hidden.
#[derive(Clone, Copy, Debug)]
pub struct Corruption {
    /// Mean probability that an item or a tag is hidden, where part of its kind is visible.
    pub rate: f32,
    /// How widely that of a user is drawn around the mean, evenly: 0: not at all; 1: as far as there is from 0 to 1, so that histories
    /// of any length are met.
    pub spread: f32,
    /// Probability that all tags of a user who has items are hidden.
    pub items_only: f32,
    /// Probability that all items of a user who has tags are hidden.
    pub tags_only: f32,
    /// Of all random numbers.
    pub seed: u64,
    /// From 0.
    pub epoch: u64,
}

/// Columns and weights of one kind of a user.
pub type Entries<'a> = (&'a [u32], &'a [f32]);

/// Writes the visible inputs of `user` to `columns` and `values`, columns rising, and gives their number: the items, then the tags, each
/// kind with a norm of 1, then the bias. There must be room for all.
#[inline(always)]
pub fn corrupt(
    shape: Shape,
    corruption: &Corruption,
    user: u32,
    items: Entries<'_>,
    tags: Entries<'_>,
    columns: &mut [u32],
    values: &mut [f32],
) -> usize {
    let mut random = Random::new(&[corruption.seed, corruption.epoch, u64::from(user)]);
    let draw = uniform(&mut random);
    let reach = corruption.spread * corruption.rate.min(1.0 - corruption.rate);
    let rate = corruption.rate + reach * (2.0 * uniform(&mut random) - 1.0);
    let (mut hides_items, mut hides_tags) = (false, false);
    if !items.0.is_empty() && !tags.0.is_empty() {
        hides_tags = draw < corruption.items_only;
        hides_items = !hides_tags && draw < corruption.items_only + corruption.tags_only;
    }
    let mut count = 0;
    for (entries, offset, is_hidden) in [(items, 0, hides_items), (tags, shape.items as u32, hides_tags)] {
        if is_hidden {
            continue;
        }
        let begin = count;
        for (&column, &weight) in entries.0.iter().zip(entries.1) {
            if uniform(&mut random) >= rate {
                columns[count] = offset + column;
                values[count] = weight;
                count += 1;
            }
        }
        normalise(&mut values[begin..count]);
    }
    columns[count] = shape.outputs() as u32;
    values[count] = 1.0;
    count + 1
}

/// Divides `values` by their norm.
#[inline(always)]
pub fn normalise(values: &mut [f32]) {
    let squares: f32 = values.iter().map(|value| value * value).sum();
    if squares > 0.0 {
        let scale = 1.0 / squares.sqrt();
        values.iter_mut().for_each(|value| *value *= scale);
    }
}

/// What each factor of a hidden state is multiplied with in training: 0, or the reciprocal of how often it is not (Srivastava, Hinton,
/// Krizhevsky, Sutskever & Salakhutdinov 2014).
#[derive(Clone, Debug)]
pub struct Dropout {
    random: Random,
    rate: f32,
}

impl Dropout {
    /// That of `user` in an epoch, the same each time.
    pub fn new(rate: f32, corruption: &Corruption, user: u32) -> Dropout {
        Dropout { random: Random::new(&[corruption.seed, corruption.epoch, u64::from(user), 1]), rate }
    }

    /// The next factor's.
    #[inline(always)]
    pub fn scale(&mut self) -> f32 {
        if self.rate == 0.0 {
            1.0
        } else if uniform(&mut self.random) < self.rate {
            0.0
        } else {
            1.0 / (1.0 - self.rate)
        }
    }
}

/// From 0 to below 1.
#[inline(always)]
fn uniform(random: &mut Random) -> f32 {
    (random.bits() >> 40) as f32 / (1u64 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropout_keeps_what_it_says_in_the_mean() {
        let corruption = Corruption { rate: 0.4, spread: 0.5, items_only: 0.2, tags_only: 0.2, seed: 3, epoch: 1 };
        let draws = if cfg!(miri) { 100 } else { 100_000 };
        let mut dropout = Dropout::new(0.3, &corruption, 5);
        let scales: Vec<f32> = (0..draws).map(|_| dropout.scale()).collect();
        assert!(scales.iter().all(|&scale| scale == 0.0 || (scale - 1.0 / 0.7).abs() < 1e-6));
        let mean = scales.iter().sum::<f32>() / draws as f32;
        assert!((mean - 1.0).abs() < if cfg!(miri) { 0.3 } else { 0.02 }, "{mean}");
    }
}
