import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { catalogueFile } from '../../src/catalogue/format.ts'
import { withCatalogue } from '../../src/catalogue/idle-catalogue.ts'
import type { ItemInput } from '../../src/catalogue/item.ts'
import { inspectArtifact } from '../../src/models/artifact/artifact.ts'
import type { RecommendedList } from '../../src/recommend/lists/lists.ts'
import { type PlacementVersion, place } from '../../src/recommend/placing/placing-jobs.ts'
import { Recommender } from '../../src/recommend/recommender.ts'
import { catalogue, fresh, genres, items, writeGenreModels } from './genres.ts'
import { writeNamedModel } from './models.ts'
import { eventOf } from './observed.ts'

const algorithms = ['als', 'ease'] as const

let folder: string
const modelOf = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-placing-'))
  await writeGenreModels(folder, algorithms)
})
afterAll(() => rmSync(folder, { recursive: true }))

const idsOf = ({ items }: { readonly items: readonly { readonly item: string | number }[] }) =>
  items.map(({ item }) => item)

/** Of equal scores those of lower ids first: new items have rows in the order in which they came. */
const inOrder = ({ items }: RecommendedList) =>
  items.toSorted((a, b) => b.score - a.score || (`${a.item}` < `${b.item}` ? -1 : 1))

async function until<Value>(make: () => Promise<Value>, isWanted: (value: Value) => boolean): Promise<Value> {
  for (let left = 600; ; left--) {
    const value = await make()
    if (isWanted(value)) return value
    if (left === 0) throw new Error(`waited in vain, the last was ${JSON.stringify(value)}`)
    await wait(10)
  }
}

describe.each(algorithms)('%s', name => {
  let recommender: Recommender
  const open = () => Recommender.open({ model: modelOf(name), state: join(folder, `${name}-state`), threads: 1 })
  const listFor = (user: string, more: object = {}) => recommender.recommend({ user, limit: 20, ...more })
  const similarTo = (item: string, more: object = {}) => recommender.similar({ item, limit: 30, ...more })

  beforeAll(async () => {
    recommender = await open()
    await recommender.catalogue.put(catalogue)
    await recommender.catalogue.put([fresh('n1', 1), fresh('n2', 2)])
    await until(
      () => listFor('u1'),
      list => idsOf(list).includes('n1'),
    )
  }, 30_000)
  afterAll(() => recommender.close())

  test('new items come to those who like what is like them, below the best, and what that is worth is known', async () => {
    const [ofOne, ofTwo] = [await listFor('u1'), await listFor('u2')]
    const place = (list: typeof ofOne, item: string) => (idsOf(list).indexOf(item) + 1 || 1000) - 1
    expect(place(ofOne, 'n1')).toBeLessThan(place(ofOne, 'n2'))
    expect(place(ofTwo, 'n2')).toBeLessThan(place(ofTwo, 'n1'))
    expect(place(ofOne, 'n1')).toBeGreaterThan(0)
    const scores = ofOne.items.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    expect(recommender.generation.placing).toMatchObject({ known: items, isBetterThanChance: true })
    expect(recommender.generation.placing!.auc - recommender.generation.placing!.margin).toBeGreaterThan(0.6)
  })

  test('lists that are narrowed, that leave items out, or are of given ones, hold new ones as they do others', async () => {
    expect(idsOf(await listFor('u1', { tags: ['new'] }))).toContain('n1')
    expect(idsOf(await listFor('u1', { noTags: ['new'] }))).not.toContain('n1')
    expect(idsOf(await listFor('u1', { exclude: ['n1'] }))).not.toContain('n1')
    expect(idsOf(await listFor('u1', { only: ['n1', 'n2'] }))[0]).toBe('n1')
    expect(idsOf(await listFor('u1', { diversity: 0.3, limit: 15 }))).toHaveLength(15)
  })

  test('a list whose items are to differ has a new item no sooner for being new', async () => {
    await recommender.catalogue.put([1, 2, 3, 4, 5].map(number => fresh(`alike${number}`, 1)))
    await until(
      () => listFor('u1', { limit: 45 }),
      list => idsOf(list).includes('alike5'),
    )
    const spread = idsOf(await listFor('u1', { diversity: 0.8, limit: 5 }))
    expect(spread.filter(item => `${item}`.startsWith('alike') || item === 'n1').length).toBeLessThanOrEqual(2)
    await recommender.catalogue.delete([1, 2, 3, 4, 5].map(number => `alike${number}`))
  })

  test('a new item is similar to those of its kind, and they to it', async () => {
    const ofNew = idsOf(await similarTo('n1')).filter(item => item !== 'n2')
    expect(ofNew.length).toBeGreaterThan(5)
    expect(ofNew).not.toContain('n1')
    const genre = (item: string | number) => Number(`${item}`.slice(1)) % genres
    expect(ofNew.slice(0, 5).map(genre)).toEqual([1, 1, 1, 1, 1])
    expect(idsOf(await similarTo('i5'))).toContain('n1')
    expect(idsOf(await similarTo('n1', { tags: ['genre1'] })).every(item => genre(item) === 1)).toBe(true)
    await expect(similarTo('nothing')).rejects.toThrow('nothing')
  })

  test('what is explained of it says that it is fresh, and which items speak for it', async () => {
    const { items: explained } = await recommender.explain('u1', ['n1', 'i1'])
    const found = explained.find(({ item }) => item === 'n1')!
    expect(found.source).toBe('fresh')
    expect(found.because.length).toBeGreaterThan(0)
  })

  test('a hidden one is in no list any more at once, a shown one in all again, a deleted one is not known', async () => {
    await recommender.catalogue.patch([{ id: 'n1', hidden: true }])
    expect(idsOf(await listFor('u1'))).not.toContain('n1')
    expect(idsOf(await similarTo('i5'))).not.toContain('n1')
    await recommender.catalogue.patch([{ id: 'n1', hidden: false }])
    expect(idsOf(await listFor('u1'))).toContain('n1')
    await recommender.catalogue.delete(['n1'])
    expect(idsOf(await listFor('u1'))).not.toContain('n1')
    await until(
      () =>
        similarTo('n1').then(
          () => 'known',
          () => 'unknown',
        ),
      found => found === 'unknown',
    )
    await recommender.catalogue.put([{ ...fresh('n1', 1), hidden: true }, fresh('n3', 1)])
    await until(
      () => listFor('u1'),
      list => idsOf(list).includes('n3'),
    )
    expect(idsOf(await listFor('u1'))).not.toContain('n1')
    await recommender.catalogue.put([fresh('n1', 1)])
    await until(
      () => listFor('u1'),
      list => idsOf(list).includes('n1'),
    )
  })

  test('an item that is said to be of another kind comes to others', async () => {
    const { put, patch } = { put: [fresh('moving', 1)], patch: { id: 'moving', tags: ['genre2', 'new'] } }
    await recommender.catalogue.put(put)
    await until(
      () => listFor('u1'),
      list => idsOf(list).includes('moving'),
    )
    await recommender.catalogue.patch([patch])
    const first = (list: Awaited<ReturnType<typeof listFor>>) => idsOf(list).indexOf('moving')
    await until(
      () => listFor('u2'),
      list => first(list) >= 0 && first(list) < 15,
    )
    await recommender.catalogue.delete(['moving'])
  })

  test('who had a new item does not get it again, and the event counts from the next training on', async () => {
    const recorded = new Promise(resolve => {
      recommender.record(eventOf('u5', 'n1'), (outcome, isKnown) => resolve({ outcome, isKnown }))
    })
    expect(await recorded).toEqual({ outcome: 'stored', isKnown: false })
    const list = idsOf(await listFor('u5'))
    expect(list).not.toContain('n1')
    expect(list.length).toBe(20)
    expect(idsOf(await listFor('u5', { seen: 'allow', limit: 45 }))).toContain('n1')
  })

  // Once: opening takes the longest, and is the same for all models.
  test.runIf(name === 'als')(
    'lists are the same after the server began again, and by the same model in place of this one',
    async () => {
      const [before, similar] = [await listFor('u1'), await similarTo('n2')]
      await recommender.swap(modelOf(name))
      expect(inOrder(await listFor('u1'))).toEqual(inOrder(before))
      await recommender.close()
      recommender = await open()
      const after = await until(
        () => listFor('u1'),
        list => idsOf(list).includes('n1'),
      )
      expect(inOrder(after)).toEqual(inOrder(before))
      expect(inOrder(await similarTo('n2'))).toEqual(inOrder(similar))
    },
  )
})

test('items that wait to be placed are placed by the same model that is served anew meanwhile', async () => {
  const recommender = await Recommender.open({ model: modelOf('als'), state: join(folder, 'waiting'), threads: 1 })
  await recommender.catalogue.put([...catalogue, fresh('n1', 1)])
  const listFor = () => recommender.recommend({ user: 'u1', limit: 20 })
  await until(listFor, list => idsOf(list).includes('n1'))
  await recommender.catalogue.put([fresh('n2', 1)])
  await recommender.swap(modelOf('als'))
  expect(idsOf(await listFor())).toContain('n2')
  await recommender.close()
})

test('where more items came than there are rows, the last ones are placed in those of the first', async () => {
  const options = { model: modelOf('als'), state: join(folder, 'full'), threads: 1, newItems: 16 }
  const recommender = await Recommender.open(options)
  await recommender.catalogue.put([...catalogue, fresh('n0', 1)])
  for (let at = 0; at < 12; at++) {
    await recommender.catalogue.put([fresh(`n${at}`, 1)])
    await until(
      () => recommender.recommend({ user: 'u1', limit: 20 }),
      list => idsOf(list).includes(`n${at}`),
    )
  }
  await expect(recommender.similar({ item: 'n0', limit: 5 })).rejects.toThrow('n0')
  expect(recommender.generation.placedItems).toBe(6)
  await recommender.close()
})

test('new items come once the catalogue can be read again', async () => {
  const faults: unknown[] = []
  const state = join(folder, 'unreadable')
  const onFault = (fault: unknown) => faults.push(fault)
  const recommender = await Recommender.open({ model: modelOf('als'), state, threads: 1, onFault })
  const database = new DatabaseSync(join(state, catalogueFile))
  const { itemRows, visibility } = recommender.generation
  database.exec('ALTER TABLE items RENAME TO items_elsewhere')
  const row = itemRows.add('event item', 'u1')
  await until(
    async () => faults.length,
    count => count > 0,
  )
  expect(visibility.has(row)).toBe(false)
  database.exec('ALTER TABLE items_elsewhere RENAME TO items')
  await until(
    async () => visibility.has(row),
    isIn => isIn,
  )
  database.close()
  await recommender.close()
})

test('the worker gives back what changed, and nothing of what was put again as it was', async () => {
  const state = join(folder, 'jobs')
  const put = (items: readonly ItemInput[]) => withCatalogue(state, async store => store.put(items))
  await put([...catalogue, fresh('n1', 1)])
  const { checksum } = inspectArtifact(modelOf('als'))
  const job = { state, model: { directory: modelOf('als'), checksum }, mostPlaced: 10, cancelled: new Int32Array(1) }
  let since: PlacementVersion | undefined
  const placed = (changed: readonly string[]) => {
    const { version, placement } = place({ ...job, changed, since })
    since = version
    return placement
  }
  expect(() => place({ ...job, changed: [], cancelled: Int32Array.of(1) })).toThrow('not to be placed any more')
  expect(placed([])!.ids).toEqual(['n1'])
  await put([fresh('n1', 1)])
  expect(placed(['n1'])).toBeUndefined()
  expect(placed(['i1'])).toBeUndefined()
  await put([{ ...fresh('n1', 1), tags: ['genre2'] }])
  const moved = placed(['n1'])!
  expect([moved.ids, moved.similar.rows]).toEqual([undefined, 1])
  await put([fresh('n2', 1)])
  expect(placed(['n2'])!.ids).toEqual(['n1', 'n2'])
  since = undefined
  expect(placed([])!.ids).toEqual(['n1', 'n2'])
})

test('where what the catalogue says has nothing to do with who has what, nothing is placed', async () => {
  await writeNamedModel(modelOf('random'), { prefix: 'i', items })
  const recommender = await Recommender.open({
    model: modelOf('random'),
    state: join(folder, 'random-state'),
    threads: 1,
  })
  await recommender.catalogue.put([...catalogue, fresh('n1', 1)])
  await until(
    async () => recommender.generation.placing,
    placing => placing !== undefined,
  )
  expect(recommender.generation.placing!.isBetterThanChance).toBe(false)
  expect(idsOf(await recommender.recommend({ user: 'u1', limit: 60 }))).not.toContain('n1')
  await expect(recommender.similar({ item: 'n1', limit: 5 })).rejects.toThrow('n1')
  await recommender.close()
})
