import type { Csr } from '../../storage/csr.ts'
import type { Sequences } from '../../storage/sequences.ts'
import { lastEvents } from './by-time.ts'
import { given, type Marks } from './marks.ts'

/**
 * What is given of users who are held out, as events: one for each given pair, of its weight, at the time of the pair's last
 * event and in their order. Where the dataset has no times, they are 0, in the order of the items.
 *
 * One event a pair and not all of its events, since these sum up to the weight only where the import had `duplicates` sum: so
 * the history that a model sees is what it would have learned from.
 */
export function givenEvents(byUser: Csr, events: Sequences | undefined, marks: Marks): Sequences {
  const { rows, columns, indptr, indices, weights } = byUser
  const last = events && lastEvents(byUser, events)
  const bounds = new BigUint64Array(rows + 1)
  const chosen = new Float64Array(marks.reduce((sum, mark) => sum + Number(mark === given), 0))
  let count = 0
  for (let row = 0; row < rows; row++) {
    const begin = count
    for (let pair = Number(indptr[row]); pair < Number(indptr[row + 1]); pair++) {
      if (marks[pair] === given) chosen[count++] = pair
    }
    if (last) chosen.subarray(begin, count).sort((a, b) => last[a] - last[b] || a - b)
    bounds[row + 1] = BigInt(count)
  }
  const timeOf = (pair: number) => (events && last && last[pair] >= 0 ? events.times[last[pair]] : 0n)
  return {
    rows,
    columns,
    indptr: bounds,
    items: Uint32Array.from(chosen, pair => indices[pair]),
    times: BigInt64Array.from({ length: count }, (_, at) => timeOf(chosen[at])),
    weights: Float32Array.from(chosen, pair => weights[pair]),
  }
}
