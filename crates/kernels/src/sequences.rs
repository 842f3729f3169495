//! Events of many rows, one after the other in order of time.

use std::fmt;

/// Borrowed sequences: the events of row `r` are `items[indptr[r]..indptr[r + 1]]`, with equal places in the other slices.
#[derive(Clone, Copy, Debug)]
pub struct Sequences<'a> {
    /// Where each row begins, and where the last ends: rows + 1 values, never falling, from 0 to the number of events.
    pub indptr: &'a [u64],
    /// The column of each event.
    pub items: &'a [u32],
    /// The time of each event, never falling within a row.
    pub times: &'a [i64],
    /// The weight of each event, where they have any.
    pub weights: Option<&'a [f32]>,
}

/// Why sequences are refused. Rows are counted from 0.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum SequencesError {
    /// The row ends before it begins, or after all events.
    Pointers { row: usize, end: u64 },
    /// There are fewer times or weights than items.
    Lengths { items: usize, least: usize },
    /// An event's column is out of range.
    Column { row: usize, column: u32, columns: usize },
    /// The times of a row fall.
    Order { row: usize },
    /// A weight is not finite.
    Weight { row: usize, weight: f32 },
}

impl fmt::Display for SequencesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SequencesError::Pointers { row, end } => {
                write!(f, "row {row} ends at {end}, before it begins or after all events")
            }
            SequencesError::Lengths { items, least } => {
                write!(f, "{items} items need as many times and weights, got {least}")
            }
            SequencesError::Column { row, column, columns } => {
                write!(f, "row {row} names column {column} of {columns}")
            }
            SequencesError::Order { row } => write!(f, "the times of row {row} do not ascend"),
            SequencesError::Weight { row, weight } => write!(f, "row {row} has the weight {weight}"),
        }
    }
}

impl std::error::Error for SequencesError {}

impl Sequences<'_> {
    /// Reads all events.
    ///
    /// # Errors
    /// Names the first row that breaks a rule.
    pub fn check(&self, columns: usize) -> Result<(), SequencesError> {
        let least = self.times.len().min(self.weights.map_or(usize::MAX, <[f32]>::len));
        if least < self.items.len() {
            return Err(SequencesError::Lengths { items: self.items.len(), least });
        }
        self.indptr.windows(2).enumerate().try_for_each(|(row, bounds)| {
            let (begin, end) = (bounds[0], bounds[1]);
            if begin > end || end > self.items.len() as u64 {
                return Err(SequencesError::Pointers { row, end });
            }
            let events = begin as usize..end as usize;
            if let Some(&column) = self.items[events.clone()].iter().find(|&&column| column as usize >= columns) {
                return Err(SequencesError::Column { row, column, columns });
            }
            if !self.times[events.clone()].is_sorted() {
                return Err(SequencesError::Order { row });
            }
            match self.weights.and_then(|weights| weights[events].iter().find(|weight| !weight.is_finite())) {
                Some(&weight) => Err(SequencesError::Weight { row, weight }),
                None => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_that_is_broken_is_named_by_row() {
        let whole =
            Sequences { indptr: &[0, 2, 2, 3], items: &[1, 0, 1], times: &[-5, 7, 6], weights: Some(&[1.0; 3]) };
        assert_eq!(whole.check(2), Ok(()));
        assert_eq!(Sequences { weights: None, ..whole }.check(2), Ok(()));
        assert_eq!(whole.check(1), Err(SequencesError::Column { row: 0, column: 1, columns: 1 }));
        let beyond = Sequences { indptr: &[0, 2, 2, 4], ..whole };
        assert_eq!(beyond.check(2), Err(SequencesError::Pointers { row: 2, end: 4 }));
        let falling = Sequences { indptr: &[0, 2, 1, 3], ..whole };
        assert_eq!(falling.check(2), Err(SequencesError::Pointers { row: 1, end: 1 }));
        assert_eq!(Sequences { times: &[7, 6, 6], ..whole }.check(2), Err(SequencesError::Order { row: 0 }));
        let few = Sequences { times: &[7], ..whole };
        assert_eq!(few.check(2), Err(SequencesError::Lengths { items: 3, least: 1 }));
        let endless = Sequences { weights: Some(&[1.0, 1.0, f32::INFINITY]), ..whole };
        assert_eq!(endless.check(2), Err(SequencesError::Weight { row: 2, weight: f32::INFINITY }));
    }
}
