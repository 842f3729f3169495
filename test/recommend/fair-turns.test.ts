import { expect, test } from 'vitest'
import { FairTurns } from '../../src/recommend/batches/fair-turns.ts'

/** Work that ends when it is told to, and notes that it began. */
function workOf(began: string[]) {
  const ends: (() => void)[] = []
  const work = (name: string) => () => {
    began.push(name)
    return new Promise<string>(resolve => ends.push(() => resolve(name)))
  }
  const end = async () => {
    ends.shift()!()
    await new Promise(resolve => setImmediate(resolve))
  }
  return { work, end }
}

test('clients take turns, however much of one waits, and no more is done at once than may be', async () => {
  const began: string[] = []
  const { work, end } = workOf(began)
  const turns = new FairTurns(1, 100, () => new Error('too many'))
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'].map(name => turns.run(work(name), { client: name[0]! }))
  expect(began).toEqual(['a1'])
  for (let at = 0; at < all.length; at++) await end()
  expect(began).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'])
  expect(await Promise.all(all)).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'])
})

test('what nobody waits for any more is not begun, and what fails ends its turn', async () => {
  const began: string[] = []
  const { work, end } = workOf(began)
  const turns = new FairTurns(1, 100, () => new Error('too many'))
  const failing = turns.run(() => Promise.reject(new Error('broken')), { client: 'a' })
  const abort = new AbortController()
  const first = turns.run(work('first'), { client: 'a' })
  const given = expect(turns.run(work('given up'), { client: 'b', signal: abort.signal })).rejects.toThrow('gone')
  const last = turns.run(work('last'), { client: 'c' })
  abort.abort(new Error('gone'))
  await expect(failing).rejects.toThrow('broken')
  await end()
  await given
  await end()
  expect([await first, await last, began]).toEqual(['first', 'last', ['first', 'last']])
})

test('who has a share of what waits is refused more, and others are not', async () => {
  const { work, end } = workOf([])
  const turns = new FairTurns(1, 4, () => new Error('too many'))
  const greedy = Array.from({ length: 5 }, (_, at) => turns.run(work(`g${at}`), { client: 'greedy' }))
  await expect(turns.run(work('more'), { client: 'greedy' })).rejects.toThrow('too many')
  const other = turns.run(work('other'), { client: 'other' })
  for (let at = 0; at < 6; at++) await end()
  expect(await other).toBe('other')
  expect(await Promise.all(greedy)).toHaveLength(5)
})
