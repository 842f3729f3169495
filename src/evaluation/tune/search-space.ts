/** Which options a search tries. */
import type { Algorithm, SearchRange } from '../../models/algorithm.ts'
import { randomNumbers } from '../../storage/random.ts'

export type Options = Readonly<Record<string, unknown>>

/**
 * Options of `algorithm`, one after the other, each once: first its defaults, then points of its ranges
 * ({@link Algorithm.search}). The points are those of Halton (1960), shifted at random: few of them leave no large part of any
 * range untried, as random ones do (Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization", section 4). An
 * additive recurrence in place of them left 2 of 10 parts of a range of four untried by 40 points. What is `fixed` is the same in all.
 *
 * The same `seed` gives the same options. They end where all values of the ranges have been tried.
 */
export function* optionsToTry(algorithm: Algorithm, fixed: Options, seed = 0): Generator<Options> {
  const ranges = Object.entries(algorithm.search ?? {}).filter(([name]) => fixed[name] === undefined)
  const given = new Set<string>()
  const isNew = (options: Options) => given.size < given.add(JSON.stringify(options)).size
  const whole = (options: Options) => algorithm.options.parse({ ...options, ...fixed }) as Options
  const defaults = whole({})
  isNew(defaults)
  yield defaults
  const random = randomNumbers(seed)
  const shifts = ranges.map(() => random())
  for (let point = 1, repeated = 0; ranges.length > 0 && repeated < mostRepeated; point++) {
    const places = ranges.map(([name, range], at) => [
      name,
      valueIn(range, (shifts[at]! + radicalInverse(point, primes[at % primes.length]!)) % 1),
    ])
    const options = whole(Object.fromEntries(places))
    if (isNew(options)) {
      repeated = 0
      yield options
    } else {
      repeated++
    }
  }
}

/** Those of `options` that are searched, and `epochs`. */
export function searchedOptions({ search = {} }: Algorithm, options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name in search || name === 'epochs'))
}

/** Points in a row that were there before, until it is taken that there are no others. */
const mostRepeated = 100

const primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] as const

/** The digits of `number` in `base`, in reverse behind the point. */
function radicalInverse(number: number, base: number): number {
  let inverse = 0
  let digit = 1 / base
  for (let left = number; left > 0; left = Math.floor(left / base), digit /= base) inverse += (left % base) * digit
  return inverse
}

/** The value at `place`, from 0 (inclusive) to 1, of a range. */
function valueIn(range: SearchRange, place: number): unknown {
  if ('values' in range) return range.values[Math.floor(place * range.values.length)]
  const { from, to, scale, isWhole = false } = range
  const value = scale === 'log' ? from * (to / from) ** place : from + (to - from) * place
  // Three digits say all that a search can tell apart, and can be typed.
  return isWhole ? Math.round(value) : Number(value.toPrecision(3))
}
