import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ImportOptions, importDataset } from '../../src/ingest/import.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { aurochs, aurochsInTurn } from '../cli/aurochs.ts'
import { freshFolder } from '../storage/folder.ts'
import { type Descr, npyBytes, zipBytes } from '../storage/numpy/archive.ts'
import { eventsOf, pairsOf } from './imported.ts'

/** (4 × 3) Row 2 is empty, and one entry is fractional. */
const entries = [
  [0, 0, 1],
  [0, 2, 2.5],
  [1, 1, 3],
  [3, 0, 4],
  [3, 1, 5],
  [3, 2, 6],
] as const

/** What an import leaves of the file `name`, whose columns are not named unless `options` do. */
async function imported(name: string, contents: string | Uint8Array, options: Partial<ImportOptions> = {}) {
  const folder = freshFolder()
  const source = join(folder, name)
  writeFileSync(source, contents)
  const out = join(folder, 'out')
  await importDataset({ sources: [source], out, ...options })
  return Dataset.open(out, { verify: true })
}

/** Pairs by user and item, as numbers. */
function sorted(dataset: Dataset): number[][] {
  return pairsOf(dataset)
    .map(pair => pair.map(Number))
    .sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!)
}

type Entry = readonly [row: number, column: number, value: number]

interface SavedMatrix {
  readonly shape?: readonly [number, number]
  readonly index?: Descr
  readonly value?: Descr
  readonly isDeflated?: boolean
}

/** The bytes of `scipy.sparse.save_npz`. */
function npzOf(
  format: 'csr' | 'csc' | 'coo',
  all: readonly Entry[],
  { shape = [4, 3], index = '<i4', value = '<f8', isDeflated = true }: SavedMatrix = {},
): Buffer {
  const by = format === 'csc' ? 1 : 0
  const order = all.toSorted((a, b) => a[by] - b[by])
  const common = {
    'format.npy': npyBytes('|S3', [format], { shape: [] }),
    'shape.npy': npyBytes('<i8', shape),
    'data.npy': npyBytes(
      value,
      order.map(([, , weight]) => weight),
    ),
  }
  const indices = (side: 0 | 1) =>
    npyBytes(
      index,
      order.map(entry => entry[side]),
    )
  if (format === 'coo') return zipBytes({ ...common, 'row.npy': indices(0), 'col.npy': indices(1) }, { isDeflated })
  const bounds = Array.from({ length: shape[by] + 1 }, (_, row) => order.filter(entry => entry[by] < row).length)
  const files = { ...common, 'indices.npy': indices(by === 0 ? 1 : 0), 'indptr.npy': npyBytes(index, bounds) }
  return zipBytes(files, { isDeflated })
}

const mtx = (banner: string, ...lines: readonly string[]) => `%%MatrixMarket ${banner}\n${lines.join('\n')}\n`
const real = mtx('matrix coordinate real general', '4 3 6', ...entries.map(([u, i, w]) => `${u + 1} ${i + 1} ${w}`))

test('sparse matrices of scipy are read in every format, type of index and packing', async () => {
  for (const format of ['csr', 'csc', 'coo'] as const) {
    for (const index of ['<i4', '<i8'] as const) {
      for (const isDeflated of [true, false]) {
        const dataset = await imported('m.npz', npzOf(format, entries, { index, isDeflated }))
        expect(sorted(dataset)).toEqual(entries)
        expect(dataset.users.kind).toBe('integer')
      }
    }
  }
  const whole = entries.map(([u, i, w]) => [u, i, Math.ceil(w)] as const)
  for (const value of ['<f4', '<i8', '|i1'] as const) {
    expect(sorted(await imported('m.npz', npzOf('csr', whole, { value })))).toEqual(whole)
  }
  const ones = entries.map(([u, i]) => [u, i, 1] as const)
  expect(sorted(await imported('m.npz', npzOf('coo', ones, { value: '|b1' })))).toEqual(ones)
})

test('entries that come twice add up, as in scipy, and zeros are no pairs', async () => {
  const twice: Entry[] = [
    [0, 0, 1],
    [0, 0, 2],
    [1, 1, 0],
    [1, 2, 4],
  ]
  expect(sorted(await imported('m.npz', npzOf('coo', twice)))).toEqual([
    [0, 0, 3],
    [1, 2, 4],
  ])
})

test('matrices of any size are the same by rows, by columns, by entries and as text', async () => {
  const entry = fc.tuple(fc.nat(40), fc.nat(25), fc.integer({ min: 1, max: 9 }))
  const matrices = fc.uniqueArray(entry, { minLength: 1, maxLength: 200, selector: ([u, i]) => 100 * u + i })
  await fc.assert(
    fc.asyncProperty(matrices, async all => {
      const expected = all.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])
      const lines = all.map(([u, i, w]) => `${u + 1} ${i + 1} ${w}`)
      const text = mtx('matrix coordinate integer general', `41 26 ${all.length}`, ...lines)
      expect(sorted(await imported('m.mtx', text))).toEqual(expected)
      for (const format of ['csr', 'csc', 'coo'] as const) {
        expect(sorted(await imported('m.npz', npzOf(format, all, { shape: [41, 26] })))).toEqual(expected)
      }
    }),
    { numRuns: 5 },
  )
})

test('Matrix Market is read with comments, blanks, patterns and in gzip; indices count from 0', async () => {
  expect(sorted(await imported('m.mtx', real))).toEqual(entries)
  expect(sorted(await imported('m.mtx.gz', gzipSync(real)))).toEqual(entries)
  const spaced = mtx(
    'Matrix Coordinate Integer General',
    '% by hand',
    '%',
    '  2   3\t2',
    '',
    ' 1   3  7 ',
    '2\t1\t-1e0',
    '',
  )
  expect(sorted(await imported('m.mtx', spaced))).toEqual([[0, 2, 7]])
  const pattern = mtx('matrix coordinate pattern general', '2 3 2', '1 3', '2 1')
  expect(sorted(await imported('any-name', pattern))).toEqual([
    [0, 2, 1],
    [1, 0, 1],
  ])
  // By name, and the other way round.
  const turned = await imported('m.mtx', real, { user: 'column', item: 'row' })
  expect(sorted(turned)).toHaveLength(6)
  expect(turned.manifest).toMatchObject({ users: 3, items: 3 })
})

test('what is wrong with a matrix is said by file and place', async () => {
  const refused = (name: string, contents: string | Uint8Array, options?: Partial<ImportOptions>) =>
    expect(imported(name, contents, options)).rejects
  await refused('m.mtx', mtx('matrix array real general', '2 2', '1', '2', '3', '4')).toThrow(
    'm.mtx: expected a matrix in coordinate format, got matrix array; write it anew by scipy.io.mmwrite of a sparse matrix',
  )
  await refused('m.mtx', mtx('matrix coordinate complex general', '1 1 1', '1 1 1 1')).toThrow(
    'expected numbers that are real or integer, or a pattern, got complex',
  )
  await refused('m.mtx', mtx('matrix coordinate real symmetric', '1 1 1', '1 1 1')).toThrow(
    "expected a general matrix, got symmetric; write it whole, as by scipy.io.mmwrite(…, symmetry='general')",
  )
  await refused('m.mtx', mtx('matrix coordinate real general', '1 x 1', '1 1 1')).toThrow(
    'expected a line with the numbers of rows, columns and entries after the comments, got 1 x 1',
  )
  await refused('m.mtx', real.slice(0, -7)).toThrow(
    'm.mtx: expected 6 entries, as the header says, got 5; copy or write it again',
  )
  await refused('m.mtx', real.replace('4 1 4', '5 1 4')).toThrow(
    'm.mtx, row 4, column "row": expected an index from 1 to 4, got 5 of 4',
  )
  await refused('m.mtx', real.replace('2.5', 'much')).toThrow('m.mtx, row 2, column "value": expected a number')
  await refused('m.mtx', real.replace('2 2 3', '2 2 3 4')).toThrow('m.mtx, row 3, column "value": expected a number')
  await refused('m.csv', real, { format: 'csv' }).toThrow('m.csv is Matrix Market, and --format says csv: leave it out')
  await refused('m.mtx', 'a b', { format: 'matrix-market' }).toThrow(
    'm.mtx is not Matrix Market, for it does not begin as one',
  )
  await refused('m.npz', npzOf('csr', entries).subarray(0, -40)).toThrow('m.npz is no whole zip archive')
  await refused('m.npz', npzOf('coo', [[9, 0, 1]])).toThrow(
    'm.npz: rows must be indices from 0 to 3, but one is 9; save it again',
  )
  await refused('m.npz', npzOf('csr', [[0, 3, 1]])).toThrow('m.npz: columns must be indices from 0 to 2, but one is 3')
  const dia = zipBytes({
    'format.npy': npyBytes('|S3', ['dia'], { shape: [] }),
    'shape.npy': npyBytes('<i8', [2, 2]),
  })
  await refused('m.npz', dia).toThrow(
    'm.npz: expected a matrix in the format csr, csc or coo, got dia; save matrix.tocsr()',
  )
  await refused('m.npz', zipBytes({ 'user_factors.npy': npyBytes('<f4', [1]) })).toThrow(
    'm.npz: expected a sparse matrix (format, shape, data, …), got user_factors; a model of implicit is read by `aurochs import-factors`',
  )
  await refused('m.csv', 'a,b\n1,2\n').toThrow(
    'the import needs the columns of user ids and of item ids (user, item), got neither',
  )
  await refused('m.mtx', real, { user: 'row' }).toThrow('(user, item), got only row')
})

test('bad entries are left out where that is asked for', async () => {
  const dataset = await imported('m.mtx', real.replace('4 1 4', '5 1 4'), { badRows: 'skip' })
  expect(sorted(dataset)).toEqual(entries.filter(([u, i]) => u !== 3 || i !== 0))
  expect(dataset.manifest.source).toMatchObject({ badRows: 1, rows: 5 })
})

test('adjacency lists have a user a line, whose items follow', async () => {
  const text = '0 5 3\n1 \n2 7\r\n\n  3\t5   7 3 \n'
  const dataset = await imported('train.txt', text, { format: 'adjacency' })
  expect(sorted(dataset)).toEqual([
    [0, 3, 1],
    [0, 5, 1],
    [2, 7, 1],
    [3, 3, 1],
    [3, 5, 1],
    [3, 7, 1],
  ])
  expect(dataset.users.kind).toBe('integer')
  const named = await imported('train.txt', 'ann x y\nbob x\n', { format: 'adjacency' })
  expect(pairsOf(named)).toEqual([
    ['ann', 'x', 1],
    ['ann', 'y', 1],
    ['bob', 'x', 1],
  ])
  const long = Array.from({ length: 300_000 }, (_, item) => 100_000_000 + item)
  const wide = await imported('train.txt', `1 ${long.join(' ')}\n2 100000000\n`, { format: 'adjacency' })
  expect(wide.manifest).toMatchObject({ users: 2, items: 300_000, pairs: 300_001 })
})

test('ratings of MovieLens are read in each of their forms, with times', async () => {
  const rows = [
    ['1', '31', '2.5', '1260759144'],
    ['1', '1029', '3', '1260759179'],
    ['2', '31', '4', '835355493'],
  ]
  const lines = (delimiter: string) => rows.map(row => `${row.join(delimiter)}\n`).join('')
  const files = {
    'ratings.csv': `userId,movieId,rating,timestamp\n${lines(',')}`,
    'u.data': lines('\t'),
    'ratings.dat': lines('::'),
  }
  for (const [name, text] of Object.entries(files)) {
    const dataset = await imported(name, text, { format: 'movielens' })
    expect(sorted(dataset)).toEqual([
      [1, 31, 2.5],
      [1, 1029, 3],
      [2, 31, 4],
    ])
    expect(
      eventsOf(dataset)
        .map(({ time }) => time)
        .toSorted((a, b) => a - b),
    ).toEqual([835355493000, 1260759144000, 1260759179000])
  }
  await expect(imported('u.item', '1|Toy Story|x|y\n', { format: 'movielens' })).rejects.toThrow(
    'u.item: expected ratings of MovieLens (ratings.csv with the header userId,movieId,rating,timestamp; u.data with tabs; ratings.dat with ::), got the line "1|Toy Story|x|y"',
  )
})

test('the command needs no names of columns for them', async () => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'm.npz'), npzOf('csr', entries))
  writeFileSync(join(folder, 'train.txt'), '0 5 3\n')
  const matrix = await aurochs('import', join(folder, 'm.npz'), '--out', join(folder, 'a'))
  expect(matrix).toMatchObject({ status: 0, stderr: '' })
  expect(matrix.stdout).toContain('3 users, 3 items, 6 pairs (6 rows')
  const [lists, guessed] = await aurochsInTurn(
    ['import', join(folder, 'train.txt'), '--format', 'adjacency', '--out', join(folder, 'b')],
    ['import', join(folder, 'train.txt'), '--out', join(folder, 'c')],
  )
  expect(lists!.stdout).toContain('1 users, 2 items, 2 pairs')
  expect(guessed).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('--user and --item must name the columns'),
  })
})
