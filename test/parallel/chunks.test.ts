import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitByCost } from '../../src/parallel/chunks.ts'

test('chunks cover all rows in order and cost about the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 8 }),
      (lengths, chunks, perRow) => {
        const indptr = new BigUint64Array(lengths.length + 1)
        lengths.forEach((length, row) => {
          indptr[row + 1] = indptr[row] + BigInt(length)
        })
        const bounds = [...splitByCost(indptr, chunks, perRow)]
        expect(bounds[0]).toBe(0)
        expect(bounds.at(-1)).toBe(lengths.length)
        expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
        expect(bounds.length - 1).toBeLessThanOrEqual(chunks)
        const cost = (from: number, to: number) => Number(indptr[to] - indptr[from]) + (to - from) * perRow
        const fair = cost(0, lengths.length) / chunks
        // A row is never cut, so a chunk may exceed its share by less than one heaviest row.
        const heaviest = Math.max(0, ...lengths) + perRow
        for (let c = 0; c + 1 < bounds.length; c++)
          expect(cost(bounds[c], bounds[c + 1])).toBeLessThan(fair + heaviest + 1)
      },
    ),
  )
})
