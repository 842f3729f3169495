//! Rows of B from the swept matrix S = −P: B_ij = S_ij / P_jj.

use super::tiles::Tiles;
use std::ops::Range;

/// Writes to `residuals` (items) 1 / P_jj of each item: the error that remains of its column.
pub fn residuals(swept: &[f32], tiles: Tiles, residuals: &mut [f32]) {
    assert_eq!(residuals.len(), tiles.items);
    for (item, residual) in residuals.iter_mut().enumerate() {
        *residual = -1.0 / tiles.value(swept, item, item);
    }
}

/// Rows that are best taken at a time: below the diagonal tile they lie in columns, of which each cache line has so many.
pub const ROWS: usize = 16;

/// Writes to `to` (rows × items) rows of S.
pub fn swept_rows(swept: &[f32], tiles: Tiles, rows: Range<usize>, to: &mut [f32]) {
    let Tiles { items, size } = tiles;
    assert!(rows.end <= items && to.len() == rows.len() * items);
    for (row, to) in rows.clone().zip(to.chunks_exact_mut(items.max(1))) {
        let (tile_row, inside) = (row / size, row % size);
        for (column, to) in to[..row + 1].chunks_mut(size).enumerate() {
            let from = Tiles::number(tile_row, column) * tiles.area() + inside * size;
            to.copy_from_slice(&swept[from..from + to.len()]);
        }
    }
    // Right of the diagonal: what lies below it in their columns.
    for other in rows.start..items {
        let (tile_row, inside) = (other / size, other % size);
        for column in rows.start / size..=(rows.end.saturating_sub(1) / size).min(tile_row) {
            let from = Tiles::number(tile_row, column) * tiles.area() + inside * size;
            let first = rows.start.max(column * size);
            let end = rows.end.min((column + 1) * size).min(other);
            for row in first..end.max(first) {
                to[(row - rows.start) * items + other] = swept[from + row - column * size];
            }
        }
    }
}

/// Writes to `to` (rows × items) rows of B.
pub fn rows(swept: &[f32], tiles: Tiles, residuals: &[f32], rows: Range<usize>, to: &mut [f32]) {
    assert_eq!(residuals.len(), tiles.items);
    swept_rows(swept, tiles, rows.clone(), to);
    for (row, to) in rows.zip(to.chunks_exact_mut(tiles.items.max(1))) {
        for (value, residual) in to.iter_mut().zip(residuals) {
            *value *= residual;
        }
        to[row] = 0.0;
    }
}

/// Keeps the entries of `row` that are largest in absolute value, at most as many as `indices` and `weights` have room for, of equal ones
/// the first; writes them by ascending index and gives their number. Zeros are not kept.
pub fn largest(row: &[f32], indices: &mut [u32], weights: &mut [f32], keys: &mut Vec<u64>) -> usize {
    let limit = indices.len();
    assert_eq!(weights.len(), limit);
    keys.clear();
    // Absolute values are ordered as their bits are.
    keys.extend(
        (0u32..)
            .zip(row)
            .filter(|(_, value)| **value != 0.0)
            .map(|(index, value)| u64::from(value.abs().to_bits()) << 32 | u64::from(!index)),
    );
    if let (true, Some(last)) = (keys.len() > limit, limit.checked_sub(1)) {
        keys.select_nth_unstable_by(last, |a, b| b.cmp(a));
    }
    keys.truncate(limit);
    keys.sort_unstable_by_key(|&key| !(key as u32));
    for ((index, weight), &key) in indices.iter_mut().zip(weights).zip(keys.iter()) {
        *index = !(key as u32);
        *weight = row[*index as usize];
    }
    keys.len()
}
