import { expect, test } from 'vitest'
import { negotiate } from '../../src/protocol/codec.ts'
import { isLongAnswer, jsonPieces, msgpackPieces } from '../../src/protocol/long-answers.ts'
import { decodeMsgpack } from '../../src/protocol/msgpack.ts'

const listOf = (user: number, length: number) => ({
  basis: 'model',
  after: `event ] of ${user}`,
  items: Array.from({ length }, (_, at) => `item ${user * 7 + at}`),
  scores: Array.from({ length }, (_, at) => at / 3),
})

/** Answers with lists of such lengths. */
const answers = [
  [],
  [0],
  [1, 0, 2],
  Array(15).fill(3),
  Array(16).fill(0),
  Array(200).fill(20),
  [1000, 499, 1, 0, 500, 3],
].map(lengths => ({
  list: 'l]1',
  generation: 'g',
  lists: lengths.map((length: number, user: number) => listOf(user, length)),
}))

test.each(answers)('the pieces of an answer make up what it is in one: %#', answer => {
  expect([...jsonPieces(answer)].join('')).toBe(JSON.stringify(answer))
  // Decoded by parts: a whole answer has more values than a client may send.
  const bytes = Buffer.concat([...msgpackPieces({ ...answer, lists: answer.lists.slice(0, 20) })])
  expect(decodeMsgpack(bytes)).toEqual({ ...answer, lists: answer.lists.slice(0, 20) })
})

test.each(['aurochs.v1.json', 'aurochs.v1.msgpack'])('in a message of %s, too', name => {
  const codec = negotiate(name)!
  const message = { type: 'result', method: 'recommend_batch', result: answers[2]!, request: 5 } as const
  const pieces = [...codec.encodePieces(message)].map(piece => Buffer.from(piece))
  expect(codec.decode(Buffer.concat(pieces))).toEqual(message)
})

test('no piece holds many more items than another', () => {
  const items = (piece: string) => piece.split('"item ').length - 1
  for (const lengths of [Array(1000).fill(10), Array(100).fill(1000)]) {
    const answer = { lists: lengths.map((length: number, user: number) => listOf(user, length)) }
    const [head, ...pieces] = [...jsonPieces(answer)]
    const tail = pieces.pop()
    expect([head, tail]).toEqual(['{"lists":[', ']}'])
    expect(new Set(pieces.map(items))).toEqual(new Set([Math.max(500, lengths[0])]))
  }
})

test('an answer is long by the items of all its lists', () => {
  const some = (lists: number) => ({ lists: Array.from({ length: lists }, (_, user) => listOf(user, 100)) })
  expect([some(20), some(21), { lists: 'none' }, null, 'text', { items: Array(5000) }].map(isLongAnswer)).toEqual([
    false,
    true,
    false,
    false,
    false,
    false,
  ])
})
