/** What the CTR model is asked, and learns, of users for an article: its columns, by what is known of both at a time. */
import type { SharedUsers } from '../features.ts'
import { type CtrRows, predictCtrs, recencyOf, type SharedCtrModel } from './ctr-model.ts'

const [minute, hour] = [60_000, 3_600_000]
/** As long ago as this counts who never came. */
export const mostHours = 24 * 365

/** What the columns are made of. */
export type CtrUsers = Pick<SharedUsers, 'lastVisits' | 'segments' | 'zones'>

/** (rows) Of the CTR model, not scaled. */
export function ctrLogits(
  users: CtrUsers,
  { now, category, ctr }: { readonly now: number; readonly category: number; readonly ctr: SharedCtrModel },
  rows: Uint32Array,
): Float32Array {
  const count = rows.length
  const recency = new Uint32Array(count)
  for (let n = 0; n < count; n++) recency[n] = recencies[hoursSince(users.lastVisits[rows[n]!]!, now)]!
  const out = predictCtrs(ctr, ctrRows(users, rows, { now, category, recency }), new Float32Array(count))
  for (let n = 0; n < count; n++) out[n] = Math.log(out[n]! / (1 - out[n]!))
  return out
}

/** The rows of some users, whose columns `recency` are given: what is learned is of a time before. */
export function ctrRows(
  { segments, zones }: Pick<CtrUsers, 'segments' | 'zones'>,
  users: Uint32Array,
  given: { readonly now: number; readonly category: number; readonly recency: Uint32Array },
): CtrRows {
  const { now, category, recency } = given
  const segment = new Uint32Array(users.length)
  for (let n = 0; n < users.length; n++) segment[n] = segments[users[n]!]!
  return { rows: users.length, columns: { user: users, segment, category, hour: hoursOf(zones, users, now), recency } }
}

/** Whole hours, and no more than a year of them. */
export function hoursSince(time: number, now: number): number {
  return Math.floor(Math.min(mostHours, Math.max(0, (now - time) / hour)))
}

const recencies = Uint8Array.from({ length: mostHours + 1 }, (_, hours) => recencyOf(hours))

/** The column `recency` by the feature. */
export function recencyColumn(feature: number): number {
  return recencies[Math.min(mostHours, Math.round(Math.expm1(-feature)))]!
}

/** The hour of each user's own day; one for all where it is the same, of which the model makes less work. */
function hoursOf(zones: Int16Array, users: Uint32Array, now: number): Uint32Array | number {
  const first = users.length > 0 ? zones[users[0]!]! : 0
  let isSame = true
  for (let n = 0; n < users.length && isSame; n++) isSame = zones[users[n]!] === first
  if (isSame) return localHour(now, first)
  const hours = new Uint32Array(users.length)
  for (let n = 0; n < users.length; n++) hours[n] = localHour(now, zones[users[n]!]!)
  return hours
}

/** @param zone Minutes that its clocks are ahead of UTC. */
function localHour(now: number, zone: number): number {
  const hours = Math.floor((now + zone * minute) / hour) % 24
  return hours < 0 ? hours + 24 : hours
}
