use super::sample::{Sampling, Scratch, capacity};
use super::subwords::{Parts, compose, spread};
use super::train::{Followed, Rows, follow, sigmoid};
use super::{CENTRE, END, Random, alias, key};
use crate::cases;
use crate::scratch::Floats;
use crate::simd::{Simd, stride};
use proptest::prelude::*;

/// A corpus with all that its samples are drawn by.
#[derive(Clone, Debug)]
struct Corpus {
    tokens: Vec<u32>,
    keep: Vec<u32>,
    negatives_of: Vec<u32>,
    blocks: Vec<u32>,
    block_of: Vec<u8>,
    window: u32,
    negatives: u32,
}

impl Corpus {
    fn sampling(&self, epoch: u32) -> Sampling<'_> {
        Sampling {
            tokens: &self.tokens,
            keep: &self.keep,
            negatives_of: &self.negatives_of,
            blocks: &self.blocks,
            block_of: &self.block_of,
            window: self.window,
            negatives: self.negatives,
            seed: 5,
            epoch,
        }
    }

    /// The samples of each pair of blocks, of positions that are cut at `cuts`.
    fn samples(&self, cuts: &[usize], epoch: u32) -> Vec<Vec<u32>> {
        let sampling = self.sampling(epoch);
        sampling.check().unwrap();
        let blocks = self.blocks.len() - 1;
        let mut pairs = vec![Vec::new(); blocks * blocks];
        let mut scratch = Scratch::default();
        for cut in cuts.windows(2) {
            let mut words = vec![0; capacity(cut[1] - cut[0], self.window, self.negatives, blocks)];
            let mut bounds = vec![9; blocks * blocks + 1];
            sampling.draw(cut[0]..cut[1], &mut scratch, &mut words, &mut bounds).unwrap();
            for (pair, range) in pairs.iter_mut().zip(bounds.windows(2)) {
                pair.extend_from_slice(&words[range[0] as usize..range[1] as usize]);
            }
        }
        pairs
    }

    /// The same from the definition: what is kept of each sequence, then each centre with its neighbours.
    fn naive_samples(&self, epoch: u32) -> Vec<Vec<u32>> {
        let blocks = self.blocks.len() - 1;
        let mut pairs = vec![Vec::new(); blocks * blocks];
        let places: Vec<(usize, u32)> = self.tokens.iter().copied().enumerate().collect();
        for sequence in places.split(|&(_, token)| token == END) {
            let kept: Vec<_> = sequence
                .iter()
                .filter(|&&(position, token)| {
                    let share = self.keep[token as usize];
                    let drawn = (Random::at(key(5, epoch, 0), position as u64).next() >> 32) as u32;
                    share == u32::MAX || drawn <= share
                })
                .collect();
            for (at, &&(position, centre)) in kept.iter().enumerate() {
                let mut random = Random::at(key(5, epoch, 1), position as u64);
                let distance = 1 + (((random.next() >> 32) * u64::from(self.window)) >> 32) as usize;
                let left = (1..=distance).filter_map(|d| at.checked_sub(d));
                let right = (1..=distance).map(|d| at + d).filter(|&place| place < kept.len());
                let mut targets = Vec::new();
                for place in left.chain(right) {
                    let context = kept[place].1;
                    targets.push((context, 1));
                    for _ in 0..self.negatives {
                        targets.push((alias::draw(&self.negatives_of, random.next()), 0));
                        if targets.last() == Some(&(context, 0)) {
                            targets.pop();
                        }
                    }
                }
                for block in 0..blocks {
                    let pair = &mut pairs[self.block_of[centre as usize] as usize * blocks + block];
                    let own = targets.iter().filter(|target| self.block_of[target.0 as usize] as usize == block);
                    let entries: Vec<u32> = own.map(|&(target, label)| target << 1 | label).collect();
                    if !entries.is_empty() {
                        pair.push(CENTRE | centre);
                        pair.extend(entries);
                    }
                }
            }
        }
        pairs
    }
}

fn corpora() -> impl Strategy<Value = Corpus> {
    (2..24u32, 1..5usize)
        .prop_flat_map(|(rows, blocks)| {
            let token = prop_oneof![8 => 0..rows, 1 => Just(END)];
            let share = prop_oneof![2 => Just(u32::MAX), 1 => any::<u32>()];
            (
                prop::collection::vec(token, 0..crate::most(80)),
                prop::collection::vec(share, rows as usize),
                prop::collection::vec(0.1..3.0, rows as usize),
                prop::collection::vec(0..=rows, blocks - 1),
                1..6u32,
                0..4u32,
            )
        })
        .prop_map(|(tokens, keep, weights, mut cuts, window, negatives)| {
            let rows = keep.len() as u32;
            cuts.extend([0, rows]);
            cuts.sort_unstable();
            let block_of = (0..rows).map(|row| (cuts.partition_point(|&cut| cut <= row) - 1) as u8).collect();
            let mut negatives_of = vec![0; 2 * keep.len()];
            alias::build(&weights, &mut negatives_of).unwrap();
            Corpus { tokens, keep, negatives_of, blocks: cuts, block_of, window, negatives }
        })
}

/// Follows samples of rows from 0 on, in double precision, by the formulas.
fn naive_follow(samples: &[u32], inputs: &mut [Vec<f64>], outputs: &mut [Vec<f64>], rate: f64) -> Followed {
    let mut sum = Followed::default();
    for group in samples.chunk_by(|_, next| next & CENTRE == 0) {
        let centre = &mut inputs[(group[0] ^ CENTRE) as usize];
        let mut gradient = vec![0.0; centre.len()];
        for batch in group[1..].chunks(4) {
            // Four products are taken before their steps.
            let batch = if batch.len() == 4 { vec![batch] } else { batch.chunks(1).collect() };
            for batch in batch {
                let products: Vec<f64> = batch
                    .iter()
                    .map(|&entry| centre.iter().zip(&outputs[(entry >> 1) as usize]).map(|(v, u)| v * u).sum())
                    .collect();
                for (&entry, product) in batch.iter().zip(products) {
                    // As far as the sigmoid goes.
                    let product = product.clamp(-30.0, 30.0);
                    let label = f64::from(entry & 1);
                    let error = rate * (label - 1.0 / (1.0 + (-product).exp()));
                    let output = &mut outputs[(entry >> 1) as usize];
                    for f in 0..gradient.len() {
                        gradient[f] += error * output[f];
                        output[f] += error * centre[f];
                    }
                    sum.loss += (1.0 + (-(2.0 * label - 1.0) * product).exp()).ln();
                    sum.samples += 1;
                }
            }
        }
        centre.iter_mut().zip(gradient).for_each(|(value, by)| *value += by);
    }
    sum
}

/// Rows of `rank` deviates, padded with zeros.
fn deviates(rows: usize, rank: usize, seed: u64) -> Vec<f32> {
    let mut data = vec![0.0; rows * stride(rank)];
    crate::initialise::fill_normal(&mut data, stride(rank), rank, 0, 0.7, seed);
    data
}

fn doubles(data: &[f32], rank: usize) -> Vec<Vec<f64>> {
    data.chunks(stride(rank)).map(|row| row[..rank].iter().map(|&x| f64::from(x)).collect()).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn samples_are_those_of_the_definition_however_positions_are_cut(
        corpus in corpora(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        epoch in 0..3u32,
    ) {
        let size = corpus.tokens.len();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(size + 1)).chain([0, size]).collect();
        cuts.sort_unstable();
        prop_assert_eq!(corpus.samples(&cuts, epoch), corpus.naive_samples(epoch));
    }

    #[test]
    fn steps_are_those_of_the_formulas_with_every_instruction_set(
        corpus in corpora(),
        rank in prop_oneof![1..40usize, Just(64), Just(100), Just(128), Just(150)],
        rate in 0.01..0.3f32,
    ) {
        let mut corpus = corpus;
        corpus.blocks = vec![0, corpus.keep.len() as u32];
        corpus.block_of.fill(0);
        let samples = corpus.samples(&[0, corpus.tokens.len()], 0).remove(0);
        let rows = corpus.keep.len();
        let (inputs, outputs) = (deviates(rows, rank, 1), deviates(rows, rank, 2));
        let (mut naive_inputs, mut naive_outputs) = (doubles(&inputs, rank), doubles(&outputs, rank));
        let expected = naive_follow(&samples, &mut naive_inputs, &mut naive_outputs, f64::from(rate));
        for simd in Simd::available() {
            let (mut inputs, mut outputs) = (inputs.clone(), outputs.clone());
            let sides = (Rows { first: 0, data: &mut inputs }, Rows { first: 0, data: &mut outputs });
            let found = follow(&samples, sides.0, sides.1, stride(rank), rate, &mut Floats::default(), simd).unwrap();
            prop_assert_eq!(found.samples, expected.samples);
            prop_assert!((found.loss - expected.loss).abs() <= 1e-3 * (1.0 + expected.loss), "{found:?} {expected:?}");
            for (found, expected) in [(&inputs, &naive_inputs), (&outputs, &naive_outputs)] {
                for (row, expected) in found.chunks(stride(rank)).zip(expected) {
                    for (x, y) in row.iter().zip(expected) {
                        prop_assert!((f64::from(*x) - y).abs() < 2e-3 * (1.0 + y.abs()), "{x} {y} with {}", simd.name());
                    }
                    prop_assert!(row[rank..].iter().all(|&x| x == 0.0));
                }
            }
        }
    }

    #[test]
    fn a_step_goes_down_the_numerical_gradient_of_the_loss(rank in 1..20usize, label in 0..2u32, seed in 0..1000u64) {
        let (inputs, outputs) = (deviates(1, rank, seed), deviates(1, rank, seed + 1));
        let rate = 1e-3;
        let loss = |v: &[f64], u: &[f64]| {
            let product: f64 = v.iter().zip(u).map(|(v, u)| v * u).sum();
            (1.0 + (-(2.0 * f64::from(label) - 1.0) * product).exp()).ln()
        };
        let (v, u) = (doubles(&inputs, rank).remove(0), doubles(&outputs, rank).remove(0));
        let (mut moved_v, mut moved_u) = (inputs.clone(), outputs.clone());
        let sides = (Rows { first: 0, data: &mut moved_v }, Rows { first: 0, data: &mut moved_u });
        follow(&[CENTRE, label], sides.0, sides.1, stride(rank), rate, &mut Floats::default(), Simd::detect()).unwrap();
        for f in 0..rank {
            let shifted = |of: &[f64], by: f64| {
                let mut of = of.to_vec();
                of[f] += by;
                of
            };
            let slopes = [
                (loss(&shifted(&v, 1e-5), &u) - loss(&shifted(&v, -1e-5), &u)) / 2e-5,
                (loss(&v, &shifted(&u, 1e-5)) - loss(&v, &shifted(&u, -1e-5))) / 2e-5,
            ];
            let steps = [moved_v[f] - inputs[f], moved_u[f] - outputs[f]].map(f64::from);
            for (step, slope) in steps.into_iter().zip(slopes) {
                prop_assert!((step + f64::from(rate) * slope).abs() < 1e-6, "{step} for a slope of {slope}");
            }
        }
    }

    #[test]
    fn words_are_the_means_of_their_parts_and_parts_follow_their_words(
        parts_of in prop::collection::vec(prop::collection::btree_set(0..9u32, 1..6), 1..8),
        rank in 1..20usize,
    ) {
        let width = stride(rank);
        let parts = deviates(9, rank, 3);
        let (indptr, indices) = flat(parts_of.iter().map(|own| own.iter().copied().collect()));
        let mut words = vec![9.0; parts_of.len() * width];
        compose(0..parts_of.len(), Parts { indptr: &indptr, indices: &indices }, &parts, width, &mut words).unwrap();
        for (own, word) in parts_of.iter().zip(words.chunks(width)) {
            for f in 0..width {
                let mean = own.iter().map(|&part| parts[part as usize * width + f]).sum::<f32>() / own.len() as f32;
                prop_assert!((word[f] - mean).abs() < 1e-5);
            }
        }

        let words_of: Vec<Vec<u32>> = (0..9)
            .map(|part| (0..parts_of.len() as u32).filter(|&word| parts_of[word as usize].contains(&part)).collect())
            .collect();
        let (indptr, indices) = flat(words_of.iter().cloned());
        let moved = deviates(parts_of.len(), rank, 4);
        let after: Vec<f32> = words.iter().zip(&moved).map(|(word, by)| word + by).collect();
        let mut found = parts.clone();
        spread(0..9, Parts { indptr: &indptr, indices: &indices }, &words, &after, width, &mut found).unwrap();
        for (part, own) in words_of.iter().enumerate() {
            let by = |f: usize| own.iter().map(|&word| f64::from(moved[word as usize * width + f])).sum::<f64>();
            let square = |word: u32| moved[word as usize * width..][..width].iter().map(|&x| f64::from(x).powi(2)).sum();
            let sum: f64 = (0..width).map(|f| by(f).powi(2)).sum();
            let squares: Vec<f64> = own.iter().map(|&word| square(word)).collect();
            let largest = squares.iter().copied().fold(0.0, f64::max);
            let share = (squares.iter().sum::<f64>() / sum).min(2.0 * (largest / sum).sqrt()).min(1.0);
            for f in 0..width {
                let expected = f64::from(parts[part * width + f]) + if own.is_empty() { 0.0 } else { share * by(f) };
                prop_assert!((f64::from(found[part * width + f]) - expected).abs() < 1e-3);
            }
        }
    }
}

fn flat(rows: impl Iterator<Item = Vec<u32>>) -> (Vec<u64>, Vec<u32>) {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for row in rows {
        indices.extend(row);
        indptr.push(indices.len() as u64);
    }
    (indptr, indices)
}

#[test]
fn words_that_agree_move_a_part_as_one_of_them_and_words_that_do_not_by_their_sum() {
    let before = vec![0.0; 3 * 16];
    let mut after = before.clone();
    (after[0], after[16], after[32 + 1]) = (1.0, 1.0, 1.0);
    let spread_of = |words: &[u32]| {
        let mut part = vec![0.0; 16];
        let indptr = [0, words.len() as u64];
        spread(0..1, Parts { indptr: &indptr, indices: words }, &before, &after, 16, &mut part).unwrap();
        [part[0], part[1]]
    };
    assert_eq!(spread_of(&[0, 1]), [1.0, 0.0]);
    assert_eq!(spread_of(&[0, 2]), [1.0, 1.0]);
    assert_eq!(spread_of(&[]), [0.0, 0.0]);
}

#[test]
fn the_sigmoid_is_that_of_the_library() {
    for step in -3000..=3000 {
        let x = step as f32 / 100.0;
        let expected = 1.0 / (1.0 + (-f64::from(x)).exp());
        assert!((f64::from(sigmoid(x)) / expected - 1.0).abs() < 3e-6, "{x}");
    }
    assert_eq!(sigmoid(f32::INFINITY), 1.0);
    assert!(sigmoid(f32::NEG_INFINITY) > 0.0 && sigmoid(f32::NAN).is_nan());
}

#[test]
fn vectors_that_are_not_finite_show_in_the_loss() {
    for value in [f32::NAN, f32::INFINITY] {
        let (mut inputs, mut outputs) = (vec![value; 16], vec![0.0; 16]);
        let sides = (Rows { first: 0, data: &mut inputs }, Rows { first: 0, data: &mut outputs });
        let found = follow(&[CENTRE, 1], sides.0, sides.1, 16, 0.1, &mut Floats::default(), Simd::detect()).unwrap();
        assert!(found.loss.is_nan());
    }
}

#[test]
fn what_is_damaged_is_refused_in_words() {
    let corpus = Corpus {
        tokens: vec![0, 1, 2],
        keep: vec![u32::MAX; 3],
        negatives_of: vec![u32::MAX, 0, u32::MAX, 1, u32::MAX, 2],
        blocks: vec![0, 1, 3],
        block_of: vec![0, 1, 1],
        window: 2,
        negatives: 1,
    };
    let drawn = |corpus: &Corpus, room: usize| {
        corpus.sampling(0).check()?;
        corpus.sampling(0).draw(0..3, &mut Scratch::default(), &mut vec![0; room], &mut [0; 5])
    };
    assert_eq!(drawn(&corpus, 100), Ok(()));
    assert!(drawn(&corpus, 0).unwrap_err().contains("got 0"));
    let refused = |change: fn(&mut Corpus)| {
        let mut corpus = corpus.clone();
        change(&mut corpus);
        drawn(&corpus, 100).unwrap_err()
    };
    assert_eq!(refused(|corpus| corpus.tokens[1] = 3), "tokens must be below 3, but that at position 1 is 3");
    assert!(
        refused(|corpus| corpus.negatives_of = vec![0, 9, 0, 9, 0, 9]).contains("negatives must be below 3, got 9")
    );
    assert!(refused(|corpus| corpus.blocks[1] = 4).contains("must rise from 0 to 3"));
    assert!(refused(|corpus| corpus.block_of[0] = 2).contains("below 2"));
    assert!(refused(|corpus| corpus.window = 0).contains("window"));
    assert!(refused(|corpus| corpus.keep.clear()).contains("0 rows"));

    let followed = |samples: &[u32]| {
        let (mut inputs, mut outputs) = (vec![0.0; 16], vec![0.0; 32]);
        let sides = (Rows { first: 4, data: &mut inputs }, Rows { first: 6, data: &mut outputs });
        follow(samples, sides.0, sides.1, 16, 0.1, &mut Floats::default(), Simd::detect())
    };
    assert_eq!(followed(&[CENTRE | 4, 12, 15]).unwrap().samples, 2);
    assert!(followed(&[12]).unwrap_err().contains("entry 0"));
    assert!(followed(&[CENTRE | 5, 12]).unwrap_err().contains("entry 0"));
    assert!(followed(&[CENTRE | 4, 10]).unwrap_err().contains("row 5"));
    assert!(followed(&[CENTRE | 4, 16]).unwrap_err().contains("row 8"));
}
