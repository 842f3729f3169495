//! Exact search over an [`Index`], for one query or many.

use super::index::{Index, Tile};
use super::query::Coded;
use super::{Measure, TILE, TopKError, best::Best, check_finite, check_items, check_length, exact};
use crate::bitmap::{Bitmap, allows};
use crate::simd::{Kernel, Lanes, Simd};

/// Queries that pass over the tiles together: a tile comes from memory once for all of them, and their own codes still
/// fit in the second-level cache. 64 made no measurable difference.
const QUERIES_PER_PASS: usize = 256;

/// Items scored exactly before the codes are compared again with the threshold that these have raised. It saves most in
/// the first tile, where none is known yet: 97 items were scored for a query of brunch in all instead of 155. With 16 it
/// was 90, in the same time.
const SCORED_PER_STEP: usize = 32;

/// Vectors of sums kept in registers.
const SUMS: usize = 8;

/// Items that each query must not get.
#[derive(Clone, Copy)]
pub struct Excluded<'a> {
    /// (queries + 1): those of query `q` are `indices[indptr[q]..indptr[q + 1]]`.
    pub indptr: &'a [u32],
    /// Item numbers, rising within a query.
    pub indices: &'a [u32],
}

impl<'a> Excluded<'a> {
    fn of(&self, query: usize) -> &'a [u32] {
        &self.indices[self.indptr[query] as usize..self.indptr[query + 1] as usize]
    }
}

/// A batch of queries.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// (queries × rank).
    pub queries: &'a [f32],
    /// What items are ranked by.
    pub measure: Measure,
    /// How many items each query gets.
    pub limit: usize,
    /// Items that each query must not get, such as those that its user has seen.
    pub exclude: Option<Excluded<'a>>,
    /// Numbers that never fall of the only items that any query may get, each once however often it comes.
    pub only: Option<&'a [u32]>,
    /// Of the items that any query may get, a bit each; all when absent.
    pub allowed: Option<Bitmap<'a>>,
}

/// The work that a search took, over all queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Items scored by their codes.
    pub coded: u64,
    /// Items scored exactly.
    pub scored: u64,
}

impl Search<'_> {
    /// Writes to `items` and `scores` (queries × limit) the best items of each query, highest score first, of equal scores
    /// the lower number; `u32::MAX` and -∞ where a query has fewer. The same bits as [`exact::naive`].
    ///
    /// # Errors
    /// `Length`, `Pointers` and `Items` when slices do not fit together, `NotFinite` when a query is not.
    pub fn run(
        &self,
        index: &Index<'_>,
        items: &mut [u32],
        scores: &mut [f32],
        simd: Simd,
    ) -> Result<Effort, TopKError> {
        let rank = index.rank();
        let queries = self.queries.len() / rank;
        check_length("queries", queries * rank, self.queries.len())?;
        check_length("items", queries * self.limit, items.len())?;
        check_length("scores", queries * self.limit, scores.len())?;
        for (row, query) in self.queries.chunks_exact(rank).enumerate() {
            check_finite("queries", query, row)?;
        }
        if let Some(only) = self.only {
            check_items("only", only, index.items())?;
        }
        if let Some(Excluded { indptr, indices }) = self.exclude {
            check_length("exclude.indptr", queries + 1, indptr.len())?;
            if indptr[0] != 0 || !indptr.is_sorted() || indptr[queries] as usize != indices.len() {
                return Err(TopKError::Pointers);
            }
            for row in indptr.windows(2) {
                check_items("exclude.indices", &indices[row[0] as usize..row[1] as usize], index.items())?;
            }
        }
        if self.limit == 0 {
            return Ok(Effort::default());
        }
        let allowed = Allowed::new(index, self.only);
        let mut effort = Effort::default();
        let outputs =
            items.chunks_mut(self.limit * QUERIES_PER_PASS).zip(scores.chunks_mut(self.limit * QUERIES_PER_PASS));
        for (pass, (items, scores)) in outputs.enumerate() {
            let first = pass * QUERIES_PER_PASS;
            let batch = simd.run_bytes(Pass { index, search: self, allowed: &allowed, first, items, scores });
            effort.coded += batch.coded;
            effort.scored += batch.scored;
        }
        Ok(effort)
    }
}

/// Which positions may be found.
enum Allowed {
    All {
        items: usize,
    },
    /// One bit a position.
    Only(Vec<u128>),
}

impl Allowed {
    fn new(index: &Index<'_>, only: Option<&[u32]>) -> Allowed {
        let Some(only) = only else { return Allowed::All { items: index.items() } };
        let mut tiles = vec![0; index.tiles()];
        for &item in only {
            let position = index.position(item);
            tiles[position / TILE] |= 1 << (position % TILE);
        }
        Allowed::Only(tiles)
    }

    /// Those of `tile`, one bit each.
    #[inline(always)]
    fn of(&self, tile: usize) -> u128 {
        match self {
            Allowed::Only(tiles) => tiles[tile],
            // The last tile may be cut short.
            Allowed::All { items } if items - tile * TILE < TILE => (1 << (items % TILE)) - 1,
            Allowed::All { .. } => u128::MAX,
        }
    }
}

/// A query on its way over the tiles.
struct QueryState<'a> {
    coded: Coded,
    codes: &'a [i32],
    /// (rank).
    factors: &'a [f32],
    excluded: &'a [u32],
    best: Best<'a>,
}

/// The search of up to [`QUERIES_PER_PASS`] queries, from query `first` on.
struct Pass<'a> {
    index: &'a Index<'a>,
    search: &'a Search<'a>,
    allowed: &'a Allowed,
    first: usize,
    items: &'a mut [u32],
    scores: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    type Output = Effort;

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Effort {
        let Pass { index, search, allowed, first, items, scores } = self;
        let (rank, limit) = (index.rank(), search.limit);
        let words = rank.div_ceil(4);
        let count = items.len() / limit;
        let mut codes = vec![0; count * words];
        let mut effort = Effort::default();
        let mut active = Vec::with_capacity(count);
        let outputs = items.chunks_exact_mut(limit).zip(scores.chunks_exact_mut(limit));
        let inputs = search.queries[first * rank..].chunks_exact(rank).zip(codes.chunks_exact_mut(words));
        for (number, ((items, scores), (factors, codes))) in (first..).zip(outputs.zip(inputs)) {
            let coded = Coded::new(factors, search.measure, codes);
            let excluded = search.exclude.map_or(&[][..], |exclude| exclude.of(number));
            let mut query = QueryState { coded, codes, factors, excluded, best: Best::new(items, scores) };
            if coded.norm == 0.0 {
                query.take_first(index.items(), search);
            } else {
                active.push(query);
            }
        }
        for number in 0..index.tiles() {
            let allowed = allowed.of(number);
            if allowed == 0 {
                continue;
            }
            let tile = index.tile(number);
            active.retain(|query| !query.coded.ends_at(tile.bounds, query.best.threshold()));
            if active.is_empty() {
                break;
            }
            effort.coded += (active.len() * TILE) as u64;
            for query in &mut active {
                let mut left = allowed;
                while left != 0 {
                    let cutoff = query.coded.cutoff(tile.bounds, query.best.threshold());
                    let found = above(l, tile, query.codes, cutoff) & left;
                    left = query.score_some(index, number, found, search);
                    effort.scored += u64::from((found ^ left).count_ones());
                }
            }
        }
        effort
    }
}

impl QueryState<'_> {
    /// Scores the first [`SCORED_PER_STEP`] items of `tile` whose bits are set in `left`; returns those left.
    #[inline(always)]
    fn score_some(&mut self, index: &Index<'_>, tile: usize, mut left: u128, search: &Search<'_>) -> u128 {
        for _ in 0..SCORED_PER_STEP {
            if left == 0 {
                break;
            }
            let position = tile * TILE + left.trailing_zeros() as usize;
            left &= left - 1;
            let item = index.item(position);
            if !allows(search.allowed, item) {
                continue;
            }
            let score = exact::score(self.factors, self.coded.norm, index.row(item), search.measure);
            if self.best.admits(item, score) && self.excluded.binary_search(&item).is_err() {
                self.best.offer(item, score);
            }
        }
        left
    }

    /// A query of zeros scores 0 with every item: it gets the lowest numbers.
    fn take_first(&mut self, items: usize, search: &Search<'_>) {
        let free = |item: &u32| allows(search.allowed, *item) && self.excluded.binary_search(item).is_err();
        let limit = self.best.limit();
        let offer = |item| self.best.offer(item, 0.0);
        match search.only {
            Some(only) => {
                let each = only.chunk_by(|a, b| a == b).map(|equal| equal[0]);
                each.filter(free).take(limit).for_each(offer);
            }
            None => (0..items as u32).filter(free).take(limit).for_each(offer),
        }
    }
}

/// One bit for each item of `tile` whose sum of code products is greater than `cutoff`.
#[inline(always)]
fn above<L: Lanes>(l: L, tile: Tile<'_>, query: &[i32], cutoff: i32) -> u128 {
    let Tile { starts, codes, .. } = tile;
    assert_eq!(codes.len(), query.len() * TILE * 4);
    let cutoff = l.splat_int(cutoff);
    let mut found = 0u128;
    for first in (0..TILE).step_by(SUMS * L::WIDTH) {
        // SAFETY: SUMS vectors divide TILE, so `starts` and every group of `codes` reach as far, and there are as many
        // groups as words of the query.
        let sums = unsafe {
            let mut sums: [L::I; SUMS] = std::array::from_fn(|s| l.load_int(starts.as_ptr().add(first + s * L::WIDTH)));
            let mut at = codes.as_ptr().cast::<i32>().add(first);
            for &word in query {
                let word = l.splat_int(word);
                for (s, sum) in sums.iter_mut().enumerate() {
                    *sum = l.add_byte_products(*sum, word, l.load_int(at.add(s * L::WIDTH)));
                }
                // Beyond the end after the last group, where it is read no more.
                at = at.wrapping_add(TILE);
            }
            sums
        };
        for (s, &sum) in sums.iter().enumerate() {
            found |= u128::from(l.greater_int(sum, cutoff)) << (first + s * L::WIDTH);
        }
    }
    found
}
