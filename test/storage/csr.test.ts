import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MappedCsr, selectedRows, transposed } from '../../src/storage/csr.ts'
import { writeSafetensors } from '../../src/storage/safetensors.ts'
import { csrOf } from './csr-of.ts'
import { freshFolder } from './folder.ts'

const dense = fc
  .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .chain(([rows, columns]) =>
    fc.array(fc.array(fc.nat(3), { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
  )

test('transposing swaps rows and columns and keeps them sorted', () => {
  fc.assert(
    fc.property(dense, matrix => {
      const turned = matrix[0]!.map((_, column) => matrix.map(row => row[column]!))
      expect(transposed(csrOf(matrix))).toEqual(csrOf(turned))
    }),
  )
})

test('a matrix comes back from its file', async () => {
  const path = join(freshFolder(), 'csr')
  const matrix = csrOf([
    [0, 2, 1],
    [0, 0, 0],
    [3, 0, 0],
  ])
  await write(path, matrix)
  expect(MappedCsr.open(path, 3, { verify: true })).toMatchObject(matrix)
})

test('what is no matrix is refused, the cheap signs always, the rest when verifying', async () => {
  const folder = freshFolder()
  const good = {
    indptr: BigUint64Array.of(0n, 1n, 3n),
    indices: Uint32Array.of(0, 0, 1),
    weights: Float32Array.of(1, 1, 1),
  }
  let files = 0
  const opened = async (change: Partial<typeof good>, verify: boolean) => {
    const path = join(folder, `${files++}`)
    await write(path, { ...good, ...change })
    return () => MappedCsr.open(path, 2, { verify })
  }
  expect(await opened({}, true)).not.toThrow()
  expect(await opened({ indptr: BigUint64Array.of(0n, 1n, 4n) }, false)).toThrow('do not fit together')
  expect(await opened({ indptr: BigUint64Array.of(1n, 1n, 3n) }, false)).toThrow('do not fit together')
  expect(await opened({ indptr: new BigUint64Array(0) }, false)).toThrow('do not fit together')
  expect(await opened({ weights: Float32Array.of(1) }, false)).toThrow('do not fit together')
  expect(await opened({ indptr: BigUint64Array.of(0n, 4n, 3n) }, true)).toThrow('row 0 must lie within')
  expect(await opened({ indices: Uint32Array.of(0, 1, 0) }, true)).toThrow('the columns of row 1 must rise')
  expect(await opened({ indices: Uint32Array.of(0, 1, 1) }, true)).toThrow('the columns of row 1 must rise')
  expect(await opened({ indices: Uint32Array.of(0, 0, 2) }, true)).toThrow(
    'row 1 has an entry in column 2, expected less than 2',
  )
  expect(await opened({ weights: Float32Array.of(1, 1, Number.NaN) }, true)).toThrow(
    'weights must be finite and above 0, but row 1 has NaN',
  )
})

test('a file is refused when verifying if and only if it holds no matrix', async () => {
  const folder = freshFolder()
  const damaged = fc.record({
    ends: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }),
    indices: fc.array(fc.nat(5), { minLength: 5, maxLength: 5 }),
    weights: fc.array(fc.constantFrom(1, 0.5, 2, 0, -1, Infinity, Number.NaN), { minLength: 5, maxLength: 5 }),
  })
  const sound = fc.record({
    ends: fc.array(fc.nat(5), { minLength: 1, maxLength: 4 }).map(ends => ends.sort()),
    indices: fc.constant([0, 1, 2, 3, 4]),
    weights: fc.constant([1, 2, 0.5, 3, 1]),
  })
  let [files, refused] = [0, 0]
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, sound), async ({ ends, indices, weights }) => {
      const path = join(folder, `${files++}`)
      const bounds = [0, ...ends.slice(0, -1), 5]
      const rows = bounds.slice(1).map((end, row) => ({ begin: bounds[row]!, end }))
      const isMatrix = rows.every(
        ({ begin, end }) =>
          begin <= end &&
          indices.slice(begin, end).every((column, at, all) => column < 5 && (at === 0 || column > all[at - 1]!)) &&
          weights.slice(begin, end).every(weight => weight > 0 && weight < Infinity),
      )
      await write(path, {
        indptr: BigUint64Array.from(bounds, BigInt),
        indices: Uint32Array.from(indices),
        weights: Float32Array.from(weights),
      })
      const open = () => MappedCsr.open(path, 5, { verify: true })
      if (isMatrix) expect(open).not.toThrow()
      else expect(open).toThrow(`${path} holds no matrix`)
      refused += isMatrix ? 0 : 1
    }),
    { numRuns: 200 },
  )
  expect(refused).toBeGreaterThan(20)
  expect(files - refused).toBeGreaterThan(5)
})

test('rows are selected in any order, more than once, and empty where there is none', () => {
  const matrix = csrOf([
    [1, 0, 2],
    [0, 0, 0],
    [0, 3, 4],
  ])
  expect(selectedRows(matrix, Int32Array.of(2, -1, 0, 2, 1))).toEqual(
    csrOf([
      [0, 3, 4],
      [0, 0, 0],
      [1, 0, 2],
      [0, 3, 4],
      [0, 0, 0],
    ]),
  )
})

type Arrays = { indptr: BigUint64Array; indices: Uint32Array; weights: Float32Array }

function write(path: string, { indptr, indices, weights }: Arrays): Promise<void> {
  const tensors = Object.entries({ indptr, indices, weights }).map(([name, data]) => [
    name,
    { data, shape: [data.length] },
  ])
  return writeSafetensors(path, Object.fromEntries(tensors))
}
