/**
 * Answers of many lists, which are some megabytes: encoding one takes tens of ms, for which all others would wait, so it is
 * done in pieces, each of some lists.
 */
import { encodeMsgpack } from './msgpack.ts'

/** What an answer of many lists has last. */
export interface ManyLists {
  readonly lists: readonly { readonly items: readonly unknown[] }[]
}

/** With more items than this an answer is long. */
const mostShortItems = 2000
/** Items of the lists of one piece, where it is not one list. */
const pieceItems = 500
/** In bytes: of an item with its score and source, as it waits to be encoded. */
const itemBytes = 32

/** Items in the lists of an answer. */
export function itemsIn({ lists }: ManyLists): number {
  let items = 0
  for (const list of lists) items += list.items.length
  return items
}

/** In bytes, about: what an answer takes that is not encoded. */
export function bytesOf(answer: ManyLists): number {
  return itemsIn(answer) * itemBytes
}

/** Whether `answer` is one to be encoded in pieces. */
export function isLongAnswer(answer: unknown): answer is ManyLists {
  if (typeof answer !== 'object' || answer === null) return false
  const { lists } = answer as Partial<ManyLists>
  return Array.isArray(lists) && itemsIn(answer as ManyLists) > mostShortItems
}

/** `answer` in JSON, alone or in the field `result` of `envelope`. */
export function* jsonPieces(answer: ManyLists, envelope?: object): Generator<string> {
  const { lists, ...names } = answer
  const whole = JSON.stringify(within(envelope, { ...names, lists: [] }))
  const end = whole.lastIndexOf(']')
  yield whole.slice(0, end)
  let separator = ''
  for (const some of groups(lists)) {
    yield separator + JSON.stringify(some).slice(1, -1)
    separator = ','
  }
  yield whole.slice(end)
}

/** The same in MessagePack, where nothing ends an array. */
export function* msgpackPieces(answer: ManyLists, envelope?: object): Generator<Uint8Array> {
  const { lists, ...names } = answer
  const whole = encodeMsgpack(within(envelope, { ...names, lists: [] }))
  yield Buffer.concat([whole.subarray(0, -1), arrayHead(lists.length)])
  for (const some of groups(lists)) yield encodeMsgpack(some).subarray(arrayHead(some.length).length)
}

/** `answer` comes last. */
function within(envelope: object | undefined, answer: object): object {
  return envelope ? { ...envelope, result: answer } : answer
}

function* groups(lists: ManyLists['lists']): Generator<ManyLists['lists']> {
  let begin = 0
  let items = 0
  for (let end = 1; end <= lists.length; end++) {
    items += lists[end - 1]!.items.length
    if (items < pieceItems && end < lists.length) continue
    yield lists.slice(begin, end)
    begin = end
    items = 0
  }
}

/** What begins an array of so many values. https://github.com/msgpack/msgpack/blob/master/spec.md#array-format-family */
function arrayHead(length: number): Uint8Array {
  if (length < 16) return Uint8Array.of(0x90 | length)
  if (length < 2 ** 16) return Uint8Array.of(0xdc, length >> 8, length & 255)
  return Uint8Array.of(0xdd, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255)
}
