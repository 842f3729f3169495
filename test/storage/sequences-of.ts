import type { Sequences } from '../../src/storage/sequences.ts'

export interface Event {
  readonly item: number
  readonly time: number
  readonly weight?: number
  readonly kind?: number
}

/** Events of each row, in order. Those of a whole have all of them a weight, or a kind, or none has. */
export function sequencesOf(rows: readonly (readonly Event[])[], columns: number): Sequences {
  const events = rows.flat()
  const has = (field: 'weight' | 'kind') => events.some(event => event[field] !== undefined)
  const indptr = new BigUint64Array(rows.length + 1)
  rows.forEach((row, index) => {
    indptr[index + 1] = indptr[index]! + BigInt(row.length)
  })
  return {
    rows: rows.length,
    columns,
    indptr,
    items: Uint32Array.from(events, ({ item }) => item),
    times: BigInt64Array.from(events, ({ time }) => BigInt(time)),
    weights: has('weight') ? Float32Array.from(events, ({ weight }) => weight!) : undefined,
    kinds: has('kind') ? Uint8Array.from(events, ({ kind }) => kind!) : undefined,
  }
}
