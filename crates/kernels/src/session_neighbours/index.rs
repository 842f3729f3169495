//! Sessions, and which of them have an item.

use std::fmt;

/// Sessions in order of time: session `s` has the items `items[indptr[s]..indptr[s + 1]]`, in their order, each once.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    /// (sessions + 1)
    pub indptr: &'a [u64],
    /// The items of all sessions.
    pub items: &'a [u32],
    /// (sessions) What similarities to each are multiplied with, above 0.
    pub factors: &'a [f32],
}

/// The sessions that have each item, latest first, each once: those of item `i` are `sessions[indptr[i]..indptr[i + 1]]`.
#[derive(Clone, Copy, Debug)]
pub struct Index<'a> {
    /// (items + 1)
    pub indptr: &'a [u64],
    /// The sessions of all items.
    pub sessions: &'a [u32],
}

/// Why sessions or their index are refused.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum SessionsError {
    /// The session or the item does not lie within what there is.
    Bounds { of: &'static str, at: usize },
    /// There is no such item or session.
    Member { of: &'static str, at: usize, got: u32, expected: usize },
    /// What similarities to a session are multiplied with is not finite and above 0.
    Factor { session: usize, factor: f32 },
    /// The sessions of an item are not the latest first, each once.
    Latest { item: usize },
    /// An item comes twice in a session.
    Twice { session: usize, item: u32 },
    /// An item is in another number of sessions than is said.
    Count { item: usize, expected: u32, got: u32 },
    /// Not as many values as there must be.
    Length { of: &'static str, expected: usize, got: usize },
}

impl fmt::Display for SessionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionsError::Bounds { of, at } => {
                write!(f, "the members of {of} {at} must lie within those of all, but do not")
            }
            SessionsError::Member { of, at, got, expected } => {
                write!(f, "{of} {at} must have members below {expected}, but has {got}")
            }
            SessionsError::Factor { session, factor } => {
                write!(f, "factors must be finite and above 0, but session {session} has {factor}")
            }
            SessionsError::Latest { item } => {
                write!(f, "the sessions of item {item} must be the latest first, each once, but are not")
            }
            SessionsError::Twice { session, item } => {
                write!(f, "session {session} must have each item once, but has {item} twice")
            }
            SessionsError::Count { item, expected, got } => {
                write!(f, "item {item} is in {expected} sessions, but the count is {got}")
            }
            SessionsError::Length { of, expected, got } => write!(f, "{of} must have {expected} values, got {got}"),
        }
    }
}

impl std::error::Error for SessionsError {}

/// Checks bounds and members of lists that lie one after the other.
fn check_lists(of: &'static str, indptr: &[u64], members: &[u32], expected: usize) -> Result<(), SessionsError> {
    if indptr.first() != Some(&0) || indptr.last() != Some(&(members.len() as u64)) {
        return Err(SessionsError::Bounds { of, at: indptr.len().saturating_sub(1) });
    }
    for (at, bounds) in indptr.windows(2).enumerate() {
        let list = members.get(bounds[0] as usize..bounds[1] as usize).ok_or(SessionsError::Bounds { of, at })?;
        if let Some(&got) = list.iter().find(|&&member| member as usize >= expected) {
            return Err(SessionsError::Member { of, at, got, expected });
        }
    }
    Ok(())
}

impl<'a> Sessions<'a> {
    /// Number of sessions.
    pub fn len(&self) -> usize {
        self.factors.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.factors.is_empty()
    }

    /// The items of session `s`.
    #[inline(always)]
    pub fn of(&self, s: usize) -> &'a [u32] {
        let (begin, end) = self.bounds(s);
        &self.items[begin..end]
    }

    /// Where the items of session `s` begin and end.
    #[inline(always)]
    pub(super) fn bounds(&self, s: usize) -> (usize, usize) {
        (self.indptr[s] as usize, self.indptr[s + 1] as usize)
    }

    /// Reads all.
    ///
    /// # Errors
    /// Names the first session that breaks a rule.
    pub fn check(&self, items: usize) -> Result<(), SessionsError> {
        if self.indptr.len() != self.len() + 1 {
            return Err(SessionsError::Length {
                of: "factors",
                expected: self.indptr.len().saturating_sub(1),
                got: self.len(),
            });
        }
        check_lists("session", self.indptr, self.items, items)?;
        // The last session that had each, counted from 1.
        let mut last = vec![0; items];
        for session in 0..self.len() {
            let is_twice = |&&item: &&u32| std::mem::replace(&mut last[item as usize], session + 1) == session + 1;
            if let Some(&item) = self.of(session).iter().find(is_twice) {
                return Err(SessionsError::Twice { session, item });
            }
        }
        match self.factors.iter().position(|&factor| !(factor > 0.0 && factor < f32::INFINITY)) {
            Some(session) => Err(SessionsError::Factor { session, factor: self.factors[session] }),
            None => Ok(()),
        }
    }

    /// Reads all: `counts` (items) says in how many sessions each is.
    ///
    /// # Errors
    /// Names the first item of which it does not.
    pub fn check_counts(&self, counts: &[u32]) -> Result<(), SessionsError> {
        let mut expected = vec![0; counts.len()];
        self.items.iter().for_each(|&item| expected[item as usize] += 1);
        match (0..counts.len()).find(|&item| counts[item] != expected[item]) {
            Some(item) => Err(SessionsError::Count { item, expected: expected[item], got: counts[item] }),
            None => Ok(()),
        }
    }
}

impl<'a> Index<'a> {
    /// The sessions of item `i`.
    #[inline(always)]
    pub fn of(&self, i: usize) -> &'a [u32] {
        &self.sessions[self.indptr[i] as usize..self.indptr[i + 1] as usize]
    }

    /// Reads all.
    ///
    /// # Errors
    /// Names the first item that breaks a rule.
    pub fn check(&self, sessions: usize) -> Result<(), SessionsError> {
        check_lists("item", self.indptr, self.sessions, sessions)?;
        let is_latest_first = |item: &usize| self.of(*item).is_sorted_by(|a, b| a > b);
        match (0..self.indptr.len() - 1).find(|item| !is_latest_first(item)) {
            Some(item) => Err(SessionsError::Latest { item }),
            None => Ok(()),
        }
    }
}

/// Writes to `indptr` (items + 1) where the sessions of each item begin, where the latest `most` are kept of each. `sessions` were
/// checked. O(events).
pub fn index_bounds(sessions: Sessions<'_>, most: usize, indptr: &mut [u64]) {
    indptr.fill(0);
    each_item(sessions, |item, _| indptr[item as usize + 1] += 1);
    for item in 1..indptr.len() {
        indptr[item] = indptr[item - 1] + indptr[item].min(most as u64);
    }
}

/// Writes the sessions of each item, latest first, as far as there is room. O(events).
pub fn fill_index(sessions: Sessions<'_>, indptr: &[u64], index: &mut [u32]) {
    let mut next: Vec<u64> = indptr[..indptr.len() - 1].to_vec();
    each_item(sessions, |item, session| {
        let place = &mut next[item as usize];
        if *place < indptr[item as usize + 1] {
            index[*place as usize] = session;
            *place += 1;
        }
    });
}

/// Calls `each` with the items of the sessions, latest session first.
fn each_item(sessions: Sessions<'_>, mut each: impl FnMut(u32, u32)) {
    for session in (0..sessions.len()).rev() {
        sessions.of(session).iter().for_each(|&item| each(item, session as u32));
    }
}
