use super::corrupt::{Corruption, Dropout};
use super::encode::Encoder;
use super::forward::{Forward, Objective, Scratch, ShardOutput};
use super::naive::{Model, User};
use super::update::{Adam, Batch, Weights};
use super::{Active, SHARD, Shape};
use crate::bpr::random::Random;
use crate::csr::Csr;
use crate::initialise::fill_normal;
use crate::scratch::Floats;
use crate::shared::SharedRows;
use crate::simd::Simd;
use proptest::prelude::*;

/// A sparse matrix that owns what it has.
struct Matrix {
    indptr: Vec<u64>,
    indices: Vec<u32>,
    weights: Vec<f32>,
}

impl Matrix {
    /// Each cell is set with this probability.
    fn random(rows: usize, columns: usize, share: u32, random: &mut Random) -> Matrix {
        let mut matrix = Matrix { indptr: vec![0], indices: vec![], weights: vec![] };
        for _ in 0..rows {
            for column in 0..columns {
                if random.below(100) < share {
                    matrix.indices.push(column as u32);
                    matrix.weights.push(0.5 + random.below(4) as f32);
                }
            }
            matrix.indptr.push(matrix.indices.len() as u64);
        }
        matrix
    }

    fn csr(&self) -> Csr<'_> {
        Csr { indptr: &self.indptr, indices: &self.indices, weights: &self.weights }
    }

    fn row(&self, row: u32, offset: usize) -> Vec<(usize, f64)> {
        let (indices, weights) = self.csr().row(row as usize);
        indices.iter().zip(weights).map(|(&column, &weight)| (offset + column as usize, f64::from(weight))).collect()
    }
}

struct Case {
    shape: Shape,
    items: Matrix,
    tags: Matrix,
    users: Vec<u32>,
    inputs: Vec<f32>,
    outputs: Vec<f32>,
    sample: Option<(Vec<u32>, Vec<f32>)>,
    objective: Objective,
}

/// What the forward pass and a first step left.
struct Stepped {
    loss: f64,
    users: Vec<User>,
    inputs: [Vec<f32>; 3],
    outputs: [Vec<f32>; 3],
}

impl Case {
    fn new((items, tags, factors): (usize, usize, usize), count: usize, is_sampled: bool, seed: u64) -> Case {
        let mut random = Random::new(&[seed]);
        let shape = Shape { items, tags, factors };
        let all = count + 3;
        let (of_items, of_tags) =
            (Matrix::random(all, items, 30, &mut random), Matrix::random(all, tags, 40, &mut random));
        let users: Vec<u32> = (0..count as u32).map(|user| (user * 5 + 2) % all as u32).collect();
        let weights = |rows: usize, rank: usize, seed: u64| {
            let mut weights = vec![0.0; rows * shape.stride()];
            fill_normal(&mut weights, shape.stride(), rank, 0, 0.7, seed);
            weights
        };
        let sample = is_sampled.then(|| {
            let mut columns: Vec<u32> = users
                .iter()
                .flat_map(|&user| [of_items.row(user, 0), of_tags.row(user, items)].concat())
                .map(|(column, _)| column as u32)
                .chain((0..shape.outputs() as u32).step_by(3))
                .collect();
            columns.sort_unstable();
            columns.dedup();
            let corrections = columns.iter().map(|_| random.below(100) as f32 / 50.0).collect();
            (columns, corrections)
        });
        let corruption = Corruption { rate: 0.4, spread: 0.5, items_only: 0.2, tags_only: 0.2, seed, epoch: 3 };
        let objective = Objective {
            corruption,
            dropout: if seed.is_multiple_of(3) { 0.0 } else { 0.4 },
            tag_weight: 0.3,
            length_exponent: 0.5,
            hidden_only: seed.is_multiple_of(2),
            scale: 1.0 / count.max(1) as f32,
        };
        let (inputs, outputs) = (weights(shape.inputs(), factors, seed), weights(shape.outputs(), factors + 1, !seed));
        Case { shape, items: of_items, tags: of_tags, users, inputs, outputs, sample, objective }
    }

    fn active(&self) -> Active<'_> {
        match &self.sample {
            Some((columns, corrections)) => Active::Sample { columns, corrections },
            None => Active::All,
        }
    }

    fn step(&self, simd: Simd, adam: Adam, chunk: usize, is_lazy: bool) -> Stepped {
        let (shape, stride) = (self.shape, self.shape.stride());
        let forward = Forward {
            shape,
            inputs: &self.inputs,
            outputs: &self.outputs,
            items: self.items.csr(),
            tags: Some(self.tags.csr()),
            active: self.active(),
            objective: self.objective,
        };
        let mut starts = vec![0];
        for &user in &self.users {
            starts.push(starts.last().unwrap() + forward.room(user).unwrap() as u32);
        }
        let room = shape.outputs() + 2;
        let (shards, all) = (self.users.len().div_ceil(SHARD), starts[self.users.len()] as usize);
        let (mut columns, mut values, mut counts) = (vec![0; all], vec![0.0; all], vec![0; self.users.len()]);
        let (mut hidden, mut errors) = (vec![9.0; shards * SHARD * stride], vec![9.0; shards * SHARD * stride]);
        let mut gradients = vec![9.0; shards * room * SHARD];
        let (mut loss, mut scratch) = (0.0, Scratch::default());
        for (shard, users) in self.users.chunks(SHARD).enumerate() {
            let rows = shard * SHARD..shard * SHARD + users.len();
            let inputs = starts[rows.start] as usize..starts[rows.end] as usize;
            let states = shard * SHARD * stride..(shard + 1) * SHARD * stride;
            let out = ShardOutput {
                columns: &mut columns[inputs.clone()],
                values: &mut values[inputs],
                counts: &mut counts[rows],
                hidden: &mut hidden[states.clone()],
                errors: &mut errors[states],
                gradients: &mut gradients[shard * room * SHARD..][..room * SHARD],
            };
            loss += forward.shard(users, out, &mut scratch, simd).unwrap();
        }
        let batch = Batch {
            shape,
            active: self.active(),
            starts: &starts,
            counts: &counts,
            columns: &columns,
            values: &values,
            hidden: &hidden,
            errors: &errors,
            gradients: &gradients,
            room,
            is_lazy,
        };
        let mut scratch = Floats::default();
        let moments = |weights: &[f32]| [weights.to_vec(), vec![0.0; weights.len()], vec![0.0; weights.len()]];
        let (mut inputs, mut outputs) = (moments(&self.inputs), moments(&self.outputs));
        let (active, rows) = (self.active().counts(shape).0, shape.inputs());
        for first in (0..active).step_by(chunk) {
            let places = first..(first + chunk).min(active);
            // SAFETY: no other thread has the arrays.
            unsafe { batch.update_outputs(places, &mut shared(&mut outputs, stride), adam, &mut scratch, simd) };
        }
        for first in (0..rows).step_by(chunk) {
            let rows = first..(first + chunk).min(rows);
            // SAFETY: as above.
            unsafe { batch.update_inputs(rows, &mut shared(&mut inputs, stride), adam, &mut scratch, simd) };
        }
        let users = self.users.iter().enumerate().map(|(at, &user)| {
            let begin = starts[at] as usize;
            let visible =
                (begin..begin + counts[at] as usize).map(|i| (columns[i] as usize, f64::from(values[i]))).collect();
            let mut dropout = Dropout::new(self.objective.dropout, &self.objective.corruption, user);
            let scales = (0..shape.factors).map(|_| f64::from(dropout.scale())).collect();
            User { visible, targets: [self.items.row(user, 0), self.tags.row(user, shape.items)].concat(), scales }
        });
        Stepped { loss, users: users.collect(), inputs, outputs }
    }

    fn naive(&self) -> Model {
        let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect();
        Model { shape: self.shape, inputs: wide(&self.inputs), outputs: wide(&self.outputs) }
    }

    fn naive_loss(&self, model: &Model, users: &[User]) -> f64 {
        let active: Vec<(usize, f64)> = match &self.sample {
            Some((columns, by)) => {
                columns.iter().zip(by).map(|(&column, &by)| (column as usize, f64::from(by))).collect()
            }
            None => (0..self.shape.outputs()).map(|column| (column, 0.0)).collect(),
        };
        let Objective { tag_weight, length_exponent, hidden_only, .. } = self.objective;
        let loss = |user| model.loss(user, &active, f64::from(tag_weight), f64::from(length_exponent), hidden_only);
        users.iter().map(loss).sum::<f64>() / users.len().max(1) as f64
    }
}

fn shared<'a>([vectors, means, squares]: &'a mut [Vec<f32>; 3], stride: usize) -> Weights<'a> {
    let rows = |values: &'a mut Vec<f32>| {
        // SAFETY: the vector outlives the view, and no other thread has it.
        unsafe { SharedRows::new(values.as_mut_ptr(), values.len(), stride) }.unwrap()
    };
    Weights { vectors: rows(vectors), means: rows(means), squares: rows(squares) }
}

const ADAM: Adam = Adam { rate: 0.01, decay: 0.1, step: 1 };

proptest! {
    #![proptest_config(crate::cases(12))]

    #[test]
    fn the_gradients_agree_with_differences_of_the_naive_loss(
        items in 1..crate::most(20), tags in 0usize..6, factors in 1..crate::most(18), count in 1..crate::most(40),
        is_sampled: bool, seed: u64,
    ) {
        let case = Case::new((items, tags, factors), count, is_sampled, seed);
        let stride = case.shape.stride();
        for simd in Simd::available() {
            let stepped = case.step(simd, ADAM, 7, false);
            let model = case.naive();
            let expected = case.naive_loss(&model, &stepped.users);
            prop_assert!((stepped.loss - expected).abs() < 1e-4 * (1.0 + expected), "{} {expected}", stepped.loss);
            // After a first step the running mean is a tenth of the gradient.
            for (is_input, [_, means, _]) in [(true, &stepped.inputs), (false, &stepped.outputs)] {
                for (place, &mean) in means.iter().enumerate().step_by(if cfg!(miri) { 97 } else { 3 }) {
                    if place % stride > case.shape.factors { continue }
                    let at = |by: f64| {
                        let mut moved = model.clone();
                        if is_input { moved.inputs[place] += by } else { moved.outputs[place] += by }
                        case.naive_loss(&moved, &stepped.users)
                    };
                    let difference = (at(1e-4) - at(-1e-4)) / 2e-4;
                    prop_assert!((f64::from(mean) * 10.0 - difference).abs() < 2e-4 * (1.0 + difference.abs()),
                        "{} {is_input} row {} column {}: {} {difference}", simd.name(), place / stride, place % stride, mean * 10.0);
                }
            }
        }
    }

    #[test]
    fn a_step_is_that_of_adam_with_decay_and_does_not_depend_on_the_chunks(
        items in 1..crate::most(20), tags in 0usize..6, factors in 1..crate::most(18), count in 1..crate::most(70), seed: u64,
    ) {
        let case = Case::new((items, tags, factors), count, false, seed);
        let stride = case.shape.stride();
        let stepped = case.step(Simd::detect(), ADAM, 7, false);
        let again = case.step(Simd::detect(), ADAM, 64, false);
        prop_assert!(stepped.inputs == again.inputs && stepped.outputs == again.outputs);
        let last = case.inputs.len() - stride;
        for (at, (&before, &after)) in case.inputs.iter().zip(&stepped.inputs[0]).enumerate() {
            let gradient = f64::from(stepped.inputs[1][at]) * 10.0;
            let kept = if at < last && at % stride < factors { 1.0 - 0.01 * 0.1 } else { 1.0 };
            let expected = f64::from(before) * kept - 0.01 * gradient / (gradient.abs() + 1e-8);
            // Of tiny gradients the ratio is rounding.
            prop_assert!(gradient.abs() < 1e-7 || (f64::from(after) - expected).abs() < 1e-5, "{after} {expected}");
        }
        // A lazy step leaves what nobody shows.
        let lazy = case.step(Simd::detect(), ADAM, 7, true);
        for (row, vectors) in lazy.inputs[0].chunks(stride).enumerate() {
            let is_visible = lazy.users.iter().any(|user| user.visible.iter().any(|input| input.0 == row));
            let expected = if is_visible { &stepped.inputs[0] } else { &case.inputs };
            prop_assert_eq!(vectors, &expected[row * stride..][..stride]);
        }
    }

    #[test]
    fn what_is_visible_is_part_of_what_the_user_has(
        items in 1..crate::most(30), tags in 0usize..8, count in 1..crate::most(60), seed: u64,
    ) {
        let case = Case::new((items, tags, 2), count, false, seed);
        for user in case.step(Simd::detect(), ADAM, 64, false).users {
            let (bias, visible) = user.visible.split_last().unwrap();
            prop_assert_eq!(*bias, (case.shape.outputs(), 1.0));
            prop_assert!(visible.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for is_item in [true, false] {
                let of_kind = |&&(column, _): &&(usize, f64)| (column < items) == is_item;
                let own: Vec<_> = visible.iter().filter(of_kind).collect();
                let squares: f64 = own.iter().map(|input| input.1 * input.1).sum();
                prop_assert!(own.is_empty() || (squares - 1.0).abs() < 1e-5);
                for &&(column, value) in &own {
                    let weight = user.targets.iter().find(|target| target.0 == column).unwrap().1;
                    let (first, first_weight) = (own[0].1, user.targets.iter().find(|t| t.0 == own[0].0).unwrap().1);
                    prop_assert!((value / weight - first / first_weight).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn histories_are_encoded_as_in_training(
        items in 1..crate::most(20), tags in 0usize..6, factors in 1..crate::most(18), seed: u64,
    ) {
        let case = Case::new((items, tags, factors), 5, false, seed);
        let (shape, stride) = (case.shape, case.shape.stride());
        let inputs: Vec<f32> = case.inputs.chunks(stride).flat_map(|row| row[..factors].to_vec()).collect();
        let mut all = Matrix { indptr: vec![0], indices: vec![], weights: vec![] };
        for user in 0..5 {
            for (column, weight) in [case.items.row(user, 0), case.tags.row(user, items)].concat() {
                all.indices.push(column as u32);
                all.weights.push(weight as f32);
            }
            all.indptr.push(all.indices.len() as u64);
        }
        let encoder = Encoder { inputs: &inputs, factors, items };
        let mut hidden = vec![9.0; 5 * factors];
        encoder.encode(all.csr(), &mut hidden, Simd::detect()).unwrap();
        for user in 0..5u32 {
            let mut visible = vec![];
            for kind in [case.items.row(user, 0), case.tags.row(user, items)] {
                let norm = kind.iter().map(|entry| entry.1 * entry.1).sum::<f64>().sqrt();
                visible.extend(kind.iter().map(|&(column, weight)| (column, weight / norm)));
            }
            let is_empty = visible.is_empty();
            visible.push((shape.outputs(), 1.0));
            let expected = case.naive().hidden(&User { visible, targets: vec![], scales: vec![1.0; factors] });
            for (&value, expected) in hidden[user as usize * factors..].iter().zip(expected) {
                let expected = if is_empty { 0.0 } else { expected };
                prop_assert!((f64::from(value) - expected).abs() < 1e-5);
            }
        }
        let damaged = Csr { indices: &vec![shape.outputs() as u32 + 1; all.indices.len()], ..all.csr() };
        prop_assert!(all.indices.is_empty() || encoder.encode(damaged, &mut hidden, Simd::detect()).is_err());
    }
}
