const whole = new Intl.NumberFormat('en')

/** A whole number with its thousands apart. */
export function count(value: number): string {
  return whole.format(value)
}

/** A number in about three digits. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 1000 || Number.isInteger(value)) return whole.format(Math.round(value))
  return String(Number(value.toPrecision(3)))
}

const compactNumber = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 })

/** As {@link short}, with thousands as `K` and so on: there is little room beside a chart. */
export function compact(value: number): string {
  return Math.abs(value) < 10_000 ? short(value) : compactNumber.format(value)
}

/** A score of a list, with as many digits as those beside it. */
export function preference(value: number): string {
  return Math.abs(value) >= 0.001 && Math.abs(value) < 1000 ? value.toPrecision(3) : short(value)
}

export function milliseconds(value: number): string {
  return Number.isFinite(value) ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : '–'
}

export function mebibytes(bytes: number): string {
  return Number.isFinite(bytes) ? `${whole.format(Math.round(bytes / 2 ** 20))} MiB` : '–'
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** A time as `28 Nov 2026, 14:05`, and how long ago it was. */
export function timeAndAge(iso: string): string {
  const time = new Date(iso)
  const shown = time.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
  return `${shown} (${age(Date.now() - time.getTime())})`
}

function age(ms: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
  ] as const
  for (const [length, name] of units) if (ms >= length) return `${plural(Math.floor(ms / length), name)} ago`
  return 'just now'
}
