//! Ids by index, and the order that sorts them.

use std::cmp::Ordering;
use std::fmt;

/// Why ids or their order are refused. Places count in the order, indices in the ids, both from 0.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrderError {
    /// There are as many ids as places, or they do not belong together.
    Length { ids: usize, places: usize },
    /// There is no such id.
    Index { place: usize, index: u32, size: usize },
    /// The string does not lie in the buffer of strings.
    Offsets { index: u32 },
    /// The id is not above the one before.
    Order { place: usize },
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderError::Length { ids, places } => write!(f, "an order of {places} places does not fit {ids} ids"),
            OrderError::Index { place, index, size } => {
                write!(f, "place {place} of the order names index {index} of {size}")
            }
            OrderError::Offsets { index } => write!(f, "the string at index {index} does not lie in its buffer"),
            OrderError::Order { place } => write!(f, "the ids do not ascend by their order at place {place}"),
        }
    }
}

impl std::error::Error for OrderError {}

/// The index of `wanted` among `ids`, which `order` sorts. O(log ids).
pub fn find_integer(ids: &[i64], order: &[u32], wanted: i64) -> Option<u32> {
    find(order, |index| ids.get(index).map(|id| id.cmp(&wanted)))
}

/// The index of `wanted` among strings, which `order` sorts by their bytes. String `i` is
/// `bytes[offsets[i]..offsets[i + 1]]`. O(log strings).
pub fn find_string(offsets: &[i32], bytes: &[u8], order: &[u32], wanted: &[u8]) -> Option<u32> {
    find(order, |index| string_at(offsets, bytes, index).map(|id| id.cmp(wanted)))
}

/// `compare` says how the id at an index compares with what is wanted; nothing where there is none, and then none is found.
fn find(order: &[u32], compare: impl Fn(usize) -> Option<Ordering>) -> Option<u32> {
    let (mut low, mut high) = (0, order.len());
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(order[middle] as usize)? {
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
            Ordering::Equal => return Some(order[middle]),
        }
    }
    None
}

fn string_at<'a>(offsets: &[i32], bytes: &'a [u8], index: usize) -> Option<&'a [u8]> {
    let begin = usize::try_from(*offsets.get(index)?).ok()?;
    let end = usize::try_from(*offsets.get(index + 1)?).ok()?;
    bytes.get(begin..end)
}

/// Checks that `order` sorts `ids`, all of them distinct.
///
/// # Errors
/// Names the first place that breaks the order.
pub fn check_integers(ids: &[i64], order: &[u32]) -> Result<(), OrderError> {
    check(ids.len(), order, |index| ids.get(index))
}

/// Checks that `order` sorts strings by their bytes, all of them distinct. String `i` is
/// `bytes[offsets[i]..offsets[i + 1]]`.
///
/// # Errors
/// Names the first place that breaks the order.
pub fn check_strings(offsets: &[i32], bytes: &[u8], order: &[u32]) -> Result<(), OrderError> {
    check(offsets.len().saturating_sub(1), order, |index| string_at(offsets, bytes, index))
}

/// Ids that all ascend are distinct, and so are their indices: as many as there are ids, none is missing. `id_at` gives
/// nothing where the id is damaged.
fn check<Id: Ord>(ids: usize, order: &[u32], id_at: impl Fn(usize) -> Option<Id>) -> Result<(), OrderError> {
    if ids != order.len() {
        return Err(OrderError::Length { ids, places: order.len() });
    }
    let mut before = None;
    for (place, &index) in order.iter().enumerate() {
        if index as usize >= ids {
            return Err(OrderError::Index { place, index, size: ids });
        }
        let id = id_at(index as usize).ok_or(OrderError::Offsets { index })?;
        if before.as_ref().is_some_and(|before| *before >= id) {
            return Err(OrderError::Order { place });
        }
        before = Some(id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_does_not_sort_is_refused_by_place() {
        let ids = [30, -10, 20];
        let (offsets, bytes) = ([0, 1, 1, 3], b"bab"); // "b", "", "ab"
        for (order, expected) in [
            ([1, 2, 0], Ok(())),
            ([1, 0, 2], Err(OrderError::Order { place: 2 })),
            ([1, 1, 0], Err(OrderError::Order { place: 1 })),
            ([1, 2, 3], Err(OrderError::Index { place: 2, index: 3, size: 3 })),
        ] {
            assert_eq!(check_integers(&ids, &order), expected);
            assert_eq!(check_strings(&offsets, bytes, &order), expected);
        }
        assert_eq!(check_integers(&ids, &[1]), Err(OrderError::Length { ids: 3, places: 1 }));
        assert_eq!(check_strings(&[], b"", &[]), Ok(()));
    }

    #[test]
    fn a_string_outside_of_its_buffer_is_refused_by_index() {
        for offsets in [[0, 1, 9], [0, 2, 1], [0, -1, 1]] {
            assert!(matches!(check_strings(&offsets, b"ab", &[0, 1]), Err(OrderError::Offsets { .. })), "{offsets:?}");
        }
    }

    #[test]
    fn what_is_found_is_what_a_look_at_all_finds() {
        let ids = [30, -10, 20, i64::MAX, i64::MIN];
        let order = [4, 1, 2, 0, 3];
        for wanted in [30, -10, 20, i64::MAX, i64::MIN, 0, 31, -11] {
            let expected = ids.iter().position(|&id| id == wanted).map(|index| index as u32);
            assert_eq!(find_integer(&ids, &order, wanted), expected);
        }
        let (offsets, bytes, order) = ([0, 1, 1, 3, 5], b"bab\xffa", [1, 2, 0, 3]); // "b", "", "ab", "\xffa"
        let strings: [&[u8]; 4] = [b"b", b"", b"ab", b"\xffa"];
        for wanted in strings.into_iter().chain([b"a".as_slice(), b"abc", b"\xff", b"\xffb"]) {
            let expected = strings.iter().position(|&id| id == wanted).map(|index| index as u32);
            assert_eq!(find_string(&offsets, bytes, &order, wanted), expected);
        }
        assert_eq!(find_string(&[], b"", &[], b"a"), None);
        // Damaged: nothing is found, and nothing is read outside.
        assert_eq!(find_string(&[0, 9], b"a", &[0], b"a"), None);
        assert_eq!(find_integer(&[1], &[7], 1), None);
    }
}
