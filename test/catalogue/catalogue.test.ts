import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { catalogueBounds } from '../../src/catalogue/bounds.ts'
import { Catalogue } from '../../src/catalogue/catalogue.ts'
import { CatalogueError, CatalogueStorageError } from '../../src/catalogue/item.ts'
import type { VisibilityChange } from '../../src/catalogue/visibility.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'

/** Rows of items `i0`, `i1` and so on. */
function rowsOf(size: number) {
  const indexOf = (id: string) => (/^i\d+$/.test(id) && Number(id.slice(1)) < size ? Number(id.slice(1)) : -1)
  return { size, indicesOf: (ids: readonly string[]) => ids.map(indexOf) }
}

async function opened(folder = freshFolder()) {
  const changes: VisibilityChange[] = []
  const catalogue = await Catalogue.open(folder, { onChange: change => changes.push(change) })
  onTestFinished(() => catalogue.close())
  return { folder, catalogue, changes }
}

test('bitmaps are what the items say, whatever changes come in whatever order', async () => {
  const seed = 5
  const random = randomNumbers(seed)
  const below = (end: number) => Math.floor(random() * end)
  const { catalogue } = await opened()
  const size = 70
  const first = await catalogue.attach(rowsOf(size))
  const narrowing = { tags: ['a', 'b'], noTags: ['c'], categories: ['x'] }
  const others = { noTags: ['a'] }
  for (let round = 0; round < 30; round++) {
    const labels = (names: string[]) => names.filter(() => below(2) === 0)
    const items = Array.from({ length: 1 + below(9) }, () => ({
      id: `i${below(size + 10)}`,
      tags: labels(['a', 'b', 'c']),
      categories: labels(['x', 'y']),
      hidden: below(4) === 0,
      ...(below(4) === 0 && { availableFrom: Date.now() + (below(2) ? 1e6 : -1e6) }),
      ...(below(4) === 0 && { availableUntil: Date.now() + (below(2) ? 1e6 : -1e6) }),
    }))
    const put = below(3) === 0 ? catalogue.delete(items.map(({ id }) => id)) : catalogue.put(items)
    if (round === 10) await first.make(narrowing)
    else if (round === 12) await Promise.all([first.make(narrowing), first.make(others)])
    await put
  }
  const second = await catalogue.attach(rowsOf(size))
  await Promise.all([second.make(narrowing), second.make(others)])
  const ids = Array.from({ length: size }, (_, row) => `i${row}`)
  const known = await catalogue.get(ids)
  const expected = (isIn: (tags: readonly string[], categories: readonly string[]) => boolean) =>
    ids.filter((_, row) => second.has(row) && isIn(known[row]?.tags ?? [], known[row]?.categories ?? []))
  const bitsOf = (bitmap: Uint32Array) => ids.filter((_, row) => (bitmap[row >>> 5]! >>> (row & 31)) & 1)
  for (const visibility of [first, second]) {
    const available = ids.filter((_, row) => visibility.has(row))
    expect(available, `seed ${seed}`).toEqual(ids.filter((_, row) => second.has(row)))
    expect(visibility.unavailable).toBe(size - available.length)
    expect(bitsOf(visibility.narrowed(narrowing)!)).toEqual(
      expected(
        (tags, [...own]) => own.includes('x') && !tags.includes('c') && (tags.includes('a') || tags.includes('b')),
      ),
    )
    expect(bitsOf(visibility.narrowed(others)!)).toEqual(expected(tags => !tags.includes('a')))
  }
  const now = Date.now()
  for (const [row, item] of known.entries()) {
    if (!item) continue
    const isIn =
      !item.hidden && (item.availableFrom ?? 0) <= now && now < (item.availableUntil ?? Number.POSITIVE_INFINITY)
    expect(second.has(row), item.id).toBe(isIn)
  }
})

test('narrowings that were not used for long make room, and come again', async () => {
  const { catalogue } = await opened()
  await catalogue.put([{ id: 'i3', tags: ['t0'] }])
  // Of 32 MiB each, only the least number of bitmaps is kept.
  const visibility = await catalogue.attach(rowsOf(2 ** 28))
  for (let at = 0; at < 18; at++) await visibility.make({ tags: [`t${at}`] })
  expect([visibility.narrowed({ tags: ['t0'] }), visibility.narrowed({ tags: ['t17'] })?.length]).toEqual([
    undefined,
    2 ** 23,
  ])
  await visibility.make({ tags: ['t0'] })
  expect(visibility.narrowed({ tags: ['t0'] })![0]).toBe(8)
})

test('who changes nothing that lists may have makes no list anew', async () => {
  const { catalogue, changes } = await opened()
  const visibility = await catalogue.attach(rowsOf(10))
  await visibility.make({ tags: ['a'] })
  await catalogue.put([
    { id: 'i1', title: 'One' },
    { id: 'elsewhere', tags: ['a'], hidden: true },
  ])
  expect([changes, visibility.allowed]).toEqual([[], undefined])
  await catalogue.patch([{ id: 'i1', tags: ['a'] }])
  await catalogue.patch([{ id: 'i1', hidden: true }])
  await catalogue.delete(['i1'])
  await catalogue.put([{ id: 'i1' }])
  expect(changes).toEqual([
    { removed: false, added: 'narrowed' },
    { removed: true, added: 'none' },
    { removed: false, added: 'all' },
  ])
  expect(visibility.allowed).toBeUndefined()
})

test('that an item is not hidden does not bring it back once it is deleted', async () => {
  const { catalogue } = await opened()
  const visibility = await catalogue.attach(rowsOf(10))
  await catalogue.put([{ id: 'i1', title: 'One' }])
  await catalogue.delete(['i1'])
  await catalogue.patch([{ id: 'i1', hidden: false }])
  expect(visibility.has(1)).toBe(false)
  expect(await catalogue.get(['i1'])).toEqual([undefined])
  await catalogue.patch([{ id: 'i1', title: 'One again' }])
  expect(visibility.has(1)).toBe(true)
})

test('what is refused is told from a disk that fails, and a file that is gone is missed', async () => {
  const { folder, catalogue } = await opened()
  await expect(catalogue.put([{ id: '' }])).rejects.toThrow(CatalogueError)
  await catalogue.put([{ id: 'i1', title: 'kept' }])
  rmSync(join(folder, 'catalogue.db'))
  const failed = catalogue.put([{ id: 'i2' }])
  await expect(failed).rejects.toThrow(CatalogueStorageError)
  await expect(failed).rejects.toThrow('catalogue.db was removed or replaced while it was in use')
})

test('a file that is no catalogue is refused with its remedy', async () => {
  const folder = join(freshFolder(), 'state')
  mkdirSync(folder)
  const other = new DatabaseSync(join(folder, 'catalogue.db'))
  other.exec('CREATE TABLE notes (text TEXT)')
  other.close()
  await expect(Catalogue.open(folder)).rejects.toThrow(
    /catalogue\.db does not hold a catalogue, .*: use the version of Aurochs that made it, or import the catalogue into another --state/,
  )
})

test('a catalogue that cannot be read leaves no thread behind', async () => {
  const folder = freshFolder()
  const { catalogue } = await opened(folder)
  await catalogue.put([{ id: 'a' }])
  await catalogue.close()
  const database = new DatabaseSync(join(folder, 'catalogue.db'))
  database.exec(`DROP TABLE boosts; CREATE VIEW boosts AS SELECT id, json(id) AS factor FROM items`)
  database.close()
  const ports = () => process.getActiveResourcesInfo().filter(kind => kind === 'MessagePort').length
  const before = ports()
  await expect(Catalogue.open(folder)).rejects.toThrow('malformed JSON')
  expect(ports()).toBe(before)
})

test('promotions go with their items, pins when they have ended, and those of items that it lacks are shown', async () => {
  const { folder, catalogue } = await opened()
  await catalogue.put([{ id: 'a' }, { id: 'b' }])
  await catalogue.boost(['a', 'c'], 2)
  await catalogue.pin(['a', 'b', 'c'].map(id => ({ id, place: 1 })))
  expect(await catalogue.get(['c', 'd'])).toEqual([
    { id: 'c', tags: [], categories: [], hidden: false, boost: 2, pin: { place: 1 } },
    undefined,
  ])
  expect(await catalogue.get(['c'], Date.now())).toEqual([undefined])
  await catalogue.delete(['a', 'c'])
  expect([...catalogue.promotions.boosts.keys(), ...catalogue.promotions.pins.keys()]).toEqual(['b'])
  const ended = Array.from({ length: catalogueBounds.pins - 1 }, (_, at) => ({ id: `p${at}`, place: 1, until: 1 }))
  await catalogue.pin(ended)
  await catalogue.pin(ended.map(({ id }) => ({ id: `other ${id}`, place: 1 })))
  expect(catalogue.promotions.pins.size).toBe(catalogueBounds.pins)
  await catalogue.close()
  const { catalogue: again } = await opened(folder)
  expect([again.promotions.boosts.size, again.promotions.pins.size]).toEqual([0, catalogueBounds.pins])
  expect(await again.get(['a'])).toEqual([undefined])
})

test('changes wait neither for tags nor for all new items to be let in', async () => {
  const { catalogue } = await opened()
  const size = 12_000
  const items = Array.from({ length: size / 2 }, (_, at) => ({ id: `i${at}`, hidden: true, tags: ['x'] }))
  const ids = Array.from({ length: size }, (_, at) => `i${at}`)
  const order: string[] = []
  const done = (what: string) => () => void order.push(what)
  const visibility = await catalogue.attach(rowsOf(size))
  await catalogue.put(items)
  for (let row = 0; row < size; row++) visibility.hold(row)
  const admitted = catalogue.admit(visibility, ids).then(done('all are let in'))
  const put = catalogue.put(items.slice(0, 500)).then(done('a change'))
  expect((await catalogue.tagsOf(['i1', 'nobody'])).get('i1')).toEqual(['x'])
  done('tags')()
  await Promise.all([admitted, put])
  expect(order).toEqual(['tags', 'a change', 'all are let in'])
  expect(visibility.unavailable).toBe(size / 2)
})
