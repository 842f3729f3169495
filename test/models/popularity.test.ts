import fc from 'fast-check'
import { expect, test } from 'vitest'
import { popularItems, popularityOf } from '../../src/models/open/popularity.ts'

const sortedSubset = (size: number) => fc.uniqueArray(fc.nat(size - 1)).map(items => Uint32Array.from(items).sort())

const catalogues = fc.array(fc.nat(5), { minLength: 1, maxLength: 30 }).chain(users =>
  fc.record({
    users: fc.constant(users),
    limit: fc.integer({ min: 1, max: 40 }),
    exclude: sortedSubset(users.length),
    only: fc.option(sortedSubset(users.length), { nil: undefined }),
  }),
)

test('the popular items are those that counting and sorting finds, whatever is excluded', () => {
  fc.assert(
    fc.property(catalogues, ({ users, limit, exclude, only }) => {
      const indptr = new BigUint64Array(users.length + 1)
      users.forEach((count, item) => {
        indptr[item + 1] = indptr[item]! + BigInt(count)
      })
      const popularity = popularityOf({ rows: users.length, indptr })
      const order = [...users.keys()].sort((a, b) => users[b]! - users[a]! || a - b)
      expect([...popularity.counts.data]).toEqual(users)
      expect([...popularity.order.data]).toEqual(order)
      const { items, scores } = popularItems(popularity, limit, exclude, { only })
      const allowed = order.filter(item => !exclude.includes(item) && (!only || only.includes(item)))
      expect([...items]).toEqual(allowed.slice(0, limit))
      expect([...scores]).toEqual(Array(items.length).fill(0))
    }),
  )
})
