//! Items laid out for search: a buffer that says in which order to look at them, and a byte for each of their coordinates.

use super::{TILE, TopKError, check_finite, check_length, exact};
use crate::simd::{Kernel, Lanes, Simd};
use std::ops::Range;

/// A signed byte of an item's code is from -`ITEM_LEVELS` to `ITEM_LEVELS`.
const ITEM_LEVELS: f64 = 127.0;

/// What the middle of the query's codes is; see [`super::query`].
pub const QUERY_ZERO: i32 = 64;

/// First word of a buffer: the name and version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"topk  02");

/// One cache line. An index must begin with one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; LINE]);

const LINE: usize = 64;

/// Lines of `count` values of `bytes` each.
const fn lines(count: usize, bytes: usize) -> usize {
    (count * bytes).div_ceil(LINE)
}

/// Coordinates are scored four at a time.
fn groups(rank: usize) -> usize {
    rank.div_ceil(4)
}

/// Lines of one tile: its bounds, what its sums start from, its codes.
fn tile_lines(rank: usize) -> usize {
    lines(1, size_of::<Bounds>()) + lines(TILE, 4) + lines(TILE, groups(rank) * 4)
}

/// Bounds that hold for all [`TILE`] items of a tile.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Bounds {
    /// An item is nearly its codes times this.
    pub scale: f64,
    /// No item is farther from its codes times `scale` than this.
    pub error: f64,
    /// The largest norm.
    pub norm: f64,
    /// The smallest norm.
    pub least_norm: f64,
}

/// Factors of items, one row each.
#[derive(Clone, Copy)]
pub struct Factors<'a> {
    values: &'a [f32],
    items: usize,
    rank: usize,
    stride: usize,
}

impl<'a> Factors<'a> {
    /// Views `values` as (items × rank), each row `stride` after the one before; what is between is not looked at.
    ///
    /// # Errors
    /// `Length` when they are not whole rows.
    ///
    /// # Panics
    /// When `rank` is 0 or greater than `stride`.
    pub fn new(values: &'a [f32], rank: usize, stride: usize) -> Result<Factors<'a>, TopKError> {
        assert!(0 < rank && rank <= stride);
        let items = values.len() / stride;
        check_length("item factors", items * stride, values.len())?;
        Ok(Factors { values, items, rank, stride })
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.items
    }

    /// The factors (rank) of an item.
    ///
    /// # Panics
    /// When there is no such item.
    #[inline(always)]
    pub fn row(&self, item: u32) -> &'a [f32] {
        &self.values[item as usize * self.stride..][..self.rank]
    }

    /// The items by descending norm, equal ones by ascending number. Costs O(items · (rank + log items)).
    ///
    /// # Errors
    /// `NotFinite` when a factor is NaN or infinite.
    pub fn order(&self) -> Result<Vec<u32>, TopKError> {
        let all = || 0..self.items as u32;
        for item in all() {
            check_finite("item factors", self.row(item), item as usize)?;
        }
        let norms: Vec<f64> = all().map(|item| exact::norm(self.row(item))).collect();
        let mut order: Vec<u32> = all().collect();
        order.sort_unstable_by(|&a, &b| norms[b as usize].total_cmp(&norms[a as usize]).then(a.cmp(&b)));
        Ok(order)
    }
}

/// Bytes of an index of `items` × `rank` factors: a multiple of 64.
pub fn bytes(items: usize, rank: usize) -> usize {
    head_lines(items) * LINE + items.div_ceil(TILE) * tile_lines(rank) * LINE
}

fn head_lines(items: usize) -> usize {
    1 + 2 * lines(items, 4)
}

/// The bytes of an index up to its tiles. `order` is that of [`Factors::order`].
pub fn head(order: &[u32], rank: usize) -> Vec<u8> {
    let mut positions = vec![0u32; order.len()];
    for (position, &item) in (0..).zip(order) {
        positions[item as usize] = position;
    }
    let mut bytes = Vec::with_capacity(head_lines(order.len()) * LINE);
    push_lines(&mut bytes, &[MAGIC, order.len() as u64, rank as u64]);
    push_lines(&mut bytes, order);
    push_lines(&mut bytes, &positions);
    bytes
}

/// The bytes of the tiles of an index that are numbered `tiles`, which follow its [`head`] and the tiles before them: an
/// index can be written to a file without being whole in memory. `order` is that of [`Factors::order`].
///
/// # Panics
/// When there are no such tiles.
pub fn tiles(factors: Factors<'_>, order: &[u32], tiles: Range<usize>, simd: Simd) -> Vec<u8> {
    if tiles.is_empty() {
        return Vec::new();
    }
    let padded = groups(factors.rank) * 4;
    let mut bytes = Vec::with_capacity(tiles.len() * tile_lines(factors.rank) * LINE);
    let mut rows = Vec::with_capacity(TILE * padded);
    for tile in tiles {
        let members = &order[tile * TILE..order.len().min((tile + 1) * TILE)];
        rows.clear();
        for &item in members {
            rows.extend_from_slice(factors.row(item));
            rows.resize(rows.len().next_multiple_of(padded), 0.0);
        }
        let (mut starts, mut codes) = ([0i32; TILE], vec![0i8; TILE * padded]);
        let (scale, error) = simd.run(Encode { rows: &rows, padded, codes: &mut codes, starts: &mut starts });
        let norm = |member: Option<&u32>| member.map_or(0.0, |&item| exact::norm(factors.row(item)));
        push_lines(
            &mut bytes,
            &[Bounds { scale, error, norm: norm(members.first()), least_norm: norm(members.last()) }],
        );
        push_lines(&mut bytes, &starts);
        push_lines(&mut bytes, &codes);
    }
    bytes
}

/// A view of an index. Positions count items by descending norm, equal ones by ascending number.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    factors: Factors<'a>,
    /// (items): the item at each position.
    order: &'a [u32],
    /// (items): the position of each item.
    positions: &'a [u32],
    tiles: &'a [Line],
}

impl<'a> Index<'a> {
    /// Views a buffer that [`head`] and [`tiles`] filled from `factors`. Costs nothing.
    ///
    /// # Errors
    /// `NotAligned` when it does not begin at a multiple of 64 bytes, `NotAnIndex` when it is none, `Length` when it is cut
    /// off or of other factors.
    pub fn view(buffer: &'a [u8], factors: Factors<'a>) -> Result<Index<'a>, TopKError> {
        // SAFETY: lines are bytes; any will do.
        let (before, lines_of, _) = unsafe { buffer.align_to::<Line>() };
        if !before.is_empty() {
            return Err(TopKError::NotAligned);
        }
        let (header, mut rest) = lines_of.split_at_checked(1).ok_or(TopKError::NotAnIndex)?;
        let &[magic, items, rank] = values::<u64>(header, 3) else { return Err(TopKError::NotAnIndex) };
        if magic != MAGIC {
            return Err(TopKError::NotAnIndex);
        }
        check_length("an item's factors", rank as usize, factors.rank)?;
        check_length("the rows of item factors", items as usize, factors.items)?;
        check_length("the buffer of the index", bytes(factors.items, factors.rank), buffer.len())?;
        let mut part = |lines: usize| rest.split_off(..lines).expect("the length was checked");
        let order = values(part(lines(factors.items, 4)), factors.items);
        let positions = values(part(lines(factors.items, 4)), factors.items);
        Ok(Index { factors, order, positions, tiles: rest })
    }

    /// Reads the whole index and compares it with what [`head`] and [`tiles`] make of the factors.
    /// Costs O(items · rank).
    ///
    /// # Errors
    /// `NotFinite` when a factor is not, `Order` and `Tile` with the first place that differs.
    pub fn check(&self, simd: Simd) -> Result<(), TopKError> {
        let Index { factors, order, positions, tiles: lines } = *self;
        let mut before = None;
        for (position, (&item, number)) in order.iter().zip(0u32..).enumerate() {
            // As many places as items, each found where it says: none is missing.
            if positions.get(item as usize) != Some(&number) {
                return Err(TopKError::Order { position });
            }
            check_finite("item factors", factors.row(item), item as usize)?;
            let norm = exact::norm(factors.row(item));
            if before.is_some_and(|(last, other)| last < norm || (last == norm && other > item)) {
                return Err(TopKError::Order { position });
            }
            before = Some((norm, item));
        }
        let each = tile_lines(factors.rank);
        for (tile, found) in lines.chunks_exact(each).enumerate() {
            // SAFETY: lines are bytes.
            let found = unsafe { found.align_to::<u8>() }.1;
            if found != tiles(factors, order, tile..tile + 1, simd) {
                return Err(TopKError::Tile { tile });
            }
        }
        Ok(())
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.factors.items
    }

    /// Coordinates of an item.
    pub fn rank(&self) -> usize {
        self.factors.rank
    }

    #[inline(always)]
    pub(super) fn position(&self, item: u32) -> usize {
        self.positions[item as usize] as usize
    }

    #[inline(always)]
    pub(super) fn item(&self, position: usize) -> u32 {
        self.order[position]
    }

    #[inline(always)]
    pub(super) fn row(&self, item: u32) -> &'a [f32] {
        self.factors.row(item)
    }

    /// How many tiles there are.
    pub(super) fn tiles(&self) -> usize {
        self.factors.items.div_ceil(TILE)
    }

    #[inline(always)]
    pub(super) fn tile(&self, tile: usize) -> Tile<'a> {
        let each = tile_lines(self.rank());
        let (bounds, rest) = self.tiles[tile * each..][..each].split_at(lines(1, size_of::<Bounds>()));
        let (starts, codes) = rest.split_at(lines(TILE, 4));
        Tile {
            bounds: &values(bounds, 1)[0],
            starts: values(starts, TILE).first_chunk().expect("as many as were asked for"),
            codes: values(codes, TILE * groups(self.rank()) * 4),
        }
    }
}

/// [`TILE`] items, the last of all perhaps fewer.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a> {
    pub bounds: &'a Bounds,
    /// What the sum of code products of each item starts from.
    pub starts: &'a [i32; TILE],
    /// (groups × TILE × 4): four coordinates of each item, then the next four.
    pub codes: &'a [i8],
}

/// Writes the codes of the rows (≤ TILE × padded) of one tile; returns their scale and error.
///
/// One scale serves the tile: its items have nearly one norm. A scale for each item left 24.1 items to score instead
/// of 24.4 and cost a multiplication a vector. The bound needs the distance of an item to its codes as it
/// came out, not how the codes were chosen, so no rounding here can make the search wrong.
struct Encode<'a> {
    rows: &'a [f32],
    padded: usize,
    codes: &'a mut [i8],
    starts: &'a mut [i32],
}

impl Kernel for Encode<'_> {
    type Output = (f64, f64);

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> (f64, f64) {
        let Encode { rows, padded, codes, starts } = self;
        let largest = rows.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = if largest == 0.0 { 1.0 } else { f64::from(largest) / ITEM_LEVELS };
        let mut worst = 0.0f64;
        for (lane, row) in rows.chunks_exact(padded).enumerate() {
            let (mut sum, mut squares) = (0, [0.0f64; 4]);
            for (group, four) in row.as_chunks::<4>().0.iter().enumerate() {
                for (j, &x) in four.iter().enumerate() {
                    let code = (f64::from(x) / scale).round_ties_even();
                    codes[(group * TILE + lane) * 4 + j] = code as i8;
                    sum += code as i32;
                    // Not `powi`, whose precision is left open: `Index::check` compares bytes.
                    let apart = f64::from(x) - code * scale;
                    squares[j] += apart * apart;
                }
            }
            starts[lane] = -QUERY_ZERO * sum;
            worst = worst.max(squares.iter().sum::<f64>().sqrt());
        }
        (scale, worst)
    }
}

/// Types of which any bits are a value.
///
/// # Safety
/// A type without padding of which every pattern of bits is a value.
unsafe trait Bits: Copy {}
// SAFETY: any 64 bits are one.
unsafe impl Bits for u64 {}
// SAFETY: any 32 bits are one.
unsafe impl Bits for u32 {}
// SAFETY: any 32 bits are one.
unsafe impl Bits for i32 {}
// SAFETY: any 8 bits are one.
unsafe impl Bits for i8 {}
// SAFETY: four of 64 bits each, of which any are one.
unsafe impl Bits for Bounds {}

fn values<T: Bits>(lines: &[Line], count: usize) -> &[T] {
    // SAFETY: any bits are a `T`; lines are aligned for all of them.
    &unsafe { lines.align_to::<T>() }.1[..count]
}

/// Appends `values`, and zeros up to the end of their last line.
fn push_lines<T: Bits>(bytes: &mut Vec<u8>, values: &[T]) {
    // SAFETY: a `T` has no padding, so all of its bytes have a value.
    bytes.extend_from_slice(unsafe { values.align_to::<u8>() }.1);
    bytes.resize(bytes.len().next_multiple_of(LINE), 0);
}
