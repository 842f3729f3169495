import { expect, test } from 'vitest'
import { negotiate } from '../../src/protocol/codec.ts'
import { Outbox } from '../../src/serve/websocket/outbox.ts'

const mebibyte = 2 ** 20

/** A socket whose reader reads nothing until it is told to. */
function unreadSocket() {
  let unread = 0
  const sink = {
    send: (frame: string | Uint8Array) => {
      unread += frame.length
      return 1
    },
    getBufferedAmount: () => unread,
    cork(write: () => void) {
      write()
      return this
    },
  }
  return { sink: sink as never, read: () => (unread = 0) }
}

test('one answer may be as large as it likes, and a reader who reads may ask for another', async () => {
  const { sink, read } = unreadSocket()
  let overflows = 0
  const outbox = new Outbox(sink, negotiate('aurochs.v1.json')!, { onSkip: () => {}, onOverflow: () => overflows++ })
  const answer = (megabytes: number) => {
    outbox.push({ type: 'ack', id: 'x'.repeat(megabytes * mebibyte), user: 'ann' })
    outbox.flush()
  }
  answer(40)
  expect(overflows).toBe(0)
  read()
  answer(40)
  answer(1)
  expect(overflows).toBe(0)
  for (let i = 0; i < 16; i++) answer(1)
  expect(overflows).toBeGreaterThan(0)
  read()
  overflows = 0
  for (let i = 0; i < 16; i++) answer(1)
  expect(overflows).toBe(0)
  answer(2)
  expect(overflows).toBe(1)
})
