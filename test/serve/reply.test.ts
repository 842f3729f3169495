import type { HttpResponse } from 'uWebSockets.js'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Reply } from '../../src/serve/http/reply.ts'
import { SendMemory } from '../../src/serve/load/send-memory.ts'
import { Turns } from '../../src/serve/load/turns.ts'

/** A response whose network takes so many bytes, and more when the test says so. */
function responseThatTakes(room: number) {
  const state = { written: '', isClosed: false, isEnded: false, isAborted: false }
  let [onAborted, onWritable] = [() => {}, (_offset: number) => true]
  const response = {
    onAborted: (listener: () => void) => {
      onAborted = listener
    },
    onWritable: (listener: (offset: number) => boolean) => {
      onWritable = listener
    },
    cork: (write: () => void) => write(),
    write: (piece: string) => {
      state.written += piece
      room -= piece.length
      return room > 0
    },
    end: (rest: string) => {
      state.written += rest
      state.isEnded = true
    },
    writeStatus: () => {},
    writeHeader: () => {},
    getWriteOffset: () => state.written.length,
    tryEnd: (bytes: Uint8Array, size: number) => {
      const taken = Buffer.from(bytes.subarray(0, room)).toString('latin1')
      state.written += taken
      room -= taken.length
      return [taken.length === bytes.length, state.written.length === size]
    },
    close: () => {
      state.isClosed = true
      onAborted()
    },
  }
  const take = (more: number) => {
    room += more
    onWritable(state.written.length)
  }
  return { response: response as unknown as HttpResponse, state, take }
}

const body = 'x'.repeat(1_000_000)

test('a long answer is written as it is read, and counts until it is', () => {
  const memory = new SendMemory(1e7)
  const { response, state, take } = responseThatTakes(300_000)
  new Reply(response, { memory }).send(200, 'text/plain', body)
  expect([state.written.length, memory.total]).toEqual([300_000, 700_000])
  take(500_000)
  expect(memory.total).toBe(200_000)
  take(500_000)
  expect([state.written === body, memory.total]).toEqual([true, 0])
})

test('long answers that nobody reads are given up when there is no memory for them, the largest first', () => {
  const memory = new SendMemory(2_000_000)
  const slow = [900_000, 100_000, 500_000, 200_000].map(room => {
    const { response, state, take } = responseThatTakes(room)
    new Reply(response, { memory }).send(200, 'text/plain', body)
    return { state, take }
  })
  expect(slow.map(({ state }) => state.isClosed)).toEqual([false, true, false, false])
  expect(memory.total).toBe(1_400_000)
  for (const { take } of slow) take(1_000_000)
  expect(memory.total).toBe(0)
})

const manyLists = { list: 'l', lists: Array(50).fill({ items: Array(1000).fill('an item') }) }

/** A long answer to a client that takes so many bytes at first. */
function longReply(room: number) {
  const memory = new SendMemory(1e7)
  const { response, state, take } = responseThatTakes(room)
  let over = 0
  const onOver = () => {
    over++
  }
  const reply = new Reply(response, { memory, answerTurns: new Turns(), onOver })
  reply.json(200, manyLists)
  return { reply, response, memory, state, take, over: () => over }
}

test('an answer of many lists is encoded as it is read, and counts until it is', async () => {
  const { memory, reply, state, take, over } = longReply(100_000)
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  expect(state.written.length).toBeGreaterThanOrEqual(100_000)
  expect(state.written.length).toBeLessThan(120_000)
  expect([reply.isOver, over()]).toEqual([true, 0])
  expect(memory.total).toBeGreaterThan(1_000_000)
  reply.json(200, 'another')
  take(1e7)
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  expect(JSON.parse(state.written)).toEqual(manyLists)
  expect([state.isEnded, over(), memory.total]).toEqual([true, 1, 0])
})

test('where the client goes in the midst of it, it is given up', async () => {
  const { response, memory, state, over } = longReply(100_000)
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  const { length } = state.written
  response.close()
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  expect([state.written.length, over(), memory.total]).toEqual([length, 1, 0])
})
