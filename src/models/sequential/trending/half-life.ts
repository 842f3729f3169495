import type { Sequences } from '../../../storage/sequences.ts'
import { millisecondsInHour } from '../sessions/sessions.ts'
import { visitCounted } from './counted-events.ts'

/** In hours: an hour to a month. */
const choices = [1, 3, 12, 24, 72, 168, 720] as const
/** Where nothing tells. */
const standard = 24
/** Events that are looked at, at most: the latest. */
const most = 1_000_000
/** The share of these that is predicted, the latest, and how many these must be. */
const predictedShare = 0.1
const least = 100
/** Items of a list, and how many lists are made. */
const listed = 20
const lists = 200

/**
 * The half-life, in hours, under which the lists of the 20 items that count most have most of the events that come
 * next, over the latest events. 24 where there are few events. O(events · log events + items).
 */
export function chooseHalfLife(events: Sequences, sessionGap: number, items: number): number {
  const counted = inOrder(events, sessionGap)
  const first = Math.floor(counted.times.length * (1 - predictedShare))
  if (counted.times.length - first < least) return standard
  const hits = choices.map(hours => hitsOf(counted, first, hours * millisecondsInHour, items))
  // Of equals the longest, which moves least.
  return choices[hits.lastIndexOf(Math.max(...hits))]!
}

interface CountedEvents {
  readonly times: Float64Array
  readonly items: Uint32Array
}

/** The events that count, in order of time. */
function inOrder(events: Sequences, sessionGap: number): CountedEvents {
  const places: number[] = []
  visitCounted(events, sessionGap, (_, event) => {
    places.push(event)
  })
  const times = Float64Array.from(places, event => Number(events.times[event]))
  const order = Uint32Array.from(times.keys())
    .sort((a, b) => times[a]! - times[b]!)
    .slice(-most)
  return {
    times: Float64Array.from(order, at => times[at]!),
    items: Uint32Array.from(order, at => events.items[places[at]!]!),
  }
}

/** How many events from `first` on are in the list of the moment. */
function hitsOf({ times, items }: CountedEvents, first: number, halfLife: number, columns: number): number {
  const sums = new Float64Array(columns)
  const every = Math.ceil((times.length - first) / lists)
  let [since, hits] = [times[0]!, 0]
  let list: ReadonlySet<number> = new Set()
  for (let at = 0; at < times.length; at++) {
    const time = times[at]!
    if (at >= first) {
      if ((at - first) % every === 0) list = largest(sums)
      hits += Number(list.has(items[at]!))
    }
    // Later events count more, in place of earlier ones less. Long before sums leave the range of numbers, all are made
    // smaller.
    if (time - since > 500 * halfLife) {
      const factor = 2 ** ((since - time) / halfLife)
      for (let item = 0; item < columns; item++) sums[item]! *= factor
      since = time
    }
    sums[items[at]!]! += 2 ** ((time - since) / halfLife)
  }
  return hits
}

/** The items of the largest sums. */
function largest(sums: Float64Array): ReadonlySet<number> {
  const found: number[] = []
  for (let item = 0; item < sums.length; item++) {
    if (found.length === listed && sums[item]! <= sums[found[listed - 1]!]!) continue
    let place = Math.min(found.length, listed - 1)
    while (place > 0 && sums[found[place - 1]!]! < sums[item]!) place--
    found.splice(place, 0, item)
    if (found.length > listed) found.pop()
  }
  return new Set(found)
}
