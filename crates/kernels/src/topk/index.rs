//! Items laid out for search, in one buffer that threads share.

use super::{TILE, TopKError, check_finite, check_length, exact};
use crate::simd::{Kernel, Lanes, Simd, stride};

/// A signed byte of an item's code is from -`ITEM_LEVELS` to `ITEM_LEVELS`.
const ITEM_LEVELS: f64 = 127.0;

/// What the middle of the query's codes is; see [`super::query`].
pub const QUERY_ZERO: i32 = 64;

/// First word of a buffer: the name and version of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"topk  01");

/// One cache line. A `SharedArrayBuffer` may begin anywhere; the index begins at its first whole line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Sizes of the parts of an index, in lines, in their order in the buffer.
struct Layout {
    order: usize,
    positions: usize,
    tiles: usize,
    starts: usize,
    codes: usize,
    rows: usize,
}

impl Layout {
    fn new(items: usize, rank: usize) -> Layout {
        let tiles = items.div_ceil(TILE);
        let lines = |values: usize, bytes: usize| (values * bytes).div_ceil(size_of::<Line>());
        Layout {
            order: lines(items, 4),
            positions: lines(items, 4),
            tiles: lines(tiles, size_of::<Tile>()),
            starts: lines(tiles * TILE, 4),
            codes: lines(tiles * TILE, groups(rank) * 4),
            rows: lines(items, stride(rank) * 4),
        }
    }

    fn lines(&self) -> usize {
        1 + self.order + self.positions + self.tiles + self.starts + self.codes + self.rows
    }
}

/// Coordinates are scored four at a time.
fn groups(rank: usize) -> usize {
    rank.div_ceil(4)
}

/// Bounds that hold for all [`TILE`] items of a tile.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Tile {
    /// An item is nearly its codes times this.
    pub scale: f64,
    /// No item is farther from its codes times `scale` than this.
    pub error: f64,
    /// The largest norm.
    pub norm: f64,
    /// The smallest norm.
    pub least_norm: f64,
}

/// A view of an index. Positions count items by descending norm, equal ones by ascending number.
#[derive(Clone, Copy)]
pub struct Index<'a> {
    items: usize,
    rank: usize,
    /// (items): the item at each position.
    order: &'a [u32],
    /// (items): the position of each item.
    positions: &'a [u32],
    tiles: &'a [Tile],
    /// (tiles × TILE): of each position, what its sum of code products starts from.
    starts: &'a [i32],
    /// (tiles × groups × TILE × 4): four coordinates of each item of a tile, then the next four.
    codes: &'a [i8],
    /// (items × stride), by position.
    rows: &'a [f32],
}

impl<'a> Index<'a> {
    /// Bytes that an index of `items` × `rank` factors takes, wherever its buffer begins.
    pub fn bytes(items: usize, rank: usize) -> usize {
        (Layout::new(items, rank).lines() + 1) * size_of::<Line>()
    }

    /// Lays out `factors` (items × rank) in `buffer`, of [`Index::bytes`], all zeros before. Costs O(items · (rank + log items)).
    ///
    /// # Errors
    /// `Length` when the buffer or the factors have the wrong size, `NotFinite` when a factor is NaN or infinite.
    ///
    /// # Panics
    /// When `rank` is 0.
    pub fn build(factors: &[f32], rank: usize, buffer: &mut [u8], simd: Simd) -> Result<(), TopKError> {
        let items = factors.len() / rank;
        check_length("factors", items * rank, factors.len())?;
        check_length("the buffer of the index", Index::bytes(items, rank), buffer.len())?;
        check_finite("item factors", factors, rank)?;
        let layout = Layout::new(items, rank);
        // SAFETY: lines are bytes; any will do.
        let (_, lines, _) = unsafe { buffer.align_to_mut::<Line>() };
        let mut rest = lines;
        let mut part = |lines: usize| rest.split_off_mut(..lines).expect("the length was checked");
        let header = values_mut::<u64>(part(1), 3);
        let order = values_mut::<u32>(part(layout.order), items);
        let positions = values_mut::<u32>(part(layout.positions), items);
        let tiles = values_mut::<Tile>(part(layout.tiles), items.div_ceil(TILE));
        let starts = values_mut::<i32>(part(layout.starts), tiles.len() * TILE);
        let codes = values_mut::<i8>(part(layout.codes), tiles.len() * TILE * groups(rank) * 4);
        let rows = values_mut::<f32>(part(layout.rows), items * stride(rank));

        let norms: Vec<f64> = factors.chunks_exact(rank).map(exact::norm).collect();
        let mut sorted: Vec<u32> = (0..items as u32).collect();
        sorted.sort_unstable_by(|&a, &b| norms[b as usize].total_cmp(&norms[a as usize]).then(a.cmp(&b)));
        for (position, &item) in sorted.iter().enumerate() {
            positions[item as usize] = position as u32;
            let item = item as usize;
            rows[position * stride(rank)..][..rank].copy_from_slice(&factors[item * rank..][..rank]);
        }
        order.copy_from_slice(&sorted);
        let tile_codes = TILE * groups(rank) * 4;
        for (t, tile) in tiles.iter_mut().enumerate() {
            let members = t * TILE..items.min((t + 1) * TILE);
            let rows = &rows[members.start * stride(rank)..members.end * stride(rank)];
            let (codes, starts) = (&mut codes[t * tile_codes..][..tile_codes], &mut starts[t * TILE..][..TILE]);
            *tile = simd.run(Encode { rows, rank, codes, starts });
            tile.norm = norms[sorted[members.start] as usize];
            tile.least_norm = norms[sorted[members.end - 1] as usize];
        }
        header.copy_from_slice(&[MAGIC, items as u64, rank as u64]);
        Ok(())
    }

    /// Views a buffer that [`Index::build`] filled, at the same address. Costs nothing.
    ///
    /// # Errors
    /// `NotAnIndex` when it is none, `Length` when it is cut off.
    pub fn view(buffer: &'a [u8]) -> Result<Index<'a>, TopKError> {
        // SAFETY: lines are bytes; any will do.
        let (_, lines, _) = unsafe { buffer.align_to::<Line>() };
        let (header, mut rest) = lines.split_at_checked(1).ok_or(TopKError::NotAnIndex)?;
        let &[magic, items, rank] = values::<u64>(header, 3) else { return Err(TopKError::NotAnIndex) };
        if magic != MAGIC || rank == 0 {
            return Err(TopKError::NotAnIndex);
        }
        let (items, rank) = (items as usize, rank as usize);
        check_length("the buffer of the index", Index::bytes(items, rank), buffer.len())?;
        let layout = Layout::new(items, rank);
        let tiles = items.div_ceil(TILE);
        let mut part = |lines: usize| rest.split_off(..lines).expect("the length was checked");
        Ok(Index {
            items,
            rank,
            order: values(part(layout.order), items),
            positions: values(part(layout.positions), items),
            tiles: values(part(layout.tiles), tiles),
            starts: values(part(layout.starts), tiles * TILE),
            codes: values(part(layout.codes), tiles * TILE * groups(rank) * 4),
            rows: values(part(layout.rows), items * stride(rank)),
        })
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Coordinates of an item.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The factors (rank) of an item.
    ///
    /// # Panics
    /// When there is no such item.
    pub fn factors(&self, item: u32) -> &'a [f32] {
        &self.row(self.position(item))[..self.rank]
    }

    #[inline(always)]
    pub(super) fn position(&self, item: u32) -> usize {
        self.positions[item as usize] as usize
    }

    #[inline(always)]
    pub(super) fn item(&self, position: usize) -> u32 {
        self.order[position]
    }

    /// The factors at `position`, padded with zeros to the stride.
    #[inline(always)]
    pub(super) fn row(&self, position: usize) -> &'a [f32] {
        &self.rows[position * stride(self.rank)..][..stride(self.rank)]
    }

    #[inline(always)]
    pub(super) fn tiles(&self) -> &'a [Tile] {
        self.tiles
    }

    /// Of one tile: what sums start from (TILE), and codes (groups × TILE × 4).
    #[inline(always)]
    pub(super) fn tile_codes(&self, tile: usize) -> (&'a [i32; TILE], &'a [i8]) {
        let bytes = TILE * groups(self.rank) * 4;
        let starts = self.starts[tile * TILE..].first_chunk().expect("starts of whole tiles");
        (starts, &self.codes[tile * bytes..][..bytes])
    }
}

/// Writes the codes of the rows (≤ TILE × stride) of one tile; returns their scale and error.
///
/// One scale serves the tile: its items have nearly one norm. A scale for each item left 24.1 items to score instead
/// of 24.4 and cost a multiplication a vector. The bound needs the distance of an item to its codes as it
/// came out, not how the codes were chosen, so no rounding here can make the search wrong.
struct Encode<'a> {
    rows: &'a [f32],
    rank: usize,
    codes: &'a mut [i8],
    starts: &'a mut [i32],
}

impl Kernel for Encode<'_> {
    type Output = Tile;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> Tile {
        let Encode { rows, rank, codes, starts } = self;
        let largest = rows.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
        let scale = if largest == 0.0 { 1.0 } else { f64::from(largest) / ITEM_LEVELS };
        let mut worst = 0.0f64;
        for (lane, row) in rows.chunks_exact(stride(rank)).enumerate() {
            let (mut sum, mut squares) = (0, [0.0f64; 4]);
            for (group, four) in row.as_chunks::<4>().0[..groups(rank)].iter().enumerate() {
                for (j, &x) in four.iter().enumerate() {
                    let code = (f64::from(x) / scale).round_ties_even();
                    codes[(group * TILE + lane) * 4 + j] = code as i8;
                    sum += code as i32;
                    squares[j] += (f64::from(x) - code * scale).powi(2);
                }
            }
            starts[lane] = -QUERY_ZERO * sum;
            worst = worst.max(squares.iter().sum::<f64>().sqrt());
        }
        Tile { scale, error: worst, norm: 0.0, least_norm: 0.0 }
    }
}

/// Types of which any bits are a value.
trait Bits: Copy {}
impl Bits for u64 {}
impl Bits for u32 {}
impl Bits for i32 {}
impl Bits for f32 {}
impl Bits for i8 {}
impl Bits for Tile {}

fn values<T: Bits>(lines: &[Line], count: usize) -> &[T] {
    // SAFETY: any bits are a `T`; lines are aligned for all of them.
    &unsafe { lines.align_to::<T>() }.1[..count]
}

fn values_mut<T: Bits>(lines: &mut [Line], count: usize) -> &mut [T] {
    // SAFETY: as above.
    &mut unsafe { lines.align_to_mut::<T>() }.1[..count]
}
