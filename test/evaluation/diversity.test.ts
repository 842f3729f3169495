import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ListDiversity } from '../../src/evaluation/metrics/diversity.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { csrOf } from '../storage/csr-of.ts'

test('the cosine of two items is that of their columns, whether few have them or many', () => {
  const worlds = fc.record({ users: fc.integer({ min: 1, max: 300 }), seed: fc.nat() })
  fc.assert(
    fc.property(worlds, ({ users, seed }) => {
      const random = randomNumbers(seed)
      // From nobody to everybody: below a 32nd of the users lists are compared, above bits.
      const shares = [0, 0.004, 0.01, 0.02, 0.03, 0.05, 0.3, 0.9, 1]
      const matrix = Array.from({ length: users }, () => shares.map(share => Number(random() < share)))
      const diversity = new ListDiversity(csrOf(matrix))
      const product = (a: number, b: number) => matrix.reduce((sum, row) => sum + row[a]! * row[b]!, 0)
      const cosine = (a: number, b: number) => product(a, b) / (Math.sqrt(product(a, a) * product(b, b)) || 1)
      const list = Uint32Array.from(shares.keys())
      // Twice: the second time it is remembered.
      for (const a of [...list, ...list]) {
        for (const b of list) expect(diversity.cosine(a, b)).toBeCloseTo(cosine(a, b), 12)
      }
      for (let cut = 2; cut <= list.length + 2; cut++) {
        const places = [...list.subarray(0, cut)]
        const distances = places.flatMap(a => places.filter(b => b !== a).map(b => 1 - cosine(a, b)))
        expect(diversity.of(list, cut)).toBeCloseTo(distances.reduce((a, b) => a + b) / distances.length, 12)
      }
    }),
  )
})

test('more pairs than are remembered are right all the same', () => {
  const random = randomNumbers(8)
  const matrix = Array.from({ length: 40 }, () => Array.from({ length: 900 }, () => Number(random() < 0.2)))
  const diversity = new ListDiversity(csrOf(matrix))
  const users = matrix[0]!.map((_, item) => new Set(matrix.flatMap((row, user) => (row[item] ? [user] : []))))
  for (let a = 0; a < 900; a++) {
    for (let b = 0; b < 900; b++) {
      const expected =
        [...users[a]!].filter(user => users[b]!.has(user)).length / (Math.sqrt(users[a]!.size * users[b]!.size) || 1)
      if (Math.abs(diversity.cosine(a, b) - expected) > 1e-12) expect.fail(`items ${a} and ${b}`)
    }
  }
})
