/** From values to places in a plot. */
export interface Scale {
  (value: number): number
  readonly ticks: readonly number[]
}

/** From `from` to `to`, with ticks at round numbers; values outside are held at the ends. */
export function linearScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [from, to] = domain[1] > domain[0] ? domain : [domain[0], domain[0] + 1]
  return scaleOf([from, to], range, value => value, roundTicks(from, to, 4))
}

/** The same of logarithms: equal factors are equally far apart. Values must be above 0; 0 is held at the lower end. */
export function logScale(domain: readonly [number, number], range: readonly [number, number]): Scale {
  const [from, to] = domain[1] > domain[0] ? domain : [domain[0], domain[0] * 2]
  const all = [1, 2, 5].flatMap(digit => decades(from, to).map(decade => digit * decade))
  const within = all.filter(value => value >= from * 0.999 && value <= to * 1.001).sort((a, b) => a - b)
  const tens = within.filter(value => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9)
  return scaleOf([from, to], range, Math.log, within.length > 6 && tens.length > 1 ? tens : within)
}

function scaleOf(
  [from, to]: readonly [number, number],
  [low, high]: readonly [number, number],
  transform: (value: number) => number,
  ticks: readonly number[],
): Scale {
  const [begin, end] = [transform(from), transform(to)]
  const place = (value: number) => {
    const held = Math.min(Math.max(value, from), to)
    return Math.round((low + ((transform(held) - begin) / (end - begin)) * (high - low)) * 100) / 100
  }
  return Object.assign(place, { ticks })
}

/** Multiples of 1, 2 or 5 times a power of ten, about `wanted` of them. */
export function roundTicks(from: number, to: number, wanted: number): number[] {
  const rough = (to - from) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5].find(digit => digit * power >= rough) ?? 10)
  const first = Math.ceil(from / step - 1e-9)
  const last = Math.floor(to / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(12)))
}

function decades(from: number, to: number): number[] {
  const [first, last] = [Math.floor(Math.log10(from)), Math.ceil(Math.log10(to))]
  return Array.from({ length: last - first + 1 }, (_, at) => 10 ** (first + at))
}
