//! Each column of B by itself: the regression of what comes next on those items that explain it best.
//!
//! With N the candidates of item j,
//!
//! ```text
//! (G_NN + Λ) b = C_Nj,   B_Nj = b,   B_ij = 0 elsewhere,   Λ_ii = λ + G_ii p / (1 − p)
//! ```
//!
//! which is SLIST where N is all items and p is 0. Else it is that of sessions of which each event is left out with the probability p,
//! as an autoencoder's dropout does it (Steck 2020, "Autoencoders that don't overfit towards the Identity"). Candidates are j itself, and
//! the i with the largest C_ij² / (G_ii + Λ_ii), which is by how much each alone would make the error smaller; none is one
//! that j never follows.

use super::Products;
use crate::accumulator::Accumulator;
use crate::csr::Csr;
use crate::elimination::Solve;
use crate::selection::Selection;
use crate::simd::Simd;

/// What the columns of B are fitted by.
pub struct Regression<'a> {
    /// Gives C.
    pub products: Products<'a>,
    /// G, whole rows in any order, which was checked.
    pub gramian: Csr<'a>,
    /// (items) Its diagonal.
    pub diagonal: &'a [f64],
    /// λ, above 0.
    pub regularization: f64,
    /// p, from 0 to below 1.
    pub dropout: f64,
    /// ξ: what an item may count for itself at most, from 0.
    pub most_own: f64,
}

/// Buffers kept from one call to the next.
#[derive(Default)]
pub struct Scratch {
    sums: Accumulator<f64>,
    selection: Selection,
    /// The candidates and their entries of C, by ascending item, that of the column last.
    chosen: Vec<(u32, f64)>,
    /// (items) The place of each candidate, from 1; else 0.
    places: Vec<u32>,
    /// (candidates × stride) The upper triangle of G_NN + Λ.
    system: Vec<f64>,
    right: Vec<f64>,
}

impl Products<'_> {
    /// Writes the entries of row `item` of G, in any order, and gives how many there are.
    ///
    /// # Errors
    /// Nothing where there is not room for all.
    pub fn gramian_row(
        &self,
        item: usize,
        indices: &mut [u32],
        weights: &mut [f32],
        Scratch { sums, .. }: &mut Scratch,
    ) -> Option<usize> {
        self.add_gramian(item, sums);
        let mut count = 0;
        sums.drain(|other, sum| {
            if let (Some(index), Some(weight)) = (indices.get_mut(count), weights.get_mut(count)) {
                (*index, *weight) = (other, sum as f32);
            }
            count += 1;
        });
        (count <= indices.len()).then_some(count)
    }
}

impl Regression<'_> {
    /// Writes the items that column `item` of B rests on beside itself to `indices`, ascending, and their entries to `weights`, where these are
    /// above 0; gives how many there are. Candidates are as many as there is room for.
    ///
    /// In double precision, rounded once: the same bits however the items are divided. Costs, with m candidates, m³/3 operations.
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
    ) -> Option<usize> {
        self.choose(item, indices.len(), scratch);
        let stride = scratch.chosen.len().next_multiple_of(8);
        self.fill_system(stride, scratch);
        let Scratch { chosen, system, right, .. } = scratch;
        right.clear();
        right.extend(chosen.iter().map(|&(_, sum)| sum));
        if !simd.run(Solve { system, stride, x: right, most_of_last: self.most_own }) {
            return None;
        }
        let mut count = 0;
        for (&(other, _), &x) in chosen.iter().zip(&*right) {
            let weight = x as f32;
            if !weight.is_finite() {
                return None;
            }
            if weight > 0.0 && other as usize != item {
                (indices[count], weights[count]) = (other, weight);
                count += 1;
            }
        }
        Some(count)
    }

    /// G_ii + Λ_ii.
    fn regularized(&self, item: u32) -> f64 {
        self.diagonal[item as usize] / (1.0 - self.dropout) + self.regularization
    }

    /// Finds the candidates of `item`.
    fn choose(&self, item: usize, limit: usize, Scratch { sums, selection, chosen, .. }: &mut Scratch) {
        self.products.add_targets(item, sums);
        let own = sums.take(item as u32);
        selection.reset(limit);
        chosen.clear();
        sums.drain(|other, sum| {
            let gain = sum / self.regularized(other).sqrt();
            selection.offer(other, gain as f32);
            chosen.push((other, sum));
        });
        let mut best: Vec<u32> = selection.sorted().map(|(other, _)| other).collect();
        best.sort_unstable();
        chosen.retain(|(other, _)| best.binary_search(other).is_ok());
        chosen.sort_unstable_by_key(|&(other, _)| other);
        chosen.push((item as u32, own));
    }

    /// Writes the upper triangle of G_NN + Λ, N the candidates that are chosen.
    fn fill_system(&self, stride: usize, Scratch { chosen, places, system, .. }: &mut Scratch) {
        places.resize(self.products.items(), 0);
        system.clear();
        system.resize(chosen.len() * stride, 0.0);
        for (n, &(candidate, _)) in (1..).zip(&*chosen) {
            places[candidate as usize] = n;
        }
        for (n, &(candidate, _)) in chosen.iter().enumerate() {
            let row = &mut system[n * stride..(n + 1) * stride];
            let (others, weights) = self.gramian.row(candidate as usize);
            for (&other, &weight) in others.iter().zip(weights) {
                let place = places[other as usize] as usize;
                if place > n + 1 {
                    row[place - 1] = f64::from(weight);
                }
            }
            row[n] = self.regularized(candidate);
        }
        for &(candidate, _) in &*chosen {
            places[candidate as usize] = 0;
        }
    }
}
