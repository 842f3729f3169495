//! The lower triangle of a symmetric matrix, in square tiles.

/// Columns of a packed panel of the right operand; sizes of tiles are multiples of it.
pub const PANEL: usize = 32;

/// How the triangle of a symmetric matrix (items × items) lies in memory: tile (i, j) with i ≥ j is number
/// i(i + 1)/2 + j, each `size` × `size`, row-major. Tiles on the diagonal are whole. The last tiles are padded to whole ones: there the
/// matrix is that of identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiles {
    /// Rows of the matrix.
    pub items: usize,
    /// Rows of a tile: a multiple of [`PANEL`].
    pub size: usize,
}

impl Tiles {
    /// # Errors
    /// When the size of tiles is none, or `values` are not as many as the tiles have.
    pub fn new(items: usize, size: usize, values: usize) -> Result<Self, String> {
        if size == 0 || !size.is_multiple_of(PANEL) || size > 4096 {
            return Err(format!("the size of tiles must be a multiple of {PANEL} from {PANEL} to 4096, got {size}"));
        }
        let tiles = Tiles { items, size };
        // Items are below 2³², and so all this below 2¹²⁷.
        let expected = {
            let count = tiles.count() as u128;
            count * (count + 1) / 2 * (size * size) as u128
        };
        if values as u128 != expected {
            return Err(format!("the triangle of {items} items must have {expected} values, got {values}"));
        }
        Ok(tiles)
    }

    /// Rows of tiles.
    pub fn count(&self) -> usize {
        self.items.div_ceil(self.size)
    }

    /// Rows with the padding.
    pub fn padded(&self) -> usize {
        self.count() * self.size
    }

    /// Values of a tile.
    pub fn area(&self) -> usize {
        self.size * self.size
    }

    /// The number of tile (`row`, `column`) where `row` ≥ `column`.
    pub fn number(row: usize, column: usize) -> usize {
        debug_assert!(row >= column);
        row * (row + 1) / 2 + column
    }

    /// The row and column of a tile by its number.
    pub fn place(number: usize) -> (usize, usize) {
        let mut row = ((((8 * number + 1) as f64).sqrt() - 1.0) / 2.0) as usize;
        // The root may be rounded either way.
        while Tiles::number(row, 0) > number {
            row -= 1;
        }
        while Tiles::number(row + 1, 0) <= number {
            row += 1;
        }
        (row, number - Tiles::number(row, 0))
    }

    /// The value at row `i`, column `j` of the matrix in `triangle`.
    pub fn value(&self, triangle: &[f32], i: usize, j: usize) -> f32 {
        let (i, j) = (i.max(j), i.min(j));
        let tile = Tiles::number(i / self.size, j / self.size) * self.area();
        triangle[tile + (i % self.size) * self.size + j % self.size]
    }
}
