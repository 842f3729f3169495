/** Which options a search tries. */
import type { Algorithm, SearchRange } from '../../models/algorithm.ts'
import { randomNumbers } from '../../storage/random.ts'

export type Options = Readonly<Record<string, unknown>>

/**
 * Which options of an algorithm to try next, each once: first its defaults, then points of its ranges ({@link Algorithm.search}).
 * The points are those of Halton (1960), shifted at random: few of them leave no large part of any range untried, as random ones
 * do (Bergstra & Bengio 2012, "Random Search for Hyper-Parameter Optimization", section 4). An additive recurrence in place of
 * them left 2 of 10 parts of a range of four untried by 40 points. Once some are known to be good, every second one is drawn from
 * near one of those (as BOHB does: Falkner, Klein & Hutter 2018, section 3.2, here without its model of the bad ones).
 *
 * The same `seed` and the same best ones give the same options.
 */
export class OptionsToTry {
  readonly #algorithm: Algorithm
  readonly #fixed: Options
  readonly #ranges: readonly (readonly [name: string, range: SearchRange])[]
  readonly #given = new Set<string>()
  readonly #random: () => number
  readonly #shifts: readonly number[]
  #point = 0
  #wasNear = false

  /** `fixed`: options that are the same in all. */
  constructor(algorithm: Algorithm, fixed: Options, seed = 0) {
    this.#algorithm = algorithm
    this.#fixed = fixed
    this.#ranges = Object.entries(algorithm.search ?? {}).filter(([name]) => fixed[name] === undefined)
    this.#random = randomNumbers(seed)
    this.#shifts = this.#ranges.map(this.#random)
  }

  /** `best`: options that are known to be good. Undefined: all values of the ranges have been given. */
  next(best: readonly Options[] = []): Options | undefined {
    if (this.#given.size === 0) return this.#newOf({})
    if (this.#ranges.length === 0) return undefined
    this.#wasNear = best.length > 0 && !this.#wasNear
    return (this.#wasNear ? this.#firstNew(() => this.#near(best)) : undefined) ?? this.#firstNew(() => this.#spread())
  }

  #firstNew(draw: () => Options): Options | undefined {
    for (let repeated = 0; repeated < mostRepeated; repeated++) {
      const options = this.#newOf(draw())
      if (options) return options
    }
    return undefined
  }

  /** Those with the defaults of the others and what is fixed, unless they were given before. */
  #newOf(options: Options): Options | undefined {
    const whole = this.#algorithm.options.parse({ ...options, ...this.#fixed }) as Options
    return this.#given.size < this.#given.add(JSON.stringify(whole)).size ? whole : undefined
  }

  /** The next point of Halton. */
  #spread(): Options {
    this.#point++
    const coordinate = (range: SearchRange, at: number) =>
      valueIn(range, (this.#shifts[at]! + radicalInverse(this.#point, primes[at % primes.length]!)) % 1)
    return Object.fromEntries(this.#ranges.map(([name, range], at) => [name, coordinate(range, at)]))
  }

  /** One of `best`, each option moved. */
  #near(best: readonly Options[]): Options {
    const one = best[Math.floor(this.#random() * best.length)]!
    return Object.fromEntries(this.#ranges.map(([name, range]) => [name, this.#valueNear(range, one[name])]))
  }

  #valueNear(range: SearchRange, value: unknown): unknown {
    const [first, second] = [this.#random(), this.#random()]
    if ('values' in range) return first < shareMoved ? valueIn(range, second) : value
    const place = placeIn(range, Number(value ?? Number.NaN))
    if (Number.isNaN(place)) return valueIn(range, second)
    // Box & Muller 1958; 1 - first is above 0.
    const normal = Math.sqrt(-2 * Math.log(1 - first)) * Math.cos(2 * Math.PI * second)
    return valueIn(range, Math.min(1, Math.max(0, place + deviation * normal)))
  }
}

/** Those of `options` that are searched, and `epochs`. */
export function searchedOptions({ search = {} }: Algorithm, options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => name in search || name === 'epochs'))
}

/** Points in a row that were there before, until it is taken that there are no others. */
const mostRepeated = 100

/** How far a number near another lies from it, as the standard deviation in shares of its range. */
const deviation = 0.1
/** Of values without an order, how many are drawn anew. */
const shareMoved = 0.25

const primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] as const

/** The digits of `number` in `base`, in reverse behind the point. */
function radicalInverse(number: number, base: number): number {
  let inverse = 0
  let digit = 1 / base
  for (let left = number; left > 0; left = Math.floor(left / base), digit /= base) inverse += (left % base) * digit
  return inverse
}

/** The value at `place`, from 0 (inclusive) to 1, of a range; of values, 1 is exclusive. */
function valueIn(range: SearchRange, place: number): unknown {
  if ('values' in range) return range.values[Math.floor(place * range.values.length)]
  const { from, to, scale, isWhole = false } = range
  const value = scale === 'log' ? from * (to / from) ** place : from + (to - from) * place
  // Three digits say all that a search can tell apart, and can be typed.
  return isWhole ? Math.round(value) : Number(value.toPrecision(3))
}

/** Where `value` lies in a range, from 0 to 1. */
function placeIn({ from, to, scale }: Exclude<SearchRange, { readonly values: unknown }>, value: number): number {
  const place = scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from)
  return Math.min(1, Math.max(0, place))
}
