//! Draws from a discrete distribution in O(1), by the alias method (Walker 1977; built as Vose 1991 does).

use super::MOST_ROWS;

/// Writes the table of `weights` to `table`, two words a row: how often, of 2³², a draw of the row stays there, and the row
/// that it goes to otherwise. Rows of weight 0 are never drawn.
///
/// # Errors
/// When a weight is negative or not finite, all are 0, or the sizes do not fit.
pub fn build(weights: &[f64], table: &mut [u32]) -> Result<(), String> {
    let rows = weights.len();
    if table.len() != 2 * rows || rows == 0 || rows > MOST_ROWS {
        return Err(format!(
            "{rows} weights, from 1 to {MOST_ROWS}, need a table of twice as many words, got {}",
            table.len()
        ));
    }
    if let Some((row, weight)) = weights.iter().enumerate().find(|(_, weight)| !(**weight >= 0.0 && weight.is_finite()))
    {
        return Err(format!("weights must be finite and not below 0, but row {row} has {weight}"));
    }
    let sum: f64 = weights.iter().sum();
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(format!("the weights must have a finite sum above 0, got {sum}"));
    }
    let mut shares: Vec<f64> = weights.iter().map(|weight| weight / sum * rows as f64).collect();
    let (mut small, mut large): (Vec<u32>, Vec<u32>) = (0..rows as u32).partition(|&row| shares[row as usize] < 1.0);
    while let (Some(&poor), Some(&rich)) = (small.last(), large.last()) {
        small.pop();
        let share = shares[poor as usize];
        table[2 * poor as usize] = (share * 4_294_967_296.0) as u32; // saturates
        table[2 * poor as usize + 1] = rich;
        shares[rich as usize] -= 1.0 - share;
        if shares[rich as usize] < 1.0 {
            large.pop();
            small.push(rich);
        }
    }
    // What is left has a share of 1 but for rounding. A row without weight may be among it by rounding alone.
    let heaviest = (0..rows).max_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or(0) as u32;
    for row in small.into_iter().chain(large) {
        let at = 2 * row as usize;
        let target = if weights[row as usize] > 0.0 { row } else { heaviest };
        (table[at], table[at + 1]) = (if target == row { u32::MAX } else { 0 }, target);
    }
    Ok(())
}

/// The row that 64 random bits draw.
///
/// # Panics
/// Where the table is empty.
#[inline(always)]
pub fn draw(table: &[u32], random: u64) -> u32 {
    let rows = (table.len() / 2) as u64;
    let row = ((random >> 32) * rows) >> 32;
    let at = 2 * row as usize;
    if (random as u32) < table[at] { row as u32 } else { table[at + 1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use proptest::prelude::*;

    /// The probability of each row, from the table itself.
    fn probabilities(table: &[u32]) -> Vec<f64> {
        let rows = table.len() / 2;
        let mut sums = vec![0.0; rows];
        for (row, cell) in table.chunks(2).enumerate() {
            let stays = f64::from(cell[0]) / 4_294_967_296.0;
            sums[row] += stays / rows as f64;
            sums[cell[1] as usize] += (1.0 - stays) / rows as f64;
        }
        sums
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn each_row_is_drawn_in_proportion_to_its_weight(
            weights in prop::collection::vec(prop_oneof![Just(0.0), 0.1..3.0, 1e-6..1e6], 1..40),
        ) {
            prop_assume!(weights.iter().any(|&weight| weight > 0.0));
            let mut table = vec![0; 2 * weights.len()];
            build(&weights, &mut table).unwrap();
            let sum: f64 = weights.iter().sum();
            for (found, weight) in probabilities(&table).iter().zip(&weights) {
                prop_assert!((found - weight / sum).abs() < 1e-8, "{found} for {weight} of {sum}");
            }
        }
    }

    #[test]
    fn draws_follow_the_table() {
        let mut table = vec![0; 6];
        build(&[1.0, 0.0, 3.0], &mut table).unwrap();
        let mut counts = [0; 3];
        let mut random = super::super::Random::at(1, 2);
        for _ in 0..4000 {
            counts[draw(&table, random.next()) as usize] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2800..3200).contains(&counts[2]), "{counts:?}");
    }

    #[test]
    fn what_is_no_distribution_is_refused_in_words() {
        let refused = |weights: &[f64], words| build(weights, &mut vec![0; words]).unwrap_err();
        assert!(refused(&[], 0).contains("0 weights"));
        assert!(refused(&[1.0], 3).contains("got 3"));
        assert!(refused(&[1.0, -1.0], 4).contains("row 1 has -1"));
        assert!(refused(&[0.0, 0.0], 4).contains("got 0"));
        assert!(refused(&[f64::NAN], 2).contains("NaN"));
    }
}
