import type { IdMap } from '../../../storage/ids.ts'

/** Ids of which all are compared; of more, those next in order. */
const mostCompared = 20_000
/** Edits that may be a mistake, of however long a text: what is further off was not meant. */
const mostEdits = 6

/** Up to `limit` ids that were perhaps meant by `wanted`, the likeliest first. */
function nearMatches(ids: IdMap, wanted: string, limit = 3): string[] {
  const lower = wanted.toLowerCase()
  const near = ids.size <= mostCompared ? Array.from({ length: ids.size }, (_, at) => at) : neighbours(ids, wanted)
  const most = Math.min(mostEdits, Math.max(2, Math.ceil(wanted.length / 2)))
  return near
    .map(at => String(ids.at(at)))
    .map(id => ({ id, distance: nearness(id.toLowerCase(), lower, most) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
    .map(({ id }) => id)
}

/** `: did you mean "calm" or "calmer"?`, or nothing where nothing is near. */
export function suggestion(ids: IdMap, wanted: string): string {
  const near = nearMatches(ids, wanted).map(id => JSON.stringify(id))
  return near.length === 0 ? '' : `: did you mean ${near.join(' or ')}?`
}

function neighbours(ids: IdMap, wanted: string): number[] {
  const first = firstFrom(ids, wanted)
  return [...ids.sorted.subarray(Math.max(0, first - 50), first + 50)]
}

/** Where among the sorted ids those begin that are not before `text`. O(log n). */
function firstFrom(ids: IdMap, text: string): number {
  const { sorted } = ids
  const bytes = Buffer.from(text)
  const isBefore = (at: number) => {
    const id = ids.at(sorted[at]!)
    if (ids.kind === 'integer') return Number(id) < Number(text)
    return Buffer.compare(Buffer.from(id as string), bytes) < 0
  }
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** The beginning of an id, or a part of it, is near; else by edits. */
function nearness(id: string, wanted: string, most: number): number {
  if (id.startsWith(wanted) || wanted.startsWith(id)) return Math.min(most, Math.abs(id.length - wanted.length) / 10)
  return Math.min(edits(id, wanted, most), id.includes(wanted) ? most : Number.POSITIVE_INFINITY)
}

/**
 * Letters to put in, leave out or change (Levenshtein 1966); infinite where that is more than `most`. Of each row only what `most` edits reach is looked
 * at (Ukkonen 1985), and no row after one that is beyond them: what is asked for by mistake costs little, however long ids are.
 */
export function edits(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most) return Number.POSITIVE_INFINITY
  let before = Uint16Array.from({ length: other.length + 1 }, (_, at) => at)
  let row = new Uint16Array(other.length + 1)
  for (let i = 1; i <= one.length; i++) {
    const [first, last] = [Math.max(1, i - most), Math.min(other.length, i + most)]
    // Next to what is looked at, nothing is near.
    row[first - 1] = first === 1 ? i : most + 1
    let least = row[first - 1]!
    for (let j = first; j <= last; j++) {
      const change = before[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      // In the row before, the last place was not looked at.
      const without = j === i + most ? most + 1 : before[j]! + 1
      row[j] = Math.min(change, without, row[j - 1]! + 1)
      least = Math.min(least, row[j]!)
    }
    if (least > most) return Number.POSITIVE_INFINITY
    ;[before, row] = [row, before]
  }
  const distance = before[other.length]!
  return distance <= most ? distance : Number.POSITIVE_INFINITY
}
