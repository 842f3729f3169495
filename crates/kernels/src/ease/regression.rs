//! Each column of B by itself: the regression of an item on those others that explain it best.
//!
//! With N the candidates of item j and G = XᵀX,
//!
//! ```text
//! (G_NN + λI) b = G_Nj,   B_Nj = b,   B_ij = 0 elsewhere
//! ```
//!
//! which is EASE where N is all other items, and needs no matrix of items × items: SLIM with features selected beforehand (Ning & Karypis
//! 2011, section V-B) and a closed form. Candidates of j are the i with the largest G_ij² / (G_ii + λ), which is by how much each alone
//! would make the error smaller; none is one that no user has beside j.
//!
//! Steck 2019b ("Markov Random Fields for Collaborative Filtering") inverts blocks of the items that a threshold on correlations
//! connects, and averages what overlaps; this costs about as much and has nothing to average, since each column is solved for exactly.

use super::gramian::Interactions;
use crate::accumulator::Accumulator;
use crate::elimination::Solve;
use crate::selection::Selection;
use crate::simd::Simd;

/// What the columns of B are fitted by.
#[derive(Clone, Copy)]
pub struct Regression<'a> {
    /// X both ways.
    pub interactions: Interactions<'a>,
    /// (items) The diagonal of XᵀX, from [`Interactions::diagonal`].
    pub diagonal: &'a [f64],
    /// λ, above 0.
    pub regularization: f64,
    /// Items that a column may rest on, at most as many.
    pub candidates: usize,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    sums: Accumulator<f64>,
    selection: Selection,
    /// The candidates and the sums of their products with the item, by ascending item.
    chosen: Vec<(u32, f64)>,
    /// (users) For each user that has a candidate its place among these, from 1; else 0.
    places: Vec<u32>,
    /// Users that have a candidate, in the order in which they are met.
    users: Vec<u32>,
    /// (users of these + 1) Where the entries of each begin.
    starts: Vec<u32>,
    /// The candidates of each user, by ascending item, and what their pairs count.
    entries: Vec<(u32, f32)>,
    /// (candidates × stride) The upper triangle of G_NN + λI.
    system: Vec<f64>,
    right: Vec<f64>,
}

impl Interactions<'_> {
    /// Writes the diagonal of XᵀX to `diagonal` (items).
    pub fn diagonal(&self, diagonal: &mut [f64]) {
        for (item, value) in diagonal.iter_mut().enumerate() {
            *value = self.by_item.row(item).1.iter().map(|&weight| self.value(weight) * self.value(weight)).sum();
        }
    }
}

impl Regression<'_> {
    /// Writes the items that column `item` of B rests on to `indices`, ascending, and their entries to `weights`; gives how many there
    /// are, at most as many as there is room for, and the residual 1 / P_jj.
    ///
    /// In double precision, rounded once: the same bits however the items are divided. Costs, with m candidates, m³/3 operations,
    /// an addition for each pair of each user of the item, and one for each pair of candidates that a user has.
    ///
    /// # Errors
    /// Nothing where the system is not positive definite in double precision, or not finite.
    pub fn column(
        &self,
        item: usize,
        indices: &mut [u32],
        weights: &mut [f32],
        scratch: &mut Scratch,
        simd: Simd,
    ) -> Option<(usize, f64)> {
        self.choose(item, indices.len().min(self.candidates), scratch);
        let Scratch { chosen, system, right, .. } = scratch;
        let (count, stride) = (chosen.len(), chosen.len().next_multiple_of(8));
        system.clear();
        system.resize(count * stride, 0.0);
        right.clear();
        right.extend(chosen.iter().map(|&(_, sum)| sum));
        self.fill_system(stride, scratch);
        let Scratch { chosen, system, right, .. } = scratch;
        if !simd.run(Solve { system, stride, x: right, most_of_last: f64::INFINITY }) {
            return None;
        }
        let own = self.diagonal[item] + self.regularization;
        let residual = own - chosen.iter().zip(&*right).map(|(&(_, sum), x)| sum * x).sum::<f64>();
        for (((index, weight), &(other, _)), &x) in indices.iter_mut().zip(&mut *weights).zip(&*chosen).zip(&*right) {
            *index = other;
            *weight = x as f32;
        }
        let is_sound =
            residual > 0.0 && residual.is_finite() && weights[..count].iter().all(|weight| weight.is_finite());
        is_sound.then_some((count, residual))
    }

    /// Finds the candidates of `item`.
    fn choose(&self, item: usize, limit: usize, scratch: &mut Scratch) {
        let Interactions { by_item, by_user, .. } = self.interactions;
        let Scratch { sums, selection, chosen, .. } = scratch;
        sums.grow(by_item.rows());
        let (users, weights) = by_item.row(item);
        for (&user, &weight) in users.iter().zip(weights) {
            let own = self.interactions.value(weight);
            let (others, weights) = by_user.row(user as usize);
            // Above 0 also where a damaged file holds 0 or NaN.
            sums.add(others, |k| (own * self.interactions.value(weights[k])).max(f64::MIN_POSITIVE));
        }
        sums.take(item as u32);
        selection.reset(limit);
        let gain = |other: u32, sum: f64| sum / (self.diagonal[other as usize] + self.regularization).sqrt();
        chosen.clear();
        sums.drain(|other, sum| {
            selection.offer(other, gain(other, sum) as f32);
            chosen.push((other, sum));
        });
        let mut best: Vec<u32> = selection.sorted().map(|(other, _)| other).collect();
        best.sort_unstable();
        chosen.retain(|(other, _)| best.binary_search(other).is_ok());
        chosen.sort_unstable_by_key(|&(other, _)| other);
    }

    /// Writes the upper triangle of G_NN + λI, N the candidates that are chosen.
    fn fill_system(&self, stride: usize, scratch: &mut Scratch) {
        let Interactions { by_item, by_user, .. } = self.interactions;
        let Scratch { chosen, places, users, starts, entries, system, .. } = scratch;
        places.resize(by_user.rows(), 0);
        users.clear();
        starts.clear();
        starts.push(0);
        // Counted, then filled: the candidates of a user come to lie side by side, by ascending item.
        for &(candidate, _) in &*chosen {
            for &user in by_item.row(candidate as usize).0 {
                let place = &mut places[user as usize];
                if *place == 0 {
                    users.push(user);
                    starts.push(0);
                    *place = users.len() as u32;
                }
                starts[*place as usize] += 1;
            }
        }
        let mut end = 0;
        for start in &mut *starts {
            (*start, end) = (end, end + *start);
        }
        // Now place p has its start at p, and p + 1 is where it ends once it is filled.
        entries.clear();
        entries.resize(end as usize, (0, 0.0));
        for (n, &(candidate, _)) in (0u32..).zip(&*chosen) {
            let (of, weights) = by_item.row(candidate as usize);
            for (&user, &weight) in of.iter().zip(weights) {
                let next = &mut starts[places[user as usize] as usize];
                entries[*next as usize] = (n, weight);
                *next += 1;
            }
        }
        for bounds in starts.windows(2) {
            let own = &entries[bounds[0] as usize..bounds[1] as usize];
            for (at, &(i, a)) in own.iter().enumerate() {
                let row = &mut system[i as usize * stride..(i as usize + 1) * stride];
                let a = self.interactions.value(a);
                for &(j, b) in &own[at + 1..] {
                    row[j as usize] += a * self.interactions.value(b);
                }
            }
        }
        for user in &*users {
            places[*user as usize] = 0;
        }
        for (n, &(candidate, _)) in chosen.iter().enumerate() {
            system[n * stride + n] = self.diagonal[candidate as usize] + self.regularization;
        }
    }
}
