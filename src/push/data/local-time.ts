/** Times of day in IANA time zones, by Intl: what quiet hours and the best hour of a user are counted in. */

/** A span of the day in minutes since midnight; over midnight where `from` comes after `until`, none where they are equal. */
export interface DaySpan {
  readonly from: number
  readonly until: number
}

const minute = 60_000
const day = 1440
/** In ms: zones change their offset at multiples of it. */
const block = 15 * minute
/** Cached offsets; a day of all zones that there are has fewer. */
const mostCached = 60_000

const formats = new Map<string, Intl.DateTimeFormat>()
/** Minutes since local midnight at the beginning of a block, by zone. */
const blocks = new Map<string, Map<number, number>>()
let cached = 0

/** Whether this Node knows `zone`. */
export function isTimeZone(zone: string): boolean {
  try {
    formatOf(zone)
    return true
  } catch {
    return false
  }
}

/** Minutes since midnight in `zone` at `time` (ms since 1970), with a fraction. @throws RangeError where the zone is unknown. */
export function minuteOfDay(zone: string, time: number): number {
  const start = Math.floor(time / block) * block
  return (minuteOfBlock(zone, start) + (time - start) / minute) % day
}

/** Minutes that the time of day in `zone` is ahead of that in UTC at `time`, from −719 to 720. @throws RangeError where the zone is unknown. */
export function zoneOffset(zone: string, time: number): number {
  if (zone === 'UTC') return 0
  const ahead = (Math.round(minuteOfDay(zone, time) - minuteOfDay('UTC', time)) + 2 * day) % day
  return ahead > day / 2 ? ahead - day : ahead
}

/** When the quiet hours end that `time` lies in; undefined where it lies in none. Times in ms since 1970. */
export function quietUntil(zone: string, { from, until }: DaySpan, time: number): number | undefined {
  if (from === until) return undefined
  let end = time
  // More than once only where the clocks of the zone change in these hours.
  for (let again = 0; again < 3; again++) {
    const at = minuteOfDay(zone, end)
    const isQuiet = from < until ? at >= from && at < until : at >= from || at < until
    if (!isQuiet) break
    end = Math.ceil(end + ((until - at + day) % day) * minute)
  }
  return end === time ? undefined : end
}

function minuteOfBlock(zone: string, start: number): number {
  const ofZone = blocks.get(zone) ?? new Map<number, number>()
  if (ofZone.size === 0) blocks.set(zone, ofZone)
  const known = ofZone.get(start)
  if (known !== undefined) return known
  const parts = formatOf(zone).formatToParts(start)
  const part = (type: string) => Number(parts.find(part => part.type === type)!.value)
  const found = part('hour') * 60 + part('minute')
  if (++cached > mostCached) {
    for (const each of blocks.values()) each.clear()
    cached = 1
  }
  ofZone.set(start, found)
  return found
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone)
  if (known) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    hour: 'numeric',
    minute: 'numeric',
  })
  formats.set(zone, made)
  return made
}
