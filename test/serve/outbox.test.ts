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
  const sink = {
    send: (frame: string) => {
      unread += frame.length
      sent.push(frame)
      return 1
    },
    getBufferedAmount: () => unread,
    cork(write: () => void) {
      write()
      return this
    },
  }
  const state = { closed: 0, lost: [] as number[] }
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
      onAnswered: () => {},
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
  return { answer, offer, read, sent, state }
}

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
