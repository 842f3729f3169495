import { expect, test, vi } from 'vitest'
import type { UserList } from '../../src/recommend/lists/lists.ts'
import type { UserRanking } from '../../src/recommend/lists/user-subscription.ts'
import { WatchedList } from '../../src/recommend/lists/watched-list.ts'

const listOf = (name: string): UserList => ({ list: name, generation: 'g', basis: 'model', items: [] })
const change = { isChange: true } as UserRanking

test('a list of very many watchers is given out in slices, and who waits gets the newest', async () => {
  const list = new WatchedList(() => {})
  const got: string[][] = Array.from({ length: 200 }, () => [])
  const watches = got.map(lists => list.add({ onList: ({ list }) => lists.push(list), onError: () => {} }))
  list.deliver(listOf('first'), change)
  const counts = () => got.map(({ length }) => length)
  expect(counts().filter(Boolean)).toHaveLength(64)
  list.deliver(listOf('second'), change)
  watches[199]!.close()
  await expect.poll(() => got.slice(0, 199).every(lists => lists.at(-1) === 'second')).toBe(true)
  expect(got[0]).toEqual(['first', 'second'])
  expect(got[198]).toEqual(['second'])
  expect(got[199]).toEqual([])
})

test('where nothing has changed only those get a list who have none', () => {
  const list = new WatchedList(() => {})
  const got: string[] = []
  const watch = (name: string) => list.add({ onList: ({ list }) => got.push(`${name} ${list}`), onError: () => {} })
  watch('ann')
  list.deliver(listOf('first'), change)
  watch('bob')
  list.deliver(listOf('again'), { isChange: false } as UserRanking)
  expect(got).toEqual(['ann first', 'bob again'])
})

test('a watcher that throws fails alone, and the last to go ends it', () => {
  const onUnwatched = vi.fn()
  const list = new WatchedList(onUnwatched)
  const errors: string[] = []
  const onList = vi.fn()
  const fails = list.add({
    onList: () => {
      throw new Error('no')
    },
    onError: ({ message }) => errors.push(message),
  })
  const works = list.add({ onList, onError: () => {} })
  list.deliver(listOf('first'), change)
  expect([errors, onList.mock.calls.length]).toEqual([['no'], 1])
  fails.close()
  fails.close()
  expect(onUnwatched).not.toHaveBeenCalled()
  works.close()
  expect(onUnwatched).toHaveBeenCalledTimes(1)
})

test('who has not been given a list yet is not given it once it may not be given out any more', async () => {
  let isCurrent = true
  const list = new WatchedList(
    () => {},
    () => isCurrent,
  )
  const got: string[][] = Array.from({ length: 100 }, () => [])
  for (const lists of got) list.add({ onList: ({ list }) => lists.push(list), onError: () => {} })
  list.deliver(listOf('first'), change)
  isCurrent = false
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(got.filter(({ length }) => length > 0)).toHaveLength(64)
  isCurrent = true
  list.deliver(listOf('second'), change)
  await expect.poll(() => got.every(lists => lists.at(-1) === 'second')).toBe(true)
  expect(got[99]).toEqual(['second'])
})
