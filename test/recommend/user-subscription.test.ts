import { expect, test } from 'vitest'
import { Visibility } from '../../src/catalogue/visibility.ts'
import type { Ranking } from '../../src/models/algorithm.ts'
import type { PendingQuery } from '../../src/recommend/batches/micro-batches.ts'
import type { Generation } from '../../src/recommend/generations/generation.ts'
import { ResolvedFilters } from '../../src/recommend/lists/list-filters.ts'
import { type Priority, type UserRanking, UserSubscription } from '../../src/recommend/lists/user-subscription.ts'
import { UserState } from '../../src/recommend/users/user-state.ts'
import { eventOf, queryOf } from './observed.ts'

const ids = { size: 64, indexOf: () => 0, indicesOf: (wanted: string[]) => new Int32Array(wanted.length) }
const visibility = new Visibility(ids, () => Promise.resolve(new Uint32Array(0)))
const generation = { artifact: { users: ids }, itemRows: ids, visibility } as unknown as Generation
const rankingOf = (item: number): Ranking => ({
  items: Uint32Array.of(item),
  scores: Float32Array.of(1),
  sources: Uint8Array.of(0),
  basis: 'model',
})

/** A subscription of a user without events, and what it did. */
function subscribed() {
  const state = new UserState('ada')
  state.load({ events: [], changes: [], asOf: 0 }, 5000)
  const queries: { query: PendingQuery; priority: Priority }[] = []
  const rankings: UserRanking[] = []
  const errors: string[] = []
  const subscription = new UserSubscription(state, new ResolvedFilters(queryOf('ada')), {
    enqueue: (query, priority) => queries.push({ query, priority }),
    arrangement: {
      depth: ({ depth }) => depth,
      deeper: () => undefined,
      pinRequest: () => undefined,
      arrange: ({ ranking }) => ranking,
    },
    onRanking: ranking => rankings.push(ranking),
    onError: ({ message }) => errors.push(message),
  })
  const priorities = () => queries.map(({ priority }) => priority)
  return { state, subscription, queries, priorities, rankings, errors }
}

test('a list is made once, however often it may have changed before its batch is formed', () => {
  const { subscription, queries, priorities, rankings } = subscribed()
  for (let times = 0; times < 3; times++) subscription.refresh()
  subscription.renew()
  expect(priorities()).toEqual(['normal'])
  expect(queries[0]!.query.resolve(generation)).toMatchObject([{ user: 0, limit: 10 }])
  queries[0]!.query.answer([rankingOf(1)], generation)
  expect(rankings.map(({ ranking }) => ranking.items[0])).toEqual([1])
  expect(queries).toHaveLength(1)
})

test('a list is asked for at the moment when its batch is formed', () => {
  const { subscription, queries } = subscribed()
  const before = Date.now()
  subscription.refresh()
  const [request] = queries[0]!.query.resolve(generation)!
  const { now } = request!
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})

test('what changes while its batch is ranked is shown by one more list', () => {
  const { state, subscription, queries, rankings } = subscribed()
  subscription.refresh()
  queries[0]!.query.resolve(generation)
  const begun = performance.now()
  state.add(eventOf('ada', 'a', { id: 'first' }), 1)
  subscription.refresh()
  const changed = performance.now()
  state.add(eventOf('ada', 'b', { id: 'second' }), 2)
  subscription.refresh()
  queries[0]!.query.answer([rankingOf(1)], generation)
  expect(queries).toHaveLength(2)
  queries[1]!.query.resolve(generation)
  queries[1]!.query.answer([rankingOf(2)], generation)
  expect(rankings.map(({ sequence, after }) => [sequence, after])).toEqual([
    [0, undefined],
    [2, 'second'],
  ])
  // The oldest change that it answers.
  expect(rankings[1]!.changedAt).toBeGreaterThanOrEqual(begun)
  expect(rankings[1]!.changedAt).toBeLessThanOrEqual(changed)
})

test.each(['waits', 'is ranked'])('an event overtakes the list that %s in the background', phase => {
  const { state, subscription, queries, priorities, rankings, errors } = subscribed()
  subscription.renew()
  if (phase === 'is ranked') queries[0]!.query.resolve(generation)
  state.add(eventOf('ada', 'a', { id: 'new' }), 1)
  subscription.refresh()
  expect(priorities()).toEqual(['background', 'normal'])
  // Nothing comes of the first, whatever becomes of it.
  if (phase === 'waits') expect(queries[0]!.query.resolve(generation)).toBeUndefined()
  else queries[0]!.query.answer([rankingOf(1)], generation)
  expect([rankings, errors]).toEqual([[], []])
  queries[1]!.query.resolve(generation)
  queries[1]!.query.answer([rankingOf(2)], generation)
  expect(rankings.map(({ ranking, after }) => [ranking.items[0], after])).toEqual([[2, 'new']])
  expect(queries).toHaveLength(2)
})

test('a list that overtakes one in the background answers the older change, too', () => {
  const { subscription, queries, rankings } = subscribed()
  subscription.renew()
  const between = performance.now()
  subscription.refresh()
  queries[1]!.query.resolve(generation)
  queries[1]!.query.answer([rankingOf(1)], generation)
  expect(rankings[0]!.changedAt).toBeLessThanOrEqual(between)
})

test('what follows a list that is ranked when the model is replaced is as urgent, and answers the same change', () => {
  for (const isUrgent of [true, false]) {
    const { subscription, queries, priorities, rankings } = subscribed()
    const begun = performance.now()
    if (isUrgent) subscription.refresh()
    else subscription.renew()
    queries[0]!.query.resolve(generation)
    const ranked = performance.now()
    // Twice: two swaps.
    subscription.renew()
    subscription.renew()
    queries[0]!.query.answer([rankingOf(1)], generation)
    const priority = isUrgent ? 'normal' : 'background'
    expect(priorities()).toEqual([priority, priority])
    queries[1]!.query.resolve(generation)
    queries[1]!.query.answer([rankingOf(2)], generation)
    expect(rankings[1]!.changedAt).toBeGreaterThanOrEqual(begun)
    expect(rankings[1]!.changedAt).toBeLessThanOrEqual(ranked)
  }
})

test('a list that is wanted again for an earlier change answers that', () => {
  const { subscription, queries, rankings } = subscribed()
  subscription.refresh(3)
  queries[0]!.query.resolve(generation)
  subscription.refresh(2)
  subscription.refresh(1)
  queries[0]!.query.answer([rankingOf(1)], generation)
  subscription.refresh(0)
  queries[1]!.query.resolve(generation)
  queries[1]!.query.answer([rankingOf(2)], generation)
  expect(rankings.map(({ changedAt }) => changedAt)).toEqual([3, 0])
})

test('a query that fails says so, and one of a closed subscription says nothing', () => {
  const { subscription, queries, rankings, errors } = subscribed()
  subscription.refresh()
  queries[0]!.query.resolve(generation)
  queries[0]!.query.fail(new Error('no'))
  expect(errors).toEqual(['no'])
  subscription.refresh()
  queries[1]!.query.resolve(generation)
  subscription.refresh()
  subscription.close()
  queries[1]!.query.answer([rankingOf(1)], generation)
  subscription.refresh()
  expect([queries.length, rankings, errors]).toEqual([2, [], ['no']])
})
