/** Polynomials of the filter P: coefficients from the constant on. */
import type { GraphFilterOptions } from './options.ts'

type Polynomial = readonly number[]

export interface Response {
  /** What the history is filtered with. */
  readonly linear: Polynomial
  /** What the low-pass is filtered with after it, times its weight; absent where there is no low-pass. */
  readonly lowPass?: Polynomial
}

/** The response of a filter; see {@link GraphFilterOptions}. */
export function responseOf(options: GraphFilterOptions): Response {
  const { filter, lowPassWeight, lowPassMerge } = options
  if (filter === 'turbo-cf') return { linear: turbo[options.filterOrder - 1]! }
  const isSharpened = filter === 'bspm'
  const sharpening = isSharpened ? sharpeningOf(options) : [1]
  const linear = isSharpened ? product(blurringOf(options), sharpening) : [0, 1]
  if (lowPassWeight === 0) return { linear }
  const after = lowPassMerge === 'early' ? sharpening : [1]
  return { linear, lowPass: after.map(coefficient => lowPassWeight * coefficient) }
}

/** The filters of Turbo-CF (Park et al. 2024, section 4.2), by their degree. */
const turbo: readonly Polynomial[] = [
  [0, 1],
  [0, 2, -1],
  [0, 1 - 0.29, 0.1, -0.01],
]

function blurringOf({ blurringTime, blurringSteps }: GraphFilterOptions): Polynomial {
  const step = blurringTime / blurringSteps
  // What is 0 must be that: a constant would cost, and bring back the history itself.
  return power(step === 1 ? [0, 1] : [1 - step, step], blurringSteps)
}

function sharpeningOf({ sharpeningTime, sharpeningSteps, sharpeningSolver }: GraphFilterOptions): Polynomial {
  const step = sharpeningTime / sharpeningSteps
  if (step === 0) return [1]
  // Any method of Runge and Kutta of four stages and order four makes the same of a linear equation.
  const once = sharpeningSolver === 'euler' ? [1, -step] : [1, -step, step ** 2 / 2, -(step ** 3) / 6, step ** 4 / 24]
  return power(once, sharpeningSteps)
}

function power(polynomial: Polynomial, exponent: number): Polynomial {
  let result: Polynomial = [1]
  for (let n = 0; n < exponent; n++) result = product(result, polynomial)
  return result
}

function product(a: Polynomial, b: Polynomial): Polynomial {
  const result = new Array<number>(a.length + b.length - 1).fill(0)
  a.forEach((x, i) => {
    b.forEach((y, j) => {
      result[i + j]! += x * y
    })
  })
  return result
}
