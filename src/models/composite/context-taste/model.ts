import { hasBit } from '../../../search/bitmap.ts'
import { elements, valuesIn } from '../../../storage/safetensors.ts'
import {
  type ItemList,
  type ItemSource,
  type LiveMemory,
  type Model,
  type ResolvedRequest,
  type SourceWeights,
  sourceCode,
  sourceOf,
} from '../../algorithm.ts'
import type { Artifact } from '../../artifact/artifact.ts'
import { type OpenPart, openParts, rankPart } from '../parts/live-parts.ts'
import { ModelOfParts } from '../parts/model-of-parts.ts'
import { artifactOf, type Part } from '../parts/parts.ts'
import {
  type FeatureContext,
  featureListsOf,
  featureNames,
  isFirstOfSession,
  latestItems,
  sessionGapOf,
  writeFeatures,
} from './features.ts'
import { type Gate, weigh } from './gate/gate.ts'
import { interpolated, type Reliance, withContextWeight } from './gate/reliance.ts'
import { mixtureOf, repeatsOf } from './mixture.ts'
import type { ContextTasteOptions } from './options.ts'
import {
  type Calibration,
  calibrationsOf,
  decodeCalibration,
  encodeCalibration,
  probabilitiesOf,
} from './probabilities.ts'

/**
 * The tensors of the artifact beside those of each part, whose names begin with the place of the part and a dot.
 * All are float64:
 *
 * - `gate.means` and `gate.scales` (features), `gate.coefficients` (parts × (1 + features)): {@link Gate};
 * - `gate.temperatures` (parts), the {@link Calibration} of each part, encoded;
 * - `gate.reliance` (2 × 3), for the first of a session and for later: {@link Reliance}, its fields in order;
 * - `gate.newest` (1), the time of the newest event, in ms since 1970.
 */
export function contextTasteTensors(artifact: Artifact, parts: number) {
  const features = featureNames.length
  const values = (name: string, ...shape: number[]) =>
    valuesIn(artifact.tensor(`gate.${name}`, Float64Array, shape), 0, elements(shape))
  return {
    means: values('means', features),
    scales: values('scales', features),
    coefficients: values('coefficients', parts * (1 + features)),
    temperatures: values('temperatures', parts),
    newest: values('newest', 1),
    reliance: values('reliance', 2, 3),
  }
}

export function verifyContextTaste(artifact: Artifact, parts: readonly Part[]): void {
  for (const [place, part] of parts.entries()) part.algorithm.verify(artifactOf(artifact, part, place))
  const tensors = contextTasteTensors(artifact, parts.length)
  for (const [name, values] of Object.entries(tensors)) {
    const place = values.findIndex(value => !Number.isFinite(value))
    if (place >= 0) throw artifact.damaged(`gate.${name}`, `place ${place} must be finite, but is ${values[place]}`)
  }
  tensors.reliance.forEach((value, place) => {
    const isPart = place % 3 === 0
    const isFit = isPart ? Number.isInteger(value) && value >= 0 && value < parts.length : value >= 0 && value <= 1
    if (isFit) return
    const expected = isPart ? `a part from 0 to ${parts.length - 1}` : 'from 0 to 1'
    throw artifact.damaged('gate.reliance', `place ${place} must be ${expected}, but is ${value}`)
  })
  tensors.temperatures.forEach((code, part) => {
    const known = calibrationsOf(sourceOf(parts[part].algorithm)).map(encodeCalibration)
    if (known.includes(code)) return
    throw artifact.damaged('gate.temperatures', `place ${part} must be one of ${known.join(', ')}, but is ${code}`)
  })
}

export function openContextTaste(
  artifact: Artifact,
  options: ContextTasteOptions,
  parts: readonly Part[],
  live: LiveMemory | undefined,
): Model {
  return new ContextTasteModel(artifact, options, openParts(artifact, parts, live))
}

/** Ranks by the probabilities of each part, weighed by the moment. */
class ContextTasteModel extends ModelOfParts {
  readonly sources: readonly ItemSource[]
  readonly #depth: number
  readonly #parts: readonly OpenPart[]
  readonly #partSources: readonly ItemSource[]
  readonly #codes: Uint8Array
  readonly #gate: Gate
  readonly #calibrations: readonly Calibration[]
  readonly #reliance: { readonly first: Reliance; readonly later: Reliance }
  readonly #context: FeatureContext
  /** Items of the training: those after them are new. */
  readonly #trained: number

  constructor(artifact: Artifact, { depth }: ContextTasteOptions, parts: readonly (Part & OpenPart)[]) {
    super(parts)
    this.#depth = depth
    this.#trained = artifact.manifest.dataset.items
    this.#parts = parts
    this.#partSources = parts.map(({ algorithm }) => sourceOf(algorithm))
    this.#codes = Uint8Array.from(this.#partSources, sourceCode)
    this.sources = [...new Set(this.#partSources)]
    const { means, scales, coefficients, temperatures, newest, reliance } = contextTasteTensors(artifact, parts.length)
    this.#gate = { parts: parts.length, features: featureNames.length, means, scales, coefficients }
    this.#calibrations = Array.from(temperatures, decodeCalibration)
    const at = (row: number): Reliance => {
      const [best, gateWeight, repeatFactor] = reliance.subarray(3 * row, 3 * row + 3)
      return { best, gateWeight, repeatFactor }
    }
    this.#reliance = { first: at(0), later: at(1) }
    this.#context = { events: artifact.events, sessionGap: sessionGapOf(parts), newest: newest[0] }
  }

  #bySource(weights: Float64Array): SourceWeights {
    const sums: Partial<Record<ItemSource, number>> = {}
    this.#partSources.forEach((source, part) => {
      sums[source] = (sums[source] ?? 0) + weights[part]
    })
    return sums
  }

  /**
   * The lists of the parts for each request (`own`), and for the same request without `only` and `allowed` (`all`).
   * Features and probabilities are made from `all`, so that an item scores the same whichever others are asked for.
   */
  #listsFor(requests: readonly ResolvedRequest[]): Record<'own' | 'all', readonly (readonly ItemList[])[]> {
    const wider = requests.map(request => ({ ...request, only: undefined, allowed: undefined }))
    const all = this.#parts.map(part => rankPart(part, wider))
    const isNarrowed = ({ only, allowed }: ResolvedRequest, at: number) =>
      only !== undefined ||
      (allowed !== undefined && all.some(each => each[at].items.some(item => !hasBit(allowed, item))))
    const narrowed = requests.flatMap((request, at) => (isNarrowed(request, at) ? [at] : []))
    if (narrowed.length === 0) return { own: all, all }
    const own = all.map(each => [...each])
    this.#parts.forEach((part, place) => {
      const lists = rankPart(
        part,
        narrowed.map(at => requests[at]),
      )
      for (const [at, list] of lists.entries()) own[place][narrowed[at]] = list
    })
    return { own, all }
  }

  rank(requests: readonly ResolvedRequest[]): ItemList[] {
    const deeper = requests.map(request => ({ ...request, limit: Math.max(request.limit, this.#depth) }))
    const lists = this.#listsFor(deeper)
    const features = new Float64Array(featureNames.length)
    const weights = new Float64Array(this.#parts.length)
    return requests.map((request, at) => {
      const [own, all] = [lists.own, lists.all].map(each => each.map(part => part[at]))
      writeFeatures(request, featureListsOf(all, this.#partSources), this.#context, features)
      weigh(this.#gate, features, weights)
      const { contextWeight } = request
      const { best, gateWeight, repeatFactor } = isFirstOfSession(features)
        ? this.#reliance.first
        : this.#reliance.later
      const followed =
        contextWeight === undefined
          ? interpolated(weights, best, gateWeight)
          : withContextWeight(weights, part => this.#partSources[part] === 'context', contextWeight)
      const repeats = repeatsOf(latestItems(request, this.#context.events), repeatFactor, item => item >= this.#trained)
      const experts = own.map((list, part) => ({
        items: list.items,
        probabilities: probabilitiesOf(list, this.#calibrations[part], all[part]),
      }))
      const { items, scores, parts } = mixtureOf(experts, followed, request.limit, repeats)
      return { items, scores, sources: parts.map(part => this.#codes[part]), weights: this.#bySource(followed) }
    })
  }
}
