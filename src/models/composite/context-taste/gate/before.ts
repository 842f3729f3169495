import type { Csr } from '../../../../storage/csr.ts'
import type { Dataset, DatasetParts } from '../../../../storage/dataset.ts'
import { type Sequences, sequencesWhere } from '../../../../storage/sequences.ts'

/** The same users and items in the same rows, with the events before `from` alone. */
export function partsBefore({ events, users, items, manifest }: Dataset, from: number): DatasetParts {
  const moment = BigInt(from)
  const isBefore = Uint8Array.from(events!.times, time => Number(time < moment))
  const kept = sequencesWhere(events!, isBefore, 1)
  return {
    byUser: pairsOf(kept),
    users: Array.from({ length: users.size }, (_, row) => users.at(row)),
    items: Array.from({ length: items.size }, (_, row) => items.at(row)),
    events: kept,
    kinds: manifest.kinds,
  }
}

/** The pairs of events, each with the sum of its weights; without those whose sum is not above 0. */
function pairsOf({ rows, columns, indptr, items, weights }: Sequences): Csr {
  const bounds = new BigUint64Array(rows + 1)
  const indices = new Uint32Array(items.length)
  const sums = new Float32Array(items.length)
  let size = 0
  for (let row = 0; row < rows; row++) {
    const found = new Map<number, number>()
    for (let event = Number(indptr[row]); event < Number(indptr[row + 1]); event++) {
      found.set(items[event], (found.get(items[event]) ?? 0) + (weights?.[event] ?? 1))
    }
    for (const item of Uint32Array.from(found.keys()).sort()) {
      if (!(found.get(item)! > 0)) continue
      indices[size] = item
      sums[size++] = found.get(item)!
    }
    bounds[row + 1] = BigInt(size)
  }
  return { rows, columns, indptr: bounds, indices: indices.slice(0, size), weights: sums.slice(0, size) }
}
