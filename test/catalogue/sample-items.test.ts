import { expect, test } from 'vitest'
import { assertItem } from '../../src/catalogue/item.ts'
import { sampleItemOf } from '../../src/catalogue/sample-items.ts'

test('items of the sample have titles and tags, the same each time, and mostly titles of their own', () => {
  const ids = Array.from({ length: 1000 }, (_, at) => `${['jazz', 'tango'][at % 2]}-${at}`)
  const items = ids.map(sampleItemOf)
  expect(ids.map(sampleItemOf)).toEqual(items)
  for (const item of items) assertItem(item)
  expect(items[0]).toMatchObject({ id: 'jazz-0', categories: ['roots'] })
  expect(items[1]).toMatchObject({ id: 'tango-1', categories: ['world'] })
  expect(items[0]!.tags).toHaveLength(4)
  expect(items[0]!.tags![0]).toBe('jazz')
  expect(new Set(items.map(({ title }) => title)).size).toBeGreaterThan(800)
  expect(new Set(items.flatMap(({ tags }) => tags)).size).toBe(2 + 6 + 3 + 7)
})
