//! Live sessions beside their definition, beside what may lie in their memory, and beside a writer on another thread.

use super::tests::{Case, Since, case, found, naive};
use super::{LiveFactor, LiveSessions, LiveSize, SESSION_ITEMS, Scratch};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const FACTOR: LiveFactor = LiveFactor { length_norm: 0.5, half_lives: 0.0 };

fn memory(size: LiveSize) -> Vec<AtomicU32> {
    (0..size.words()).map(|_| AtomicU32::new(0)).collect()
}

/// What users do, an item at a time.
type Events = Vec<(u8, u32)>;

/// Learns from `events`, of each of which `half_lives` passed since the one before; a user's session never ends.
fn learn(live: &LiveSessions<'_>, events: &Events, half_lives: f64) {
    let mut running = HashMap::new();
    for (at, &(user, item)) in events.iter().enumerate() {
        let factor = LiveFactor { half_lives: at as f64 * half_lives, ..FACTOR };
        match running.insert(user, (0, item)) {
            Some((session, before)) => running.insert(user, (live.learn(session, before, item, factor), item)),
            None => None,
        };
    }
}

/// The same from the definition.
fn since(events: &Events, half_lives: f64, items: usize, LiveSize { rows, slots, .. }: LiveSize) -> Since {
    let mut sessions: Vec<(Vec<u32>, f32)> = vec![];
    let mut had: Vec<Vec<usize>> = vec![vec![]; rows];
    let mut running: HashMap<u8, (Option<usize>, u32)> = HashMap::new();
    for (at, &(user, item)) in events.iter().enumerate() {
        let Some(&(session, before)) = running.get(&user) else {
            running.insert(user, (None, item));
            continue;
        };
        if before == item {
            continue;
        }
        let goes_on = |&number: &usize| {
            let (session, _) = &sessions[number];
            number + slots >= sessions.len() && (session.contains(&item) || session.len() < SESSION_ITEMS)
        };
        let number = session.filter(goes_on).unwrap_or_else(|| {
            sessions.push((vec![before], 0.0));
            had[before as usize].push(sessions.len() - 1);
            sessions.len() - 1
        });
        let (session, factor) = &mut sessions[number];
        if !session.contains(&item) {
            had[item as usize].push(number);
        }
        session.retain(|&other| other != item);
        session.push(item);
        *factor = ((session.len() as f64).powf(-0.5) * (at as f64 * half_lives).exp2()) as f32;
        running.insert(user, (Some(number), item));
    }
    let begun = sessions.len();
    // Numbers begin with 1.
    let place = |number: usize| (number + slots >= begun).then_some((number + 1) % slots);
    let mut places = vec![None; slots];
    for (number, session) in sessions.iter().enumerate() {
        if let Some(place) = place(number) {
            places[place] = Some(session.clone());
        }
    }
    let having = had.iter().map(|numbers| numbers.iter().rev().map(|&number| place(number)).collect());
    Since { fresh: rows - items, places, having: having.collect(), begun }
}

/// A case, and what users did since, also with items that are new.
fn live_case() -> impl Strategy<Value = (Case, Events)> {
    let rows = crate::most(12) as u32 + 2;
    let events = prop::collection::vec((0..4u8, 0..rows), 0..crate::most(60));
    let query = prop::collection::vec(0..rows, 0..5);
    (case(), events, query, 1..6usize).prop_map(|(mut case, events, query, latest)| {
        case.query = vec![];
        for item in query {
            if !case.query.contains(&item) {
                case.query.push(item);
            }
        }
        case.terms.latest = latest;
        (case, events)
    })
}

proptest! {
    #![proptest_config(crate::cases(512))]

    #[test]
    fn lists_are_those_of_all_sessions_compared_with_those_that_came_since(
        (case, events) in live_case(),
        slots in prop::sample::select(vec![1usize, 3, 64]),
        half_lives in prop::sample::select(vec![0.0, 0.25]),
    ) {
        let size = LiveSize { rows: case.items + 2, slots, blocks: 200 };
        let words = memory(size);
        let live = LiveSessions::new(&words, size).unwrap();
        learn(&live, &events, half_lives);
        let expected = naive(&case, &since(&events, half_lives, case.items, size));
        let mut scratch = Scratch::default();
        for by_bits in [false, true] {
            let found = found(&case, by_bits, Some(live), &mut scratch);
            prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((f64::from(found.1) - expected.1).abs() <= 1e-5 * expected.1, "{:?} {:?}", found, expected);
            }
        }
    }

    #[test]
    fn memory_without_sessions_changes_no_list(case in case()) {
        let size = LiveSize { rows: case.items + 3, slots: 4, blocks: 4 };
        let words = memory(size);
        let live = LiveSessions::new(&words, size).unwrap();
        let mut scratch = Scratch::default();
        prop_assert_eq!(found(&case, false, Some(live), &mut scratch), found(&case, false, None, &mut scratch));
    }

    #[test]
    fn of_an_index_without_room_the_latest_sessions_are_found((case, events) in live_case(), blocks in 1..9usize) {
        let size = LiveSize { rows: case.items + 2, slots: 64, blocks };
        let words = memory(size);
        let live = LiveSessions::new(&words, size).unwrap();
        learn(&live, &events, 0.0);
        let since = since(&events, 0.0, case.items, size);
        let mut places = vec![];
        for item in 0..size.rows as u32 {
            live.begun().having(item, 1000, &mut places);
            let found: Vec<_> = places.iter().map(|&place| Some(place as usize)).collect();
            prop_assert!(since.having[item as usize].starts_with(&found), "{:?} {:?}", found, since);
        }
    }

    #[test]
    fn whatever_the_memory_holds_lists_have_items_that_there_are(
        (case, events) in live_case(),
        damages in prop::collection::vec((0..400usize, prop_oneof![0..20u32, any::<u32>()]), 0..40),
        (user, item) in (0..99u32, 0..crate::most(12) as u32),
    ) {
        let size = LiveSize { rows: case.items + 2, slots: 3, blocks: 5 };
        let words = memory(size);
        let live = LiveSessions::new(&words, size).unwrap();
        learn(&live, &events, 0.0);
        for (place, value) in damages {
            words[place % words.len()].store(value, Ordering::Relaxed);
        }
        let found = found(&case, false, Some(live), &mut Scratch::default());
        prop_assert!(found.iter().all(|&(item, score)| (item as usize) < size.rows && score > 0.0));
        live.learn(user, item, item + 1, FACTOR);
    }
}

fn read(live: LiveSessions<'_>, session: u32) -> Vec<u32> {
    let mut items = vec![];
    live.begun().read(session as usize % live.slots(), &mut items);
    items
}

#[test]
fn a_session_that_is_full_or_no_more_goes_on_as_another() {
    let size = LiveSize { rows: 99, slots: 2, blocks: 99 };
    let words = memory(size);
    let live = LiveSessions::new(&words, size).unwrap();
    let last = SESSION_ITEMS as u32 - 1;
    let first = (1..=last).fold(0, |session, item| live.learn(session, item - 1, item, FACTOR));
    assert_eq!((first, read(live, first)), (1, (0..=last).collect()));
    // An item that is there moves to the end.
    assert_eq!(live.learn(first, last, 0, FACTOR), first);
    assert_eq!(read(live, first), (1..=last).chain([0]).collect::<Vec<_>>());
    let second = live.learn(first, 0, 50, FACTOR);
    assert_eq!((second, read(live, second)), (2, vec![0, 50]));
    assert_eq!(live.learn(0, 7, 8, FACTOR), 3);
    let fourth = live.learn(first, 1, 2, FACTOR);
    assert_eq!((fourth, read(live, fourth), read(live, 3)), (4, vec![1, 2], vec![7, 8]));
    // What does not follow another item is not learned.
    assert_eq!((live.learn(3, 9, 9, FACTOR), read(live, 3)), (3, vec![7, 8]));
    assert!(LiveSessions::new(&words, LiveSize { slots: 3, ..size }).is_err());
    assert!(LiveSessions::new(&[], LiveSize { rows: 0, slots: 0, blocks: 0 }).is_err());
}

#[test]
fn sessions_of_any_age_count_something_finite() {
    for half_lives in [f64::NEG_INFINITY, -1e9, 1e9, f64::INFINITY] {
        let size = LiveSize { rows: 2, slots: 1, blocks: 2 };
        let words = memory(size);
        let live = LiveSessions::new(&words, size).unwrap();
        live.learn(0, 0, 1, LiveFactor { half_lives, ..FACTOR });
        let factor = live.begun().factor(0);
        assert!(factor > 0.0 && factor < f32::INFINITY, "{factor}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes minutes")]
fn readers_see_each_session_whole_while_it_is_written() {
    let size = LiveSize { rows: 8 * 40, slots: 3, blocks: 5 };
    let words = memory(size);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let live = LiveSessions::new(&words, size).unwrap();
                let (mut places, mut items) = (vec![], vec![]);
                while !done.load(Ordering::Relaxed) {
                    for item in 0..size.rows as u32 {
                        let begun = live.begun();
                        begun.having(item, 20, &mut places);
                        for &place in &places {
                            begun.read(place as usize, &mut items);
                            // A session has items of one user alone, each once, and never loses one; or another one is there by now.
                            assert!(items.iter().all(|other| other % 8 == item % 8), "{items:?}");
                            assert!(items.is_empty() || items.contains(&item), "{item} {items:?}");
                            let mut sorted = items.clone();
                            sorted.sort_unstable();
                            sorted.dedup();
                            assert_eq!(sorted.len(), items.len());
                        }
                    }
                }
            });
        }
        let live = LiveSessions::new(&words, size).unwrap();
        let mut running = [(0, 0); 8];
        for event in 0..200_000u32 {
            let user = event / 5 % 8;
            let item = event.wrapping_mul(2_654_435_761) / 8 % 40 * 8 + user;
            let (session, before) = running[user as usize];
            let session = if event > 40 { live.learn(session, before, item, FACTOR) } else { 0 };
            running[user as usize] = (session, item);
        }
        done.store(true, Ordering::Relaxed);
    });
}
