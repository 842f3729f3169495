use super::deal::{Deal, DealError};
use super::epoch::{Block, Epoch, EpochError, MOST_DRAWS};
use super::fold_in::{FoldIn, Scratch, gramian, is_positive_definite};
use super::negatives::Negatives;
use super::partition::{block_of, block_range, shuffle};
use super::random::Random;
use super::wavefront::Wavefront;
use super::*;
use crate::csr::{Csr, CsrError};
use crate::shared::SharedRows;
use crate::simd::{Simd, stride};
use crate::{cases, initialise, most};
use proptest::prelude::*;
use std::sync::atomic::AtomicI32;

/// Pairs of users and items, and how an epoch of them is cut.
#[derive(Clone, Debug)]
struct Case {
    indptr: Vec<u64>,
    indices: Vec<u32>,
    weights: Vec<f32>,
    items: usize,
    chunks: Vec<u32>,
    blocks: usize,
    rank: usize,
    biases: bool,
    visits: Option<f32>,
    weighted_negatives: bool,
    simd: Simd,
}

impl Case {
    fn csr(&self) -> Csr<'_> {
        Csr { indptr: &self.indptr, indices: &self.indices, weights: &self.weights }
    }

    fn users(&self) -> usize {
        self.indptr.len() - 1
    }

    fn row(&self, user: usize) -> &[u32] {
        self.csr().row(user).0
    }

    fn frequencies(&self) -> Option<Vec<f32>> {
        self.weighted_negatives.then(|| (0..self.items).map(|item| 1.0 + (item % 5) as f32).collect())
    }

    fn step(&self) -> Step {
        Step { rate: 0.1, regularization: 0.05, biases: self.biases }
    }

    /// Factors of users and items (rows × stride), and biases, before the first epoch.
    fn initial(&self) -> Model {
        let stride = stride(self.rank);
        let mut users = vec![0.0; self.users() * stride];
        let mut items = vec![0.0; self.items * stride];
        initialise::fill_normal(&mut users, stride, self.rank, 0, 0.5, 1);
        initialise::fill_normal(&mut items, stride, self.rank, 0, 0.5, 2);
        Model { users, items, biases: vec![0.25; self.items], loss: 0.0, samples: 0 }
    }

    /// (chunks + 1) Room for twice the pairs and one visit more of each.
    fn rooms(&self) -> Vec<u64> {
        self.chunks.iter().map(|&user| 6 * self.indptr[user as usize]).collect()
    }

    fn partition(&self) -> (Vec<u32>, Vec<u32>) {
        let (mut order, mut places) = (vec![0; self.items], vec![0; self.items]);
        shuffle(&mut order, &mut places, self.blocks, &mut Random::new(&[9])).unwrap();
        (order, places)
    }

    fn dealt(&self, places: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let rooms = self.rooms();
        let deal = Deal { entries: self.csr(), places, blocks: self.blocks, visits: self.visits, key: 4 };
        let mut samples = vec![0; 2 * rooms[rooms.len() - 1] as usize];
        let mut bounds = vec![0; (self.chunks.len() - 1) * (self.blocks + 1)];
        for chunk in 0..self.chunks.len() - 1 {
            let users = self.chunks[chunk] as usize..self.chunks[chunk + 1] as usize;
            let room = 2 * rooms[chunk] as usize..2 * rooms[chunk + 1] as usize;
            deal.deal(users, &mut samples[room], &mut bounds[chunk * (self.blocks + 1)..][..=self.blocks]).unwrap();
        }
        (samples, bounds)
    }

    /// An epoch on so many threads.
    fn run(&self, model: &mut Model, threads: usize) {
        let (order, places) = self.partition();
        let (samples, bounds) = self.dealt(&places);
        let (rooms, frequencies) = (self.rooms(), self.frequencies());
        let epoch = Epoch {
            samples: &samples,
            rooms: &rooms,
            bounds: &bounds,
            users: &self.chunks,
            order: &order,
            frequencies: frequencies.as_deref(),
            blocks: self.blocks,
            stride: stride(self.rank),
            step: self.step(),
            key: 4,
        };
        epoch.check().unwrap();
        let next = AtomicI32::new(0);
        let passed: Vec<AtomicI32> = (0..epoch.chunks()).map(|_| AtomicI32::new(0)).collect();
        let [users, items] = [Address::of(&mut model.users), Address::of(&mut model.items)];
        let biases = Address::of(&mut model.biases);
        let mut tallies = vec![(0.0, 0); self.blocks];
        let all_tallies = Address::of(&mut tallies);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let turns = Wavefront::new(&next, &passed, self.blocks);
                    let mut users = users.rows(epoch.stride);
                    let mut items = items.rows(epoch.stride);
                    let (mut biases, mut tallies) = (biases.rows(1), all_tallies.rows(1));
                    let mut block = Block::default();
                    while let Some(number) = turns.take() {
                        // SAFETY: this thread has the block, and at its turns the chunks.
                        unsafe { epoch.enter(number, &mut biases, &mut block) };
                        let (mut loss, mut count) = (0.0, 0);
                        for chunk in 0..epoch.chunks() {
                            turns.wait(chunk, number).unwrap();
                            // SAFETY: as above.
                            let tally = unsafe { epoch.run(chunk, &mut users, &mut items, &mut block, self.simd) };
                            let tally = tally.unwrap();
                            loss += tally.loss;
                            count += tally.samples;
                            turns.pass(chunk, number);
                        }
                        // SAFETY: as above.
                        unsafe {
                            epoch.leave(&mut biases, &mut block);
                            tallies.rows_mut(number..number + 1)[0] = (loss, count);
                        }
                    }
                });
            }
        });
        model.loss = tallies.iter().map(|tally| tally.0).sum();
        model.samples = tallies.iter().map(|tally| tally.1).sum();
    }
}

/// Where values lie that threads share.
struct Address<T>(*mut T, usize);
// SAFETY: what is done with it is up to those who make a slice of it.
unsafe impl<T> Sync for Address<T> {}

impl<T> Address<T> {
    fn of(values: &mut [T]) -> Self {
        Address(values.as_mut_ptr(), values.len())
    }

    fn rows(&self, width: usize) -> SharedRows<'_, T> {
        // SAFETY: the values outlive the threads, which write what is theirs by turn.
        unsafe { SharedRows::new(self.0, self.1, width) }.unwrap()
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Model {
    users: Vec<f32>,
    items: Vec<f32>,
    biases: Vec<f32>,
    loss: f64,
    samples: u64,
}

/// The same epoch as two nested loops in double precision, from the definitions.
fn naive(case: &Case, model: &Model) -> (Vec<f64>, Vec<f64>, Vec<f64>, f64, u64) {
    let (order, places) = case.partition();
    let width = stride(case.rank);
    let double = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let (mut users, mut items) = (double(&model.users), double(&model.items));
    let mut biases = double(&model.biases);
    let (mut loss, mut count) = (0.0, 0);
    let Step { rate, regularization, .. } = case.step();
    let (rate, regularization) = (f64::from(rate), f64::from(regularization));
    let frequencies = case.frequencies();
    let correction = |item: usize| frequencies.as_ref().map_or(0.0, |all| f64::from(all[item]).ln());
    for block in 0..case.blocks {
        let members = &order[block_range(block, case.blocks, case.items)];
        let mut negatives = Negatives::default();
        match &frequencies {
            Some(all) => negatives.set_weights(members.iter().map(|&item| all[item as usize])),
            None => negatives.set_even(members.len()),
        }
        for chunk in 0..case.chunks.len() - 1 {
            let mut random = Random::new(&[4, chunk as u64, block as u64]);
            for user in case.chunks[chunk] as usize..case.chunks[chunk + 1] as usize {
                let mut visits = Random::new(&[4, user as u64]);
                for (&i, &weight) in case.row(user).iter().zip(case.csr().row(user).1) {
                    let times = case.visits.map_or(1, |visits_of_one| {
                        (weight * visits_of_one + (visits.bits() >> 40) as f32 / 16_777_216.0) as usize
                    });
                    if block_of(places[i as usize]).0 != block {
                        continue;
                    }
                    for _ in 0..times {
                        let draws = (0..MOST_DRAWS).map(|_| members[negatives.draw(&mut random) as usize]);
                        let Some(j) = { draws }.find(|other| !case.row(user).contains(other)) else { continue };
                        let at = |item: u32| item as usize * width..item as usize * width + case.rank;
                        let u: Vec<f64> = users[user * width..][..case.rank].to_vec();
                        let (xi, xj) = (items[at(i)].to_vec(), items[at(j)].to_vec());
                        let (i, j) = (i as usize, j as usize);
                        let mut x: f64 = u.iter().zip(xi.iter().zip(&xj)).map(|(u, (i, j))| u * (i - j)).sum();
                        if case.biases {
                            x += biases[i] - correction(i) - biases[j] + correction(j);
                        }
                        let g = 1.0 / (1.0 + x.exp());
                        loss -= (1.0 - g).ln();
                        count += 1;
                        for k in 0..case.rank {
                            users[user * width + k] += rate * (g * (xi[k] - xj[k]) - regularization * u[k]);
                            items[i * width + k] += rate * (g * u[k] - regularization * xi[k]);
                            items[j * width + k] += rate * (-g * u[k] - regularization * xj[k]);
                        }
                        if case.biases {
                            biases[i] += rate * (g - regularization * (biases[i] - correction(i)));
                            biases[j] += rate * (-g - regularization * (biases[j] - correction(j)));
                        }
                    }
                }
            }
        }
    }
    (users, items, biases, loss, count)
}

fn a_case() -> impl Strategy<Value = Case> {
    (1..most(30), 2..most(40), 1..40usize, 1..6usize, 1..6usize).prop_flat_map(
        |(users, items, rank, blocks, chunks)| {
            let row = prop::collection::btree_map(0..items as u32, 0.5f32..2.0, 0..items.min(12));
            (
                prop::collection::vec(row, users),
                any::<(bool, bool)>(),
                prop_oneof![Just(None), Just(Some(1.3f32))],
                prop::sample::select(Simd::available()),
            )
                .prop_map(move |(rows, (biases, weighted_negatives), visits, simd)| {
                    let mut indptr = vec![0];
                    indptr.extend(rows.iter().scan(0, |sum, row| {
                        *sum += row.len() as u64;
                        Some(*sum)
                    }));
                    let mut bounds: Vec<u32> = (0..=chunks).map(|chunk| (chunk * users / chunks) as u32).collect();
                    bounds.dedup();
                    Case {
                        indptr,
                        indices: rows.iter().flat_map(|row| row.keys().copied()).collect(),
                        weights: rows.iter().flat_map(|row| row.values().copied()).collect(),
                        items,
                        chunks: bounds,
                        blocks,
                        rank,
                        biases,
                        visits,
                        weighted_negatives,
                        simd,
                    }
                })
        },
    )
}

fn close(found: &[f32], expected: &[f64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        prop_assert!((f64::from(found) - expected).abs() < 2e-4, "value {}: {} is not {}", at, found, expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn an_epoch_is_that_of_two_nested_loops(case in a_case()) {
        let before = case.initial();
        let mut after = before.clone();
        case.run(&mut after, 1);
        let (users, items, biases, loss, samples) = naive(&case, &before);
        close(&after.users, &users)?;
        close(&after.items, &items)?;
        close(&after.biases, &biases)?;
        prop_assert_eq!(after.samples, samples);
        prop_assert!((after.loss - loss).abs() < 1e-4 * (1.0 + loss), "loss {} is not {}", after.loss, loss);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits(case in a_case()) {
        let mut expected = case.initial();
        case.run(&mut expected, 1);
        for threads in [2, 3] {
            let mut found = case.initial();
            case.run(&mut found, threads);
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_vector_that_is_folded_in_solves_its_equations(case in a_case()) {
        let width = case.rank;
        let model = case.initial();
        let items: Vec<f32> =
            model.items.chunks(stride(width)).flat_map(|row| row[..width].iter().copied()).collect();
        let row = |item: u32| &items[item as usize * width..][..width];
        let mut unobserved: Vec<f64> =
            gramian(&items, width, case.simd).iter().map(|product| 0.1 * product).collect();
        for i in 0..width {
            for j in 0..width {
                let exact: f64 =
                    (0..case.items as u32).map(|item| f64::from(row(item)[i]) * f64::from(row(item)[j])).sum();
                prop_assert!((unobserved[i * width + j] - 0.1 * exact).abs() < 1e-5);
            }
            unobserved[i * width + i] += 0.5;
        }
        prop_assert!(is_positive_definite(&unobserved, width));
        let fold_in = FoldIn { items: &items, unobserved: &unobserved, width };
        let mut scratch = Scratch::default();
        for user in 0..case.users() {
            let (history, weights) = case.csr().row(user);
            let mut found = vec![9.0; width];
            fold_in.solve(history, weights, &mut found, &mut scratch, case.simd).unwrap();
            let mean = weights.iter().sum::<f32>() / weights.len() as f32;
            // What is left of the equations, summed from their definition.
            for i in 0..width {
                let mut left: f64 = (0..width).map(|j| unobserved[i * width + j] * f64::from(found[j])).sum();
                for (&item, &weight) in history.iter().zip(weights) {
                    let score: f64 = row(item).iter().zip(&found).map(|(y, u)| f64::from(*y) * f64::from(*u)).sum();
                    left -= f64::from(weight / mean) * (1.0 - score) * f64::from(row(item)[i]);
                }
                prop_assert!(left.abs() < 1e-4, "{} left of equation {}", left, i);
            }
        }
    }
}

#[test]
fn histories_and_gramians_that_are_none_are_refused_in_words() {
    let items = [1.0, 0.0, 0.0, 1.0];
    let solve = |history: &[u32], weights: &[f32], unobserved: &[f64]| {
        let mut out = [0.0; 2];
        let fold_in = FoldIn { items: &items, unobserved, width: 2 };
        fold_in.solve(history, weights, &mut out, &mut Scratch::default(), Simd::detect()).map(|()| out)
    };
    let identity = [1.0, 0.0, 0.0, 1.0];
    assert_eq!(solve(&[0, 1], &[2.0, 2.0], &identity), Ok([0.5, 0.5]));
    assert_eq!(solve(&[], &[], &identity), Ok([0.0, 0.0]));
    assert_eq!(solve(&[2], &[1.0], &identity).unwrap_err(), "items of a history must be below 2, got 2");
    let weights = "weights of a history must be finite and above 0, but their mean is ";
    assert_eq!(solve(&[0], &[0.0], &identity).unwrap_err(), format!("{weights}0"));
    assert_eq!(solve(&[0, 1], &[-1.0, 2.0], &identity).unwrap_err(), format!("{weights}0.5"));
    assert!(
        solve(&[0], &[1.0], &[-9.0, 0.0, 0.0, 1.0]).unwrap_err().starts_with("the Gramian of the items is not one")
    );
    assert!(!is_positive_definite(&[-9.0, 0.0, 0.0, 1.0], 2) && !is_positive_definite(&[f64::NAN; 4], 2));
}

#[test]
fn many_epochs_put_what_users_have_above_what_they_have_not() {
    // Users and items of two kinds; each user lacks one item of its kind.
    let size = 24u32;
    let rows: Vec<Vec<u32>> =
        (0..size).map(|user| (0..size).filter(|item| item % 2 == user % 2 && *item != user).collect()).collect();
    let case = Case {
        indptr: (0..=u64::from(size)).map(|user| user * u64::from(size / 2 - 1)).collect(),
        indices: rows.concat(),
        weights: vec![1.0; rows.concat().len()],
        items: size as usize,
        chunks: vec![0, 10, size],
        blocks: 2,
        rank: 4,
        biases: true,
        visits: None,
        weighted_negatives: false,
        simd: Simd::detect(),
    };
    let mut model = case.initial();
    let mut losses = Vec::new();
    for _ in 0..if cfg!(miri) { 2 } else { 200 } {
        case.run(&mut model, 1);
        losses.push(model.loss / model.samples as f64);
    }
    assert!(losses[losses.len() - 1] < losses[0]);
    if !cfg!(miri) {
        assert!(losses[losses.len() - 1] < 0.1, "{losses:?}");
    }
}

#[test]
fn a_user_who_has_all_of_a_block_is_left_out() {
    let case = Case {
        indptr: vec![0, 3],
        indices: vec![0, 1, 2],
        weights: vec![1.0; 3],
        items: 3,
        chunks: vec![0, 1],
        blocks: 1,
        rank: 3,
        biases: true,
        visits: None,
        weighted_negatives: false,
        simd: Simd::detect(),
    };
    let mut model = case.initial();
    case.run(&mut model, 1);
    assert_eq!(model, case.initial());
}

#[test]
fn damaged_pairs_and_rooms_that_are_too_small_are_refused() {
    let deal = |indptr: &[u64], places: &[u32], room: usize| {
        let entries = Csr { indptr, indices: &[0, 1], weights: &[1.0, 2.0] };
        let deal = Deal { entries, places, blocks: 1, visits: None, key: 0 };
        deal.deal(0..1, &mut vec![0; 2 * room], &mut [0; 2]).unwrap_err()
    };
    assert_eq!(deal(&[0, 9], &[0, 1], 9), DealError::Matrix(CsrError::Pointers { row: 0 }));
    assert_eq!(deal(&[0, 2], &[0], 9), DealError::Matrix(CsrError::Column { row: 0, column: 1, columns: 1 }));
    assert_eq!(deal(&[0, 2], &[0, 1], 1).to_string(), "2 samples do not fit where there is room for 1");
    assert_eq!(deal(&[0, 2], &[0, 5 << 24], 9).to_string(), "blocks must be below 1, got 5");
}

#[test]
fn parts_that_do_not_fit_together_are_refused() {
    let whole = Epoch {
        samples: &[0, 0, 0, 1],
        rooms: &[0, 2],
        bounds: &[0, 1, 2],
        users: &[0, 1],
        order: &[0, 1],
        frequencies: None,
        blocks: 2,
        stride: 16,
        step: Step { rate: 0.1, regularization: 0.0, biases: false },
        key: 0,
    };
    assert_eq!(whole.check(), Ok(()));
    let length = |name, expected, got| Err(EpochError::Length { name, expected, got });
    assert_eq!(Epoch { rooms: &[0], ..whole }.check(), length("rooms", 2, 1));
    assert_eq!(Epoch { bounds: &[0, 1], ..whole }.check(), length("bounds", 3, 2));
    assert_eq!(Epoch { frequencies: Some(&[1.0]), ..whole }.check(), length("frequencies", 2, 1));
    assert_eq!(Epoch { rooms: &[0, 3], ..whole }.check(), Err(EpochError::Pointers { name: "rooms" }));
    assert_eq!(Epoch { bounds: &[0, 2, 1], ..whole }.check(), Err(EpochError::Pointers { name: "bounds" }));
    assert_eq!(Epoch { bounds: &[0, 1, 3], ..whole }.check(), Err(EpochError::Pointers { name: "bounds" }));
    assert_eq!(Epoch { users: &[1, 0], ..whole }.check(), Err(EpochError::Pointers { name: "users" }));

    let run = |samples: &[u32], order: &[u32]| {
        let epoch = Epoch { samples, order, ..whole };
        let (mut users, mut items) = (vec![0.0; 16], vec![0.0; 32]);
        let (users, items) = (Address::of(&mut users), Address::of(&mut items));
        let mut block = Block::default();
        // SAFETY: this thread alone has all.
        unsafe {
            epoch.enter(0, &mut Address::of(&mut []).rows(1), &mut block);
            epoch.run(0, &mut users.rows(16), &mut items.rows(16), &mut block, Simd::detect())
        }
    };
    assert_eq!(run(&[1, 0, 0, 1], &[0, 1]), Err(EpochError::Sample { user: 1, place: 0 }));
    assert_eq!(run(&[0, 1, 0, 1], &[0, 1]), Err(EpochError::Sample { user: 0, place: 1 }));
    assert_eq!(run(&[0, 0, 0, 1], &[0, 1]).map(|tally| tally.samples), Ok(0));
}
