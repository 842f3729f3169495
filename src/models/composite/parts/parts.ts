import { faultIn } from '../../../storage/expectation.ts'
import type { Algorithm, AlgorithmParts } from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { type WeightingOptions, weightingIn, weightingOptions } from '../../weighting/options.ts'
import { formatParts, parseParts } from './notation.ts'

type Options = Readonly<Record<string, unknown>>

/** One of the models that another is made of. */
export interface Part {
  readonly algorithm: Algorithm
  /** All options of the algorithm but for how pairs are weighted, which is the same for all parts. */
  readonly options: Options
  /** What its scores count beside those of the others, above 0. */
  readonly weight: number
}

/**
 * What `text` names, each of one of `algorithms`, with its defaults for what it leaves out.
 *
 * @throws RangeError naming the part and what is wrong with it.
 */
export function partsOf(text: string, algorithms: readonly Algorithm[]): Part[] {
  return parseParts(text).map(({ model, weight = 1, options = {} }) => {
    const algorithm = algorithms.find(({ name }) => name === model)
    if (!algorithm) {
      const names = algorithms.map(({ name }) => name).join(', ')
      throw new RangeError(`there is no model ${model}: expected one of ${names}`)
    }
    const fault = faultIn(algorithm.options, options)
    if (fault) throw new RangeError(`of ${model}, ${fault}`)
    const shared = Object.keys(options).find(name => name in weightingOptions)
    if (shared !== undefined)
      throw new RangeError(`of ${model}, ${shared} is the same for all parts: give it once, beside them`)
    return { algorithm, options: withoutWeighting(algorithm.options.parse(options) as Options), weight }
  })
}

/** The same, each with the weighting of pairs that all have, if there is one. */
export function partsWith(
  text: string,
  weighting: WeightingOptions | undefined,
  algorithms: readonly Algorithm[],
): Part[] {
  return partsOf(text, algorithms).map(part => ({
    ...part,
    options: 'weighting' in part.algorithm.options.shape ? { ...part.options, ...weighting } : part.options,
  }))
}

function withoutWeighting(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([name]) => !(name in weightingOptions)))
}

export function textOf(parts: readonly Part[]): string {
  return formatParts(parts.map(({ algorithm, options, weight }) => ({ model: algorithm.name, weight, options })))
}

/** What the names of the tensors of a part begin with. */
export function prefixOf(place: number): string {
  return `${place}.`
}

/** The part at `place` as a model of its own. */
export function artifactOf(artifact: Artifact, { algorithm, options }: Part, place: number): Artifact {
  return artifact.part({ prefix: prefixOf(place), algorithm: algorithm.name, options })
}

/** What to throw for what a part threw: where it refuses a size or an option, the message names the part. */
export function refusalOf({ algorithm }: Part, cause: unknown): unknown {
  return cause instanceof RangeError ? new RangeError(`${algorithm.name}: ${cause.message}`, { cause }) : cause
}

/** The same parts with all options of each, and what they leave to the machine decided. */
export function resolvedParts(text: string, algorithms: readonly Algorithm[]): string {
  return textOf(
    partsOf(text, algorithms).map(part => {
      const { algorithm, options } = part
      try {
        return { ...part, options: algorithm.resolve?.(options) ?? options }
      } catch (cause) {
        throw refusalOf(part, cause)
      }
    }),
  )
}

/** Of an algorithm whose option `parts` names them. */
export function namedParts<Named extends { readonly parts: string }>(
  algorithms: readonly Algorithm[],
): AlgorithmParts<Named> {
  return {
    of: options => {
      const weighting = weightingIn(options)
      return parseParts(options.parts).map(({ model, options: given }) => {
        const algorithm = algorithms.find(({ name }) => name === model)!
        return { algorithm, given: 'weighting' in algorithm.options.shape ? { ...given, ...weighting } : { ...given } }
      })
    },
    withChosen: (options, chosen) => {
      const parts = parseParts(options.parts).map((part, at) => ({ ...part, options: withoutWeighting(chosen[at]) }))
      return { ...options, parts: formatParts(parts) }
    },
  }
}
