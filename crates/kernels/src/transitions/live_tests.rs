//! The table beside a map, and beside a writer on another thread.

use super::live::{ENTRIES, LiveRow, LiveTable, Moment, live_words};
use super::{LiveScratch, LiveTransitions, Steps};
use crate::csr::Csr;
use crate::request::Request;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const AT: Moment = Moment { now: 0, half_life: f32::INFINITY };

fn memory(rows: usize, slabs: usize) -> Vec<AtomicU32> {
    (0..live_words(rows, slabs)).map(|_| AtomicU32::new(0)).collect()
}

fn read(table: &LiveTable<'_>, row: u32) -> (BTreeMap<u32, f32>, f32) {
    let mut found = LiveRow::default();
    table.read(row, &mut found);
    let counts = found.items.iter().copied().zip(found.counts.iter().copied());
    (counts.collect(), found.total)
}

proptest! {
    #![proptest_config(crate::cases(64))]

    #[test]
    fn rows_are_sums_of_what_was_counted_by_its_age(
        steps in prop::collection::vec((0..5u32, 0..9u32, 0..100u32), 0..crate::most(200)),
        half_life in prop::sample::select(vec![f32::INFINITY, 50.0]),
    ) {
        let words = memory(5, 5);
        let table = LiveTable::new(&words, 5, 5).unwrap();
        let mut expected = vec![BTreeMap::new(); 5];
        let mut now = 0;
        for &(row, item, passed) in &steps {
            now += passed;
            table.count(row, item, 1.5, Moment { now, half_life });
            expected[row as usize].entry(item).or_insert_with(Vec::new).push(now);
        }
        for (row, items) in expected.iter().enumerate() {
            let latest = items.values().flatten().max().copied().unwrap_or(0);
            let count = |times: &Vec<u32>| -> f64 {
                times.iter().map(|&at| 1.5 * (-(f64::from(latest - at)) / f64::from(half_life)).exp2()).sum()
            };
            let (found, total) = read(&table, row as u32);
            prop_assert_eq!(found.len(), items.len());
            let sum: f64 = items.values().map(count).sum();
            prop_assert!((f64::from(total) - sum).abs() <= 1e-4 * sum + 1e-30);
            for (item, times) in items {
                prop_assert!((f64::from(found[item]) - count(times)).abs() <= 1e-4 * count(times) + 1e-30);
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn lists_are_by_what_was_trained_and_what_was_counted_since(
        trained in prop::collection::vec((0..4u32, 0..4u32, 1..9u32), 0..12),
        events in prop::collection::vec(0..6u32, 0..crate::most(30)),
        history in prop::sample::subsequence(vec![0u32, 1, 2, 3, 4, 5], 0..5),
        prior in prop::sample::select(vec![1.0, 5.0, 1e9]),
        limit in 1..7usize,
        age in 0..3000u32,
        // No score falls below what single precision holds.
        half_life in prop::sample::select(vec![f32::INFINITY, 1000.0, 100.0]),
        exclude in prop::sample::subsequence(vec![0u32, 2, 5], 0..3),
    ) {
        // Four items were trained, two are new.
        let mut counts = vec![vec![0.0; 6]; 6];
        for &(from, to, count) in trained.iter().filter(|step| step.0 != step.1) {
            counts[from as usize][to as usize] += f64::from(count);
        }
        let totals: Vec<f64> = counts.iter().map(|row| row.iter().sum()).collect();
        let (mut indptr, mut indices, mut weights) = (vec![0], vec![], vec![]);
        for (row, total) in counts.iter().zip(&totals).take(4) {
            for (item, &count) in (0..).zip(row).filter(|(_, count)| **count > 0.0) {
                indices.push(item);
                weights.push((count / total) as f32);
            }
            indptr.push(indices.len() as u64);
        }
        let steps = Steps { window: 3, decay: 0.5, backward: 0.25 };
        let words = memory(6, 6);
        let live = LiveTable::new(&words, 6, 6).unwrap();
        let mut since = vec![vec![0.0; 6]; 6];
        for (at, &item) in events.iter().enumerate() {
            let session: Vec<u32> = events[..at].iter().rev().copied().collect();
            live.learn(&session, item, steps, AT);
            for (place, &before) in session.iter().take(3).enumerate().filter(|(_, before)| **before != item) {
                since[before as usize][item as usize] += 0.5f64.powi(place as i32);
                since[item as usize][before as usize] += 0.25 * 0.5f64.powi(place as i32);
            }
        }
        // Rows age from when something was last counted in them: all of it at 0.
        let at = Moment { now: age, half_life };
        let decay = (-f64::from(age) / f64::from(half_life)).exp2();
        let factors: Vec<f32> = (0..history.len()).map(|age| 0.7f32.powi(age as i32)).collect();
        let own: Vec<f32> = factors.iter().map(|weight| weight / 10.0).collect();
        let mut expected = vec![0.0; 6];
        for ((&item, &weight), &own) in history.iter().zip(&factors).zip(&own) {
            let item = item as usize;
            let steps = totals[item].min(prior);
            let decay = if steps > 0.0 { decay } else { 1.0 };
            let seen = decay * since[item].iter().sum::<f64>();
            for j in (0..6).filter(|_| steps + seen > 0.0) {
                let probability = if totals[item] > 0.0 { counts[item][j] / totals[item] } else { 0.0 };
                expected[j] += f64::from(weight) * (steps * probability + decay * since[item][j]) / (steps + seen);
            }
            expected[item] += f64::from(own);
        }
        let mut best: Vec<usize> = (0..6).filter(|&j| expected[j] > 0.0 && !exclude.contains(&(j as u32))).collect();
        best.sort_by(|&a, &b| expected[b].total_cmp(&expected[a]));
        best.truncate(limit);

        let matrix = Csr { indptr: &indptr, indices: &indices, weights: &weights };
        let ranking = LiveTransitions { trained: matrix, totals: &totals[..4], live, prior };
        let request = Request { items: &history, weights: &factors, limit, exclude: &exclude, only: None, allowed: None };
        let (mut scratch, mut items, mut scores) = (LiveScratch::default(), vec![], vec![]);
        ranking.rank(&request, Some(&own), at, &mut scratch, &mut items, &mut scores).unwrap();
        prop_assert_eq!(items.len(), best.len());
        for ((&item, &score), &place) in items.iter().zip(&scores).zip(&best) {
            prop_assert!((f64::from(score) - expected[place]).abs() <= 1e-5, "{:?} {:?}", scores, expected);
            prop_assert!((f64::from(score) - expected[item as usize]).abs() <= 1e-5);
        }
        let unknown = Request { items: &[6], weights: &[1.0], ..request };
        prop_assert!(ranking.rank(&unknown, None, at, &mut scratch, &mut items, &mut scores).is_err());
    }
}

#[test]
fn a_full_row_drops_what_counts_least_and_a_full_table_the_row_that_came_first() {
    let words = memory(4, 2);
    let table = LiveTable::new(&words, 4, 2).unwrap();
    for item in 0..ENTRIES as u32 + 1 {
        table.count(0, item, if item == 7 { 0.5 } else { 1.0 }, AT);
    }
    let (found, total) = read(&table, 0);
    assert!(found.len() == ENTRIES && !found.contains_key(&7));
    assert_eq!(total, ENTRIES as f32 + 0.5);
    table.count(1, 5, 1.0, AT);
    table.count(3, 6, 1.0, AT);
    assert_eq!(read(&table, 0), (BTreeMap::new(), 0.0));
    assert_eq!(read(&table, 1).0, BTreeMap::from([(5, 1.0)]));
    assert_eq!(read(&table, 3).0, BTreeMap::from([(6, 1.0)]));
    assert_eq!(read(&table, 9), (BTreeMap::new(), 0.0));
    assert!(LiveTable::new(&words, 4, 3).is_err());
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn readers_see_each_row_whole_while_it_is_written() {
    let words = memory(8, 3);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let table = LiveTable::new(&words, 8, 3).unwrap();
                let mut row = LiveRow::default();
                while !done.load(Ordering::Relaxed) {
                    for number in 0..8 {
                        table.read(number, &mut row);
                        // Every step of row r leads to r · 100 and the next, one after the other: counts differ by one at most.
                        assert!(row.items.iter().all(|&item| item / 100 == number));
                        let sum: f32 = row.counts.iter().sum();
                        assert_eq!(sum, row.total);
                    }
                }
            });
        }
        let table = LiveTable::new(&words, 8, 3).unwrap();
        for step in 0..200_000u32 {
            let row = step / 7 % 8;
            table.count(row, row * 100 + step % 40, 1.0, AT);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn an_event_that_comes_late_ages_nothing_before_or_after_it() {
    let words = memory(2, 2);
    let table = LiveTable::new(&words, 2, 2).unwrap();
    let at = |now| Moment { now, half_life: 100.0 };
    table.count(0, 1, 1.0, at(1000));
    table.count(0, 1, 1.0, at(10));
    table.count(0, 1, 1.0, at(1000));
    assert_eq!(read(&table, 0), (BTreeMap::from([(1, 3.0)]), 3.0));
    table.count(0, 1, 1.0, at(1100));
    assert_eq!(read(&table, 0), (BTreeMap::from([(1, 2.5)]), 2.5));
}
