import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { CatalogueError } from '../../src/catalogue/item.ts'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { freshFolder } from '../storage/folder.ts'

function open(folder = freshFolder()): CatalogueStore {
  return new CatalogueStore(join(folder, 'catalogue.db'))
}

test('an item comes back as it was put, markup and all, also after the file is opened anew', () => {
  const folder = freshFolder()
  const item = {
    id: '7',
    title: '<img src=x onerror="alert(1)"> & "so on"',
    tags: ['new', 'a <b>'],
    categories: ['films'],
    text: 'long',
    url: 'https://example.com/?a=1&b=2',
    availableFrom: 1_700_000_000_000,
    availableUntil: 1_800_000_000_000,
    vector: [0.5, -2, 3],
    hidden: true,
  }
  const store = open(folder)
  expect(store.put([item, { id: 'bare' }])).toMatchObject({ duplicates: 0, items: [{ id: '7' }, { id: 'bare' }] })
  store.close()
  const again = open(folder)
  const bare = { id: 'bare', tags: [], categories: [], hidden: false }
  expect(again.get(['bare', 'none', '7'])).toEqual([bare, undefined, item])
  again.close()
})

test('a put replaces all of an item, a patch what it names, and null takes away', () => {
  const store = open()
  store.put([{ id: 'a', title: 'One', tags: ['x', 'y'], url: 'u' }])
  store.patch([
    { id: 'a', title: 'Two', url: null },
    { id: 'b', hidden: true },
  ])
  expect(store.get(['a', 'b'])).toEqual([
    { id: 'a', title: 'Two', tags: ['x', 'y'], categories: [], hidden: false },
    { id: 'b', tags: [], categories: [], hidden: true },
  ])
  store.patch([
    { id: 'a', hidden: true },
    { id: 'a', tags: ['z'] },
  ])
  expect(store.get(['a'])).toEqual([{ id: 'a', title: 'Two', tags: ['z'], categories: [], hidden: true }])
  store.put([{ id: 'a', tags: ['w'] }])
  expect(store.get(['a'])).toEqual([{ id: 'a', tags: ['w'], categories: [], hidden: false }])
  expect(store.distinctLabels).toBe(1)
  store.close()
})

test('of one id the last counts, and the others are counted', () => {
  const store = open()
  const { duplicates, items } = store.put([{ id: 'a', title: 'first' }, { id: 'b' }, { id: 'a', title: 'last' }])
  expect([duplicates, items.length]).toEqual([1, 2])
  expect(store.get(['a'])[0]?.title).toBe('last')
  store.close()
})

test('what is wrong is named, and then nothing of the call is kept', () => {
  const store = open()
  store.put([{ id: 'v', vector: [1, 2] }])
  const wrong = [
    [
      { id: 'b', vector: [1, 2, 3] },
      'item "b", vector: expected 2 numbers, as the vectors of all other items have, got 3',
    ],
    [{ id: 'b', vector: [1, Number.NaN] }, 'expected finite numbers in single precision, got NaN at place 1'],
    [{ id: 'b', vector: [] }, 'expected 1 to 4096 numbers, got 0'],
    [{ id: 'b', title: 'x'.repeat(1001) }, 'title: expected text of 0 to 1000 characters'],
    [{ id: 'b', title: 'a\0b' }, 'without NUL'],
    [{ id: '', title: 'b' }, 'item "", id: expected text of 1 to 256 characters'],
    [{ id: 'b', tags: Array.from({ length: 65 }, (_, at) => `t${at}`) }, 'tags: expected at most 64 of them, got 65'],
    [{ id: 'b', tags: [''] }, 'tags: expected text of 1 to 128 characters'],
    [{ id: 'b', availableFrom: 0.5 }, 'availableFrom: expected whole ms since 1970, got 0.5'],
  ] as const
  for (const [item, message] of wrong) {
    expect(() => store.put([{ id: 'good', tags: ['t'] }, item])).toThrow(CatalogueError)
    expect(() => store.put([{ id: 'good', tags: ['t'] }, item])).toThrow(message)
  }
  expect(store.get(['good', 'b'])).toEqual([undefined, undefined])
  expect(store.distinctLabels).toBe(0)
  // Once no other item has a vector, the length is free.
  store.put([{ id: 'v', vector: [1, 2, 3] }])
  expect(store.get(['v'])[0]?.vector).toEqual([1, 2, 3])
  store.close()
})

test('a deleted item is known no more but stays hidden, under its number, until it is put again', () => {
  const store = open()
  const [first] = store.put([{ id: 'a', title: 'Song', tags: ['x'] }, { id: 'b' }]).items
  expect(store.delete(['a', 'a', 'never'])).toMatchObject({
    duplicates: 1,
    items: [{ hidden: true }, { hidden: true }],
  })
  expect(store.get(['a', 'never'])).toEqual([undefined, undefined])
  expect(store.search({ text: 'song', limit: 10 })).toEqual({ items: [] })
  expect([...store.itemsWith('tag', 'x')]).toEqual([])
  store.patch([{ id: 'a', title: 'Back' }])
  expect(store.statesAfter(0, 1)).toMatchObject([{ id: 'a', number: first?.number, hidden: false, tags: [] }])
  store.close()
})

test('items are found by words, by the beginning of the last, and by labels, page by page', () => {
  const store = open()
  store.put([
    { id: 'a-1', title: 'The quick brown Fox', tags: ['x', 'y'] },
    { id: 'a-2', title: 'Quick foxes of 東京', tags: ['x'], categories: ['animals'] },
    { id: 'b-3', title: 'Café Müller', hidden: true },
    { id: 'b-4', title: 'slow fox' },
  ])
  const found = (query: object) => store.search({ limit: 10, ...query }).items.map(({ id }) => id)
  expect(found({ text: 'quick FOX' })).toEqual(['a-1', 'a-2'])
  expect(found({ text: 'fox quick' })).toEqual(['a-1'])
  expect(found({ text: 'caf' })).toEqual(['b-3'])
  expect(found({ text: '東' })).toEqual(['a-2'])
  expect(found({ text: 'b' })).toEqual(['a-1', 'b-3', 'b-4'])
  expect(found({ text: 'b 4' })).toEqual(['b-4'])
  expect(found({ text: "' OR 1=1 --" })).toEqual([])
  expect(found({ tags: ['y', 'z'] })).toEqual(['a-1'])
  expect(found({ tags: ['x'], noTags: ['y'] })).toEqual(['a-2'])
  expect(found({ allTags: ['x', 'y'] })).toEqual(['a-1'])
  expect(found({ categories: ['animals'], text: 'fox' })).toEqual(['a-2'])
  expect(found({ hidden: true })).toEqual(['b-3'])
  const page = store.search({ limit: 3 })
  expect([page.items.length, store.search({ limit: 3, after: page.next }).items.map(({ id }) => id)]).toEqual([
    3,
    ['b-4'],
  ])
  expect(store.search({ limit: 3, after: page.next }).next).toBeUndefined()
  store.close()
})

test('times of change are found in order, whichever way the clock goes', () => {
  const store = open()
  store.put([{ id: 'a', availableFrom: 100, availableUntil: 300 }, { id: 'b', availableUntil: 200 }, { id: 'c' }])
  expect([0, 100, 250, 300].map(now => store.nextChange(now))).toEqual([100, 200, 300, undefined])
  expect(
    store
      .changingBetween(50, 200)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(['a', 'b'])
  expect(store.changingBetween(200, 150).map(({ id }) => id)).toEqual(['b'])
  expect(store.changingBetween(250, 260)).toEqual([])
  store.close()
})

test('labels of users are kept, replaced and forgotten', () => {
  const store = open()
  store.putUsers([
    { id: 'ann', labels: ['vip', 'vip', 'de'] },
    { id: 'bob', labels: ['x'] },
  ])
  store.putUsers([{ id: 'bob', labels: [] }])
  expect(store.getUsers(['ann', 'bob'])).toEqual([
    { id: 'ann', labels: ['vip', 'de'] },
    { id: 'bob', labels: [] },
  ])
  store.forgetUser('ann')
  expect(store.getUsers(['ann'])).toEqual([{ id: 'ann', labels: [] }])
  expect(() => store.putUsers([{ id: 'eve', labels: Array(65).fill('x') }])).toThrow('expected at most 64')
  store.close()
})

test('a million different tags are found as fast as few, and more are refused until some are free', () => {
  const folder = freshFolder()
  open(folder).close()
  const database = new DatabaseSync(join(folder, 'catalogue.db'))
  database.exec(`PRAGMA synchronous = OFF; BEGIN;
    INSERT INTO items (id, tags, categories, hidden, deleted) VALUES ('many', '["t1"]', '[]', 0, 0);
    WITH RECURSIVE tags(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM tags WHERE n < 1000000)
      INSERT INTO labels (number, kind, name) SELECT n, 'tag', 't' || n FROM tags;
    INSERT INTO item_labels VALUES (1, 1), (7, 2), (77777, 3);
    COMMIT`)
  database.close()
  const store = open(folder)
  const before = process.cpuUsage()
  const message = 'the catalogue would have more than 1000000 different tags and categories, the first with item "b"'
  expect(() =>
    store.put([
      { id: 'a', tags: ['t7'] },
      { id: 'b', tags: ['one more'] },
    ]),
  ).toThrow(message)
  expect(store.distinctLabels).toBe(1_000_000)
  expect([...store.itemsWith('tag', 't77777')]).toEqual([3])
  store.put([{ id: 'many', tags: ['t2'] }])
  store.put([{ id: 'b', tags: ['one more'] }])
  expect(store.distinctLabels).toBe(1_000_000)
  expect(store.search({ tags: ['one more'], limit: 5 }).items.map(({ id }) => id)).toEqual(['b'])
  expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000)
  store.close()
})
