/** Figures as a report has them. */
import type { Bounds, Estimate } from '../analysis.ts'

const whole = new Intl.NumberFormat('en')

/** `12,345`. */
export function count(value: number): string {
  return whole.format(Math.round(value))
}

/** `+1,234`, `−12`. */
export function signed(value: number): string {
  const rounded = Math.round(value)
  return `${rounded > 0 ? '+' : rounded < 0 ? '−' : ''}${whole.format(Math.abs(rounded))}`
}

/** A number in few digits, for an axis. */
export function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`
  return value >= 100 ? whole.format(value) : String(Number(value.toPrecision(3)))
}

/** `1.23 %`; `–` where it is not known. */
export function percent(share: number | null, digits = 2): string {
  return share === null ? '–' : `${(100 * share).toFixed(digits)} %`
}

/** `2.41`, `1,240`. */
export function ratio(value: number | null): string {
  if (value === null) return '–'
  return value >= 100 ? whole.format(Math.round(value)) : value.toFixed(2)
}

/** `2.10 to 2.75`, `from 0.31`. */
export function bounds([low, high]: Bounds): string {
  return high === null ? `from ${ratio(low)}` : `${ratio(low)} to ${ratio(high)}`
}

/** `+120 to +310`. */
export function signedRange({ interval }: Estimate): string {
  return interval ? `${signed(interval[0])} to ${signed(interval[1])}` : 'unknown'
}

/** `1 push`, `12 pushes`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${JSON.stringify(options)}`
  let found = formats.get(key)
  if (!found) {
    found = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hourCycle: 'h23', ...options })
    formats.set(key, found)
  }
  return found
}

/** `5 Jan 2026, 12:00`. */
export function time(ms: number, zone: string): string {
  return format(zone, { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' }).format(
    ms,
  )
}

/** `5 Jan`. */
export function date(ms: number, zone: string): string {
  return format(zone, { day: 'numeric', month: 'short' }).format(ms)
}

/** `5 Jan, 12:00`. */
export function shortTime(ms: number, zone: string): string {
  return format(zone, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' }).format(ms)
}

/** `7 days`, `36 hours`, `20 min`. */
export function length(ms: number): string {
  if (ms >= 2 * 86_400_000 && ms % 86_400_000 === 0) return plural(ms / 86_400_000, 'day')
  return ms >= 3_600_000 ? plural(Math.round(ms / 3_600_000), 'hour') : `${Math.round(ms / 60_000)} min`
}

/** `1 min`, `4 h`, `1 day`. */
export function minutes(value: number): string {
  if (value < 60) return `${value} min`
  return value < 1440 ? `${Number((value / 60).toPrecision(2))} h` : plural(value / 1440, 'day')
}
