/** Splits by the times of events. */
import type { Csr } from '../../storage/csr.ts'
import type { Sequences } from '../../storage/sequences.ts'
import { held, type Marks } from './marks.ts'

/** Holds out the pairs with the latest events of each user who has more than `count`. */
export function lastPairs(byUser: Csr, events: Sequences, count: number): Marks {
  const marks = new Uint8Array(byUser.indices.length)
  const last = lastEvents(byUser, events)
  for (let user = 0; user < byUser.rows; user++) {
    const [begin, end] = [Number(byUser.indptr[user]), Number(byUser.indptr[user + 1])]
    if (end - begin <= count) continue
    const pairs = Array.from({ length: end - begin }, (_, at) => begin + at)
    pairs.sort((a, b) => last[a] - last[b] || a - b)
    for (const pair of pairs.slice(-count)) marks[pair] = held
  }
  return marks
}

/** Holds out the pairs with an event at `moment` (ms since 1970) or later. */
export function pairsFrom(byUser: Csr, events: Sequences, moment: number): Marks {
  const from = BigInt(moment)
  const last = lastEvents(byUser, events)
  return new Uint8Array(byUser.indices.length).map((_, pair) =>
    last[pair] >= 0 && events.times[last[pair]] >= from ? held : 0,
  )
}

/** (pairs) The last event of each pair, or -1 if there is none. */
export function lastEvents({ rows, columns, indptr, indices }: Csr, events: Sequences): Float64Array {
  const last = new Float64Array(indices.length)
  const lastOfItem = new Float64Array(columns).fill(-1)
  for (let user = 0, event = 0, pair = 0; user < rows; user++) {
    const begin = event
    for (const end = Number(events.indptr[user + 1]); event < end; event++) lastOfItem[events.items[event]] = event
    for (const end = Number(indptr[user + 1]); pair < end; pair++) last[pair] = lastOfItem[indices[pair]]
    for (const item of events.items.subarray(begin, event)) lastOfItem[item] = -1
  }
  return last
}
