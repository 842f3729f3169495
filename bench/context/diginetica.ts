/** Diginetica's clicks as SR-GNN and its followers cut them: a session a line, and the prefixes of test sessions with the next item. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { TestEvents } from '../../src/evaluation/splits/events-from.ts'
import type { DatasetParts } from '../../src/storage/dataset.ts'
import type { Sequences } from '../../src/storage/sequences.ts'

export type Session = readonly number[]

export interface Diginetica {
  /** In order of time. */
  readonly train: readonly Session[]
  readonly test: readonly Session[]
}

/** @param directory of the files. */
export function readDiginetica(directory: string): Diginetica {
  const lines = (name: string) =>
    gunzipSync(readFileSync(join(directory, name)))
      .toString()
      .trimEnd()
      .split('\n')
  const items = (text: string) => text.split(' ').map(Number)
  const test: Session[] = []
  // Prefixes of a session follow each other, the longest first.
  let left = 0
  for (const line of lines('test-prefix-and-next.txt.gz')) {
    const [prefix = '', next = ''] = line.split('\t')
    const given = items(prefix)
    if (left === 0) {
      test.push([...given, Number(next)])
      left = given.length
    }
    left--
  }
  return { train: lines('train-sessions.txt.gz').map(items), test }
}

/** Sessions as events: each of a user of its own, a minute after the one before. */
export function sessionEvents(sessions: readonly Session[], first = 0): Sequences {
  const size = sessions.reduce((sum, { length }) => sum + length, 0)
  const indptr = new BigUint64Array(sessions.length + 1)
  const [items, times] = [new Uint32Array(size), new BigInt64Array(size)]
  let at = 0
  sessions.forEach((session, row) => {
    for (const [place, item] of session.entries()) {
      items[at] = item
      times[at++] = BigInt((first + row) * 60_000 + place * 1000)
    }
    indptr[row + 1] = BigInt(at)
  })
  return {
    rows: sessions.length,
    columns: 1 + items.reduce((most, item) => Math.max(most, item), 0),
    indptr,
    items,
    times,
  }
}

/** A dataset of sessions, in which item i has the id i. */
export function sessionDataset(sessions: readonly Session[]): DatasetParts {
  const found = [...new Set(sessions.flat())].sort((a, b) => a - b)
  const columnOf = new Map(found.map((item, column) => [item, column]))
  const events = sessionEvents(sessions.map(session => session.map(item => columnOf.get(item)!)))
  const indptr = new BigUint64Array(sessions.length + 1)
  const [indices, weights]: [number[], number[]] = [[], []]
  sessions.forEach((session, row) => {
    const counts = new Map<number, number>()
    for (const item of session) counts.set(columnOf.get(item)!, (counts.get(columnOf.get(item)!) ?? 0) + 1)
    for (const [column, count] of [...counts].sort(([a], [b]) => a - b)) {
      indices.push(column)
      weights.push(count)
    }
    indptr[row + 1] = BigInt(indices.length)
  })
  const pairs = { indptr, indices: Uint32Array.from(indices), weights: Float32Array.from(weights) }
  return {
    byUser: { rows: sessions.length, columns: found.length, ...pairs },
    users: BigInt64Array.from(sessions, (_, row) => BigInt(row)),
    items: BigInt64Array.from(found, item => BigInt(item)),
    events: { ...events, columns: found.length },
  }
}

/** Sessions to be predicted, after so many others; users are none of a dataset's. */
export function sessionTest(sessions: readonly Session[], first: number): TestEvents {
  return {
    events: sessionEvents(sessions, first),
    users: { at: row => BigInt(first + row) },
    items: { at: column => BigInt(column) },
  }
}
