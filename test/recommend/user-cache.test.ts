import { expect, test } from 'vitest'
import type { UserSubscription } from '../../src/recommend/lists/user-subscription.ts'
import { UserCache } from '../../src/recommend/users/user-cache.ts'
import type { UserState } from '../../src/recommend/users/user-state.ts'

const users = (cache: UserCache) => [...cache].map(({ user }) => user)

/** As if the user had a subscription. */
function subscribe(state: UserState): void {
  state.subscriptions.add({} as UserSubscription)
}

test('a user keeps the same state for as long as it is in memory', () => {
  const cache = new UserCache(3)
  expect(cache.find('ann')).toBeUndefined()
  const state = cache.get('ann')
  expect([cache.get('ann'), cache.find('ann'), cache.size]).toEqual([state, state, 1])
  expect(state.isLoaded).toBe(false)
})

test('of users without subscriptions those that were used last are kept', () => {
  const cache = new UserCache(3)
  for (const user of ['a', 'b', 'c']) cache.get(user)
  cache.get('a')
  cache.get('d')
  expect(users(cache)).toEqual(['c', 'a', 'd'])
  // To be looked at is not to be used.
  cache.find('c')
  cache.get('e')
  expect(users(cache)).toEqual(['a', 'd', 'e'])
})

test('users with subscriptions are kept, however many there are, and so is the one that is asked for', () => {
  const cache = new UserCache(3)
  for (let user = 0; user < 50; user++) subscribe(cache.get(`s${user}`))
  expect(cache.size).toBe(50)
  for (let user = 0; user < 200; user++) {
    const state = cache.get(`u${user}`)
    expect(cache.find(`u${user}`)).toBe(state)
  }
  for (let user = 0; user < 50; user++) expect(cache.find(`s${user}`)).toBeDefined()
  // Few are looked at with each call, so that some stay for a while.
  expect(cache.size).toBeLessThan(50 + 40)
})

test('users whose subscriptions have ended make room', () => {
  const cache = new UserCache(3)
  const states = Array.from({ length: 20 }, (_, user) => cache.get(`s${user}`))
  for (const state of states) subscribe(state)
  for (const state of states) state.subscriptions.clear()
  for (let call = 0; call < 20; call++) cache.get('ann')
  expect(cache.size).toBe(3)
  expect(cache.find('ann')).toBeDefined()
})

test('users without subscriptions make room where all have too many events together', () => {
  const cache = new UserCache(1000, 100)
  const load = (user: string, events: number) => {
    const found = Array.from({ length: events }, (_, at) => {
      return { id: `${at}`, user, item: 'a', weight: 1, time: at, position: at + 1 }
    })
    cache.get(user).load({ events: found, changes: [], asOf: 0 }, 5000)
  }
  for (let user = 0; user < 9; user++) load(`${user}`, 10)
  expect(cache.size).toBe(9)
  load('many', 50)
  load('next', 10)
  // 150 events: as many of the oldest went as leave fewer than 100.
  expect([cache.size, cache.find('4'), cache.find('6')?.user]).toEqual([6, undefined, '6'])
  const state = cache.get('many')
  state.unload()
  load('one more', 1)
  expect(cache.find('6')?.user).toBe('6')
})
