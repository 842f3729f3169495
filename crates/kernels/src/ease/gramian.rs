//! XᵀX + λI of sparse interactions, row by row.

use super::tiles::Tiles;
use crate::csr::{Csr, CsrError};

/// Interactions both ways.
#[derive(Clone, Copy)]
pub struct Interactions<'a> {
    pub(super) by_item: Csr<'a>,
    pub(super) by_user: Csr<'a>,
    weighted: bool,
}

impl<'a> Interactions<'a> {
    /// `by_item` is (items × users), `by_user` the same matrix transposed; columns rise in each row. Pairs count 1, or their
    /// weight where `weighted`. Reads both whole.
    ///
    /// # Errors
    /// Names the first row that is damaged.
    pub fn new(by_item: Csr<'a>, by_user: Csr<'a>, weighted: bool) -> Result<Self, CsrError> {
        by_item.check(by_user.rows())?;
        by_user.check(by_item.rows())?;
        Ok(Interactions { by_item, by_user, weighted })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.by_item.rows()
    }

    /// What a pair of this weight counts.
    #[inline(always)]
    pub(super) fn value(&self, weight: f32) -> f64 {
        if self.weighted { f64::from(weight) } else { 1.0 }
    }

    /// The mean over all pairs of G_ii of the pair's item, G = XᵀX: of the users that it has, with weights of the sum of their
    /// squares. 0 where there are no pairs.
    pub fn mean_diagonal(&self) -> f64 {
        let (mut pairs, mut sum) = (0, 0.0);
        for item in 0..self.items() {
            let weights = self.by_item.row(item).1;
            let diagonal: f64 = weights.iter().map(|&weight| self.value(weight).powi(2)).sum();
            pairs += weights.len();
            sum += diagonal * weights.len() as f64;
        }
        if pairs == 0 { 0.0 } else { sum / pairs as f64 }
    }

    /// Writes to `costs` (rows + 1) where each item's additions begin when those of all are counted; rows beyond the items
    /// have none. Costs O(pairs).
    pub fn additions(&self, costs: &mut [u64]) {
        costs[0] = 0;
        for item in 0..costs.len() - 1 {
            let users = if item < self.items() { self.by_item.row(item).0 } else { &[] };
            let additions: usize = users.iter().map(|&user| self.by_user.row(user as usize).0.len()).sum();
            costs[item + 1] = costs[item] + additions as u64;
        }
    }

    /// Writes to `row` the columns 0..row.len() of row `item` of XᵀX + λI, or of the identity where it is beyond the items.
    /// `row` reaches the item at least.
    ///
    /// Sums in double precision, by ascending user. Costs an addition at a random place for each pair of each user of the item.
    pub fn gramian_row(&self, item: usize, regularization: f64, row: &mut [f32], sums: &mut Vec<f64>) {
        if item >= self.items() {
            row.fill(0.0);
            row[item] = 1.0;
            return;
        }
        sums.clear();
        sums.resize(row.len(), 0.0);
        sums[item] = regularization;
        let (users, weights) = self.by_item.row(item);
        for (&user, &weight) in users.iter().zip(weights) {
            let own = self.value(weight);
            let (others, weights) = self.by_user.row(user as usize);
            for (&other, &weight) in others.iter().zip(weights) {
                match sums.get_mut(other as usize) {
                    Some(sum) => *sum += own * self.value(weight),
                    // They rise: all that follow are beyond, too.
                    None => break,
                }
            }
        }
        for (value, sum) in row.iter_mut().zip(sums.iter()) {
            *value = *sum as f32;
        }
    }

    /// The greatest of |(XᵀX + λI) P − I| in column `item` of the inverse, which is −`swept` (items), relative to 1: 0 where
    /// it is exact. NaN where the column is.
    pub fn inverse_error(&self, item: usize, regularization: f64, swept: &[f32]) -> f64 {
        let inverse = |i: usize| -f64::from(swept[i]);
        let sum = |matrix: Csr<'_>, row: usize, of: &dyn Fn(usize) -> f64| -> f64 {
            let (columns, weights) = matrix.row(row);
            columns.iter().zip(weights).map(|(&column, &weight)| self.value(weight) * of(column as usize)).sum()
        };
        let users: Vec<f64> = (0..self.by_user.rows()).map(|user| sum(self.by_user, user, &inverse)).collect();
        let mut greatest = 0.0;
        for i in 0..self.items() {
            let product = sum(self.by_item, i, &|user| users[user]) + regularization * inverse(i);
            let error = (product - f64::from(u8::from(i == item))).abs();
            if error.is_nan() {
                return error;
            }
            greatest = f64::max(greatest, error);
        }
        greatest
    }
}

/// Copies `row`, the row of an item from [`Interactions::gramian_row`] up to the end of its diagonal tile, into the tiles: `each` is
/// given the place of the first value in the triangle, in rows of tiles, and the values.
pub fn scatter_row(tiles: Tiles, item: usize, row: &[f32], mut each: impl FnMut(usize, &[f32])) {
    let (tile_row, inside) = (item / tiles.size, item % tiles.size);
    for (column, values) in row.chunks_exact(tiles.size).enumerate() {
        each(Tiles::number(tile_row, column) * tiles.size + inside, values);
    }
}
