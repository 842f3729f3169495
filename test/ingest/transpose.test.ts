import fc from 'fast-check'
import { expect, test } from 'vitest'
import { transposedParts } from '../../src/ingest/transpose.ts'
import { transposed } from '../../src/storage/csr.ts'
import { csrOf } from '../storage/csr-of.ts'

test('the parts together are the transpose, however many pairs fit in one', () => {
  const dense = fc
    .integer({ min: 1, max: 8 })
    .chain(columns => fc.array(fc.array(fc.nat(3), { minLength: columns, maxLength: columns }), { minLength: 1 }))
  fc.assert(
    fc.property(dense, fc.integer({ min: 1, max: 20 }), (rows, most) => {
      const matrix = csrOf(rows)
      const { indptr, indices, weights } = transposed(matrix)
      const parts = [...transposedParts(matrix, indptr, most)]
      expect(parts.flatMap(part => [...part.indices])).toEqual([...indices])
      expect(parts.flatMap(part => [...part.weights])).toEqual([...weights])
      // A column with more pairs than that is a part of its own.
      const heaviest = Math.max(...Array.from(indptr.subarray(1), (end, column) => Number(end - indptr[column]!)))
      for (const part of parts) expect(part.indices.length).toBeLessThanOrEqual(Math.max(most, heaviest))
    }),
  )
})
