import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { writeNextDataset } from '../../src/events/dataset/next-dataset.ts'
import type { UserEvent } from '../../src/events/event.ts'
import { Journal } from '../../src/events/journal.ts'
import { takenBack } from '../../src/events/undo.ts'
import { Dataset } from '../../src/storage/dataset.ts'
import { imported, pairsOf } from '../ingest/imported.ts'
import { freshFolder } from '../storage/folder.ts'

const first = 'user,item,t,w\nann,x,1,2\nann,y,2,1\nbob,x,3,1\n'

function event(user: string, id: string, item: string | undefined, given: Partial<UserEvent> = {}): UserEvent {
  return { user, id, item, weight: 1, time: 1000 + Number(id), ...given }
}

/** Records events in the state of `folder`, all on disk when it is fulfilled. */
async function record(folder: string, events: readonly UserEvent[]): Promise<string> {
  const state = join(folder, 'state')
  const journal = await Journal.open(state)
  for (const each of events) journal.append(each, () => {})
  await journal.flushed()
  await journal.close()
  return state
}

interface Row {
  readonly user: string | number
  readonly item: string | number
  readonly time: number
  readonly weight: number
}

/** The ordered events of a dataset, by id. */
function sequencesOf({ events, users, items }: Dataset): Row[] {
  const rows: Row[] = []
  for (let user = 0; user < users.size; user++) {
    for (let at = Number(events!.indptr[user]); at < Number(events!.indptr[user + 1]); at++) {
      const time = Number(events!.times[at])
      rows.push({
        user: users.at(user) as string,
        item: items.at(events!.items[at]!) as string,
        time,
        weight: events!.weights?.[at] ?? 1,
      })
    }
  }
  return rows
}

test('new users and items are appended, and sums grow, fall and vanish', async () => {
  const folder = freshFolder()
  const dataset = await imported(folder, first, { weight: 'w', time: 't', timeUnit: 'ms' })
  const state = await record(folder, [
    event('ann', '1', 'x'),
    event('ann', '2', 'y', { weight: -1 }),
    event('cy', '3', 'z', { weight: 3 }),
    event('cy', '4', 'x'),
    event('bob', '5', 'z'),
    event('dan', '6', 'v', { weight: -2 }),
    event('cy', '7', 'w'),
    event('cy', '8', undefined, { undo: '7' }),
  ])
  const out = join(folder, 'next')
  const { manifest, events, newUsers, newItems } = await writeNextDataset(dataset, { state, out })
  expect([events, newUsers, newItems]).toEqual([8, 1, 1])
  const next = Dataset.open(out, { verify: true })
  expect([...Array(next.users.size).keys()].map(row => next.users.at(row))).toEqual(['ann', 'bob', 'cy'])
  expect([...Array(next.items.size).keys()].map(row => next.items.at(row))).toEqual(['x', 'y', 'z'])
  expect(pairsOf(next)).toEqual([
    ['ann', 'x', 3],
    ['bob', 'x', 1],
    ['bob', 'z', 1],
    ['cy', 'x', 1],
    ['cy', 'z', 3],
  ])
  expect(sequencesOf(next)).toEqual([
    { user: 'ann', item: 'x', time: 1, weight: 2 },
    { user: 'ann', item: 'y', time: 2, weight: 1 },
    { user: 'ann', item: 'x', time: 1001, weight: 1 },
    { user: 'ann', item: 'y', time: 1002, weight: -1 },
    { user: 'bob', item: 'x', time: 3, weight: 1 },
    { user: 'bob', item: 'z', time: 1005, weight: 1 },
    { user: 'cy', item: 'z', time: 1003, weight: 3 },
    { user: 'cy', item: 'x', time: 1004, weight: 1 },
  ])
  expect(Object.values(manifest.journals!)).toEqual([8])
  // What is part of it is not counted again.
  const again = await writeNextDataset(next, { state, out: join(folder, 'again') })
  expect([again.events, again.manifest.pairs]).toEqual([0, 5])
  expect(pairsOf(Dataset.open(join(folder, 'again')))).toEqual(pairsOf(next))
})

test('an undo takes back what an earlier dataset has summed, and an undo of that undo counts it again', async () => {
  const folder = freshFolder()
  const dataset = await imported(folder, first, { weight: 'w', time: 't', timeUnit: 'ms' })
  const state = await record(folder, [event('ann', '1', 'x', { weight: 5 }), event('ann', '2', 'z')])
  await writeNextDataset(dataset, { state, out: join(folder, 'second') })
  await record(folder, [event('ann', '3', undefined, { undo: '1' })])
  const second = Dataset.open(join(folder, 'second'))
  await writeNextDataset(second, { state, out: join(folder, 'third') })
  const third = Dataset.open(join(folder, 'third'), { verify: true })
  expect(pairsOf(third).find(([user, item]) => user === 'ann' && item === 'x')).toEqual(['ann', 'x', 2])
  expect(sequencesOf(third).filter(({ user }) => user === 'ann')).toHaveLength(3)
  await record(folder, [event('ann', '4', undefined, { undo: '3' })])
  await writeNextDataset(third, { state, out: join(folder, 'fourth') })
  const fourth = Dataset.open(join(folder, 'fourth'), { verify: true })
  expect(pairsOf(fourth)).toEqual(pairsOf(second))
  expect(sequencesOf(fourth)).toEqual(sequencesOf(second))
})

test('what is imported at once and what is recorded later, in several parts, make the same pairs', async () => {
  const recorded = fc.record({
    user: fc.integer({ min: 0, max: 7 }).map(String),
    item: fc.integer({ min: 0, max: 7 }).map(String),
    weight: fc.integer({ min: -2, max: 4 }).filter(weight => weight !== 0),
    undo: fc.option(fc.nat(40), { freq: 4, nil: undefined }),
  })
  const rows = fc.array(fc.record({ user: fc.nat(4), item: fc.nat(4), w: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 1,
    maxLength: 12,
  })
  await fc.assert(
    fc.asyncProperty(rows, fc.array(recorded, { maxLength: 40 }), fc.nat(40), async (old, given, cut) => {
      const folder = freshFolder()
      const text = `user,item,w,t\n${old.map(({ user, item, w }) => `${user},${item},${w},0\n`).join('')}`
      const events = given.map(({ user, item, weight, undo }, at): UserEvent => {
        const target =
          undo === undefined
            ? undefined
            : given.findIndex((other, place) => place >= undo % given.length && other.user === user)
        return event(
          user,
          `${at}`,
          target === undefined || target < 0 ? item : undefined,
          target !== undefined && target >= 0 ? { undo: `${target}` } : { weight },
        )
      })
      const dataset = await imported(folder, text, { weight: 'w', time: 't', timeUnit: 'ms' })
      const state = await record(folder, events.slice(0, cut))
      await writeNextDataset(dataset, { state, out: join(folder, 'one') })
      await record(folder, events.slice(cut))
      const one = Dataset.open(join(folder, 'one'), { verify: true })
      await writeNextDataset(one, { state, out: join(folder, 'two') })
      const two = Dataset.open(join(folder, 'two'), { verify: true })
      // A pair that was left out begins anew: what it summed up to then is counted from there.
      expect(pairsByText(two)).toEqual(naivePairs(old, events, cut))
    }),
    { numRuns: 10 },
  )
})

function pairsByText(dataset: Dataset): Record<string, number> {
  return Object.fromEntries(pairsOf(dataset).map(([user, item, weight]) => [`${user} ${item}`, weight as number]))
}

/** Counts event by event; after each part what is not above 0 is dropped. */
function naivePairs(
  old: readonly { readonly user: number; readonly item: number; readonly w: number }[],
  events: readonly UserEvent[],
  cut: number,
): Record<string, number> {
  const sums: Record<string, number> = {}
  const add = (key: string, weight: number) => {
    sums[key] = (sums[key] ?? 0) + weight
  }
  for (const { user, item, w } of old) add(`${user} ${item}`, w)
  let counted = new Map<UserEvent, number>()
  for (const upTo of [cut, events.length]) {
    const now = new Map<UserEvent, number>()
    for (const user of new Set(events.map(({ user }) => user))) {
      const own = events.slice(0, upTo).filter(event => event.user === user)
      const taken = takenBack(own)
      for (const each of own) if (each.item !== undefined && !taken.has(each.id)) now.set(each, each.weight)
    }
    for (const [each, weight] of now) if (!counted.has(each)) add(`${each.user} ${each.item}`, weight)
    for (const [each, weight] of counted) if (!now.has(each)) add(`${each.user} ${each.item}`, -weight)
    for (const [key, sum] of Object.entries(sums)) if (!(sum > 0)) delete sums[key]
    counted = now
  }
  return sums
}
