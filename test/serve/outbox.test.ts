import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { negotiate } from '../../src/protocol/codec.ts'
import type { ListContent } from '../../src/protocol/messages.ts'
import { SendMemory } from '../../src/serve/load/send-memory.ts'
import { Turns } from '../../src/serve/load/turns.ts'
import { Outbox } from '../../src/serve/websocket/outbox.ts'

const mebibyte = 2 ** 20

/** The outbox of a socket whose reader reads nothing until it is told to. */
function unreadOutbox(memory: SendMemory) {
  let unread = 0
  const sent: string[] = []
  const send = (frame: string) => {
    unread += frame.length
    sent.push(frame)
    return 1
  }
  /** Parts of the message that is being sent. */
  const fragments: string[] = []
  const addFragment = (fragment: string) => {
    unread += fragment.length
    fragments.push(fragment)
  }
  const sink = {
    send: (frame: string) => {
      expect(fragments).toEqual([])
      return send(frame)
    },
    sendFirstFragment: (fragment: string) => {
      expect(fragments).toEqual([])
      addFragment(fragment)
    },
    sendFragment: addFragment,
    sendLastFragment: (fragment: string) => {
      addFragment(fragment)
      sent.push(fragments.splice(0).join(''))
    },
    getBufferedAmount: () => unread,
    cork(write: () => void) {
      write()
      return this
    },
  }
  const state = { closed: 0, answered: 0, lost: [] as number[] }
  const outbox: Outbox = new Outbox(
    sink as never,
    negotiate('aurochs.v1.json')!,
    { memory, answerTurns: new Turns() },
    {
      onSkip: () => {},
      onOverflow: () => {
        state.closed++
        outbox.close()
      },
      onAnswered: () => state.answered++,
      onLost: subscriptions => state.lost.push(...subscriptions),
    },
  )
  const answer = (mebibytes: number) => {
    outbox.push({ type: 'ack', id: 'x'.repeat(mebibytes * mebibyte), user: 'ann' })
    outbox.flush()
  }
  const offer = (subscription: number, list: ListContent) => {
    outbox.offerList({ type: 'list', subscription, sequence: 1, user: 'ann' }, list)
    outbox.flush()
  }
  const read = () => {
    unread = 0
    outbox.flush()
  }
  /** An answer of `lists` lists, each of a thousand items. */
  const answerLong = (request: number, lists: number) => {
    outbox.push(longAnswer(request, lists))
    outbox.flush()
  }
  return { outbox, answer, answerLong, offer, read, sent, fragments, state }
}

const longAnswer = (request: number, lists: number) => ({
  type: 'result' as const,
  method: 'recommend_batch',
  request,
  result: {
    list: 'l',
    generation: 'g',
    lists: Array(lists).fill({ basis: 'model', items: Array(1000).fill('an item') }),
  },
})

const listOf = (length: number): ListContent => {
  const items = Array.from({ length }, (_, item) => ({ item, score: 1 }))
  return { list: 'l', generation: 'g', basis: 'model', items }
}

test('a slow reader keeps all that it was sent while there is memory, and the slowest is closed when there is none', () => {
  const memory = new SendMemory(100 * mebibyte)
  const [slow, slower] = [unreadOutbox(memory), unreadOutbox(memory)]
  slow.answer(30)
  for (let n = 0; n < 6; n++) slower.answer(10)
  expect([slow.state.closed, slower.state.closed]).toEqual([0, 0])
  slow.answer(15)
  expect([slow.state.closed, slower.state.closed]).toEqual([0, 1])
  expect(memory.total).toBeGreaterThan(45 * mebibyte)
  slow.read()
  expect(memory.total).toBe(0)
})

test('the same list counts once for all who wait for it, and who holds most loses its lists first', () => {
  const memory = new SendMemory(10 * mebibyte)
  const readers = Array.from({ length: 50 }, () => unreadOutbox(memory))
  const shared = listOf(1000)
  for (const reader of readers) {
    reader.answer(0)
    // More than what makes a reader a slow one.
    reader.offer(0, listOf(3000))
    reader.offer(1, shared)
  }
  const own = memory.total
  for (const reader of readers) reader.offer(2, shared)
  expect(memory.total).toBe(own)
  const largest = unreadOutbox(memory)
  largest.answer(1)
  for (let subscription = 1, before = 0; memory.total >= before; subscription++) {
    before = memory.total
    largest.offer(subscription, listOf(1000))
  }
  expect(memory.total).toBe(own + largest.sent[0]!.length)
  expect(readers.map(({ state }) => state.closed)).toEqual(Array(50).fill(0))
  expect(largest.state.closed).toBe(0)
  // What it has lost it wants once more when it reads.
  largest.read()
  expect(largest.state.lost.length).toBeGreaterThan(1)
})

test('a long answer is written in pieces as it is read, before all that came after it', async () => {
  const memory = new SendMemory(100 * mebibyte)
  const reader = unreadOutbox(memory)
  reader.answerLong(1, 50)
  reader.answer(0)
  reader.offer(0, listOf(10))
  reader.answerLong(2, 50)
  for (let turn = 0; turn < 50; turn++) await setImmediate()
  // What makes a reader a slow one, and no more than a piece beyond that.
  const written = () => reader.fragments.join('').length
  expect(written()).toBeGreaterThan(65_536)
  expect(written()).toBeLessThan(65_536 + 20_000)
  expect(reader.sent).toEqual([])
  expect(reader.outbox.unsent).toBeGreaterThan(2 * mebibyte)
  // And the list of ten items.
  expect(memory.total).toBe(reader.outbox.unsent + 400 + 10 * 160)
  while (reader.sent.length < 4) {
    reader.read()
    await setImmediate()
  }
  const messages = reader.sent.map(frame => JSON.parse(frame))
  expect(messages.map(({ type }) => type)).toEqual(['result', 'ack', 'result', 'list'])
  expect(messages[0]).toEqual(longAnswer(1, 50))
  expect(messages[2]).toEqual(longAnswer(2, 50))
  expect(reader.state.answered).toBe(2)
  reader.read()
  expect([reader.outbox.unsent, memory.total]).toEqual([0, 0])
})

test('what is not written of long answers leaves with the last, or goes with the socket', () => {
  const memory = new SendMemory(100 * mebibyte)
  const [ending, gone] = [unreadOutbox(memory), unreadOutbox(memory)]
  for (const { answerLong, answer } of [ending, gone]) {
    answerLong(1, 10)
    answerLong(2, 10)
    answer(0)
  }
  ending.outbox.finish()
  expect(ending.sent.map(frame => JSON.parse(frame).type)).toEqual(['result', 'result', 'ack'])
  ending.outbox.close()
  gone.outbox.close()
  expect(memory.total).toBe(0)
})

test('long answers that nobody reads count as they wait, and the largest is closed', () => {
  const memory = new SendMemory(2 * mebibyte)
  const [small, large] = [unreadOutbox(memory), unreadOutbox(memory)]
  small.answerLong(1, 10)
  for (let request = 0; request < 9; request++) large.answerLong(request, 10)
  expect([small.state.closed, large.state.closed]).toEqual([0, 1])
})
