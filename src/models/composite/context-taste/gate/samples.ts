/**
 * The samples of a gate: the latest events, predicted one after the other by parts that are trained on those
 * before.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dataset, writeDataset } from '../../../../storage/dataset.ts'
import type { Sequences } from '../../../../storage/sequences.ts'
import {
  type ItemList,
  type Ranking,
  type RankRequest,
  sourceOf,
  type TrainContext,
  type UserEvents,
} from '../../../algorithm.ts'
import { saveArtifact } from '../../../artifact/artifact.ts'
import { historyOf } from '../../../open/history.ts'
import { ModelPool } from '../../../open/model-pool.ts'
import { EventWeights, eventCounts, newestOf } from '../../../weighting/event-sums.ts'
import { type WeightingOptions, weightingIn } from '../../../weighting/options.ts'
import { withWeights } from '../../../weighting/weighted-dataset.ts'
import { type Part, refusalOf } from '../../parts/parts.ts'
import { type FeatureContext, featureListsOf, featureNames, latestItems, writeFeatures } from '../features.ts'
import { type Calibration, calibrationsOf, probabilitiesOf, probabilityFloor } from '../probabilities.ts'
import { partsBefore } from './before.ts'
import type { GateSamples } from './gate.ts'

export interface SamplesOptions {
  readonly depth: number
  /** Of the events, the latest. */
  readonly share: number
  readonly most: number
  /** In hours. */
  readonly sessionGap: number
  /** What events count. */
  readonly weighting: WeightingOptions
}

/** The samples of a gate and the lists that they were made from, with the calibration that suits each part. */
export interface GateTrainingData {
  readonly samples: GateSamples
  /** (parts) */
  readonly calibrations: readonly Calibration[]
  /** (samples × parts) The lists of the parts. */
  readonly lists: readonly (readonly ItemList[])[]
  /** (samples) The user's latest items. */
  readonly recent: readonly Uint32Array[]
  /** (samples) What came. */
  readonly targets: Uint32Array
  /** (samples) 1 where its user had not had it before. */
  readonly isNewToUser: Uint8Array
  /** Whether nobody had the item before the latest events. */
  readonly isNewItem: (item: number) => boolean
}

/** In ms: how much later than it comes, at most, an event is learned from by parts that learn online. */
const learningInterval = 60_000
const nothing = new Uint32Array(0)

/**
 * Trains `parts` on the events before the latest ones, and has them predict these in order of time; parts that
 * learn online learn from them on the way.
 *
 * @throws what the parts throw; the signal's reason when it is aborted.
 */
export async function collectSamples(
  dataset: Dataset,
  parts: readonly Part[],
  options: SamplesOptions,
  { pool, signal, onProgress }: Pick<TrainContext, 'pool' | 'signal'> & { onProgress?: (share: number) => void },
): Promise<GateTrainingData> {
  const events = dataset.events!
  const from = cutOf(events.times, options.share)
  const folder = await mkdtemp(join(tmpdir(), 'aurochs-gate-'))
  const models: ModelPool[] = []
  try {
    const earlier = partsBefore(dataset, from)
    await writeDataset(join(folder, 'before'), earlier)
    const before = Dataset.open(join(folder, 'before'))
    try {
      for (const [place, { algorithm, options }] of parts.entries()) {
        const directory = join(folder, `${place}`)
        await withWeights(before, weightingIn(options), directory, async weighted => {
          const trained = await algorithm.train(weighted.dataset, options, { pool, signal }).catch(cause => {
            throw refusalOf(parts[place], cause)
          })
          signal?.throwIfAborted()
          await saveArtifact(directory, { algorithm: algorithm.name, options, dataset: before, weighted, trained })
        })
        models.push(await ModelPool.open(directory, { pool, newItems: 0, verify: false }))
        onProgress?.((0.7 * (place + 1)) / parts.length)
      }
    } finally {
      before.close()
    }
    // As when they are served: what came since the training does not decay.
    const weights = new EventWeights(options.weighting, newestOf(earlier.events!.times))
    const replayed = new ReplayedEvents(events, eventCounts(dataset, weights), from)
    const collected = await replayed.samplesOf(models, parts, options, {
      signal,
      onProgress: share => onProgress?.(0.7 + 0.3 * share),
    })
    const known = new Set(earlier.byUser.indices)
    return { ...collected, isNewItem: item => !known.has(item) }
  } finally {
    for (const model of models) await model.close()
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * The time from which on the latest `share` of the events are; later than the first event, so that some are before
 * it.
 */
function cutOf(times: BigInt64Array, share: number): number {
  const sorted = Float64Array.from(times, Number).sort()
  const cut = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * (1 - share)))]
  return Math.max(cut, sorted[0] + 1)
}

/** The events from a moment on, each with what its user did before. */
class ReplayedEvents {
  readonly #events: Sequences
  /** (events) */
  readonly #counts: Float32Array
  readonly #from: number
  /** (events from then on) In order of time. */
  readonly #order: Uint32Array
  /** Rows of their users. */
  readonly #users: Uint32Array
  /** (users) The first of each. */
  readonly #firsts: Float64Array

  /** @param counts what each event counts. */
  constructor(events: Sequences, counts: Float32Array, from: number) {
    const moment = BigInt(from)
    const places: number[] = []
    this.#users = new Uint32Array(events.items.length)
    this.#firsts = new Float64Array(events.rows)
    for (let row = 0, event = 0; row < events.rows; row++) {
      const end = Number(events.indptr[row + 1])
      for (; event < end && events.times[event] < moment; ) event++
      this.#firsts[row] = event
      for (; event < end; event++) {
        places.push(event)
        this.#users[event] = row
      }
    }
    this.#events = events
    this.#counts = counts
    this.#from = from
    this.#order = Uint32Array.from(places).sort((a, b) => Number(events.times[a] - events.times[b]) || a - b)
  }

  async samplesOf(
    models: readonly ModelPool[],
    parts: readonly Part[],
    { depth, most, sessionGap }: SamplesOptions,
    { signal, onProgress }: { readonly signal: AbortSignal | undefined; readonly onProgress: (share: number) => void },
  ): Promise<Omit<GateTrainingData, 'isNewItem'>> {
    const { items, times } = this.#events
    const sources = parts.map(({ algorithm }) => sourceOf(algorithm))
    const choices = sources.map(calibrationsOf)
    const { chosen, excluding } = this.#choose(most)
    const features = new Float64Array(chosen.length * featureNames.length)
    /** (parts × calibrations × samples) The probability of what came. */
    const given = choices.map(choice => choice.map(() => new Float64Array(chosen.length)))
    const { artifact } = models[0]
    const context: FeatureContext = { events: artifact.events, sessionGap, newest: this.#from }
    const collected: ItemList[][] = []
    const recent: Uint32Array[] = []
    let learned = 0
    for (let first = 0, end = 0; first < chosen.length; first = end) {
      signal?.throwIfAborted()
      const begin = Number(times[chosen[first]])
      for (; learned < this.#order.length && Number(times[this.#order[learned]]) < begin; learned++) {
        const event = this.#order[learned]
        const weight = this.#counts[event]
        const learnedEvent = { user: this.#users[event], item: items[event], time: Number(times[event]), weight }
        for (const model of models) model.learn(learnedEvent)
      }
      for (
        end = first;
        end < chosen.length && Number(times[chosen[end]]) < begin + learningInterval && end - first < 1024;
      )
        end++
      const requests = Array.from(chosen.subarray(first, end), event =>
        this.#requestOf(event, depth, excluding.has(event)),
      )
      const ranked = await Promise.all(models.map(model => model.rank(requests, signal)))
      const lists = ranked.map(each => each.map(withoutFiller))
      requests.forEach((request, at) => {
        const sample = first + at
        const own = lists.map(each => each[at])
        collected.push(own)
        const history = historyOf(artifact.sums, request.user, request.recent)
        const exclude = request.seen === 'exclude' ? history.indices : nothing
        const resolved = { ...request, history, exclude, only: undefined }
        recent.push(latestItems(resolved, artifact.events))
        writeFeatures(
          resolved,
          featureListsOf(own, sources),
          context,
          features.subarray(sample * featureNames.length, (sample + 1) * featureNames.length),
        )
        own.forEach((list, part) => {
          const place = list.items.indexOf(items[chosen[sample]])
          choices[part].forEach((calibration, choice) => {
            given[part][choice][sample] = place < 0 ? 0 : probabilitiesOf(list, calibration)[place]
          })
        })
      })
      onProgress(end / chosen.length)
    }
    const targets = chosen.map(event => items[event])
    const isNewToUser = Uint8Array.from(chosen, event => Number(!this.#isRepeat(event)))
    return { ...calibrated(given, choices, features, chosen.length), lists: collected, recent, targets, isNewToUser }
  }

  /**
   * The events to predict, in order of time: those that add to a history, of which at most `most` are taken, evenly
   * by rank in time order. Every other one is predicted without the items that its user had (`excluding`), and
   * dropped afterwards where its item is one of them: so both kinds of list see items as often as they come, and
   * there may be fewer than `most`. An item may come twice in a row, as one that is bought after it was viewed: a
   * gate that had learned without such events put the latest item too low.
   */
  #choose(most: number): { readonly chosen: Uint32Array; readonly excluding: ReadonlySet<number> } {
    // For users without a history no model is asked.
    const eligible = this.#order.filter(
      event => event > Number(this.#events.indptr[this.#users[event]]) && this.#counts[event] > 0,
    )
    const size = Math.min(most, eligible.length)
    const even = Uint32Array.from({ length: size }, (_, at) => eligible[Math.floor((at * eligible.length) / size)])
    const excluding = new Set(even.filter((event, at) => at % 2 === 1 && !this.#isRepeat(event)))
    return { chosen: even.filter((event, at) => at % 2 === 0 || excluding.has(event)), excluding }
  }

  #isRepeat(event: number): boolean {
    return this.#had(event).includes(this.#events.items[event])
  }

  /** Items of the user before an event. */
  #had(event: number): Uint32Array {
    return this.#events.items.subarray(Number(this.#events.indptr[this.#users[event]]), event)
  }

  #requestOf(event: number, limit: number, isExcluding: boolean): RankRequest {
    const { items, times } = this.#events
    const user = this.#users[event]
    const begin = this.#firsts[user]
    const recent: UserEvents = {
      items: items.slice(begin, event),
      weights: this.#counts.slice(begin, event),
      times: Float64Array.from({ length: event - begin }, (_, at) => Number(times[begin + at])),
    }
    const seen = isExcluding ? 'exclude' : 'allow'
    return { user, recent, now: Number(times[event]), seen, limit, exclude: nothing, only: undefined }
  }
}

/** The items that the part itself ranks: popular ones follow, whose score is 0. */
function withoutFiller({ items, scores, basis }: Ranking): ItemList {
  let size = basis === 'model' ? items.length : 0
  while (size > 0 && scores[size - 1] === 0) size--
  return { items: items.subarray(0, size), scores: scores.subarray(0, size) }
}

/** The samples, with the calibration of each part under which what came was most probable. */
function calibrated(
  given: readonly Float64Array[][],
  choices: readonly (readonly Calibration[])[],
  features: Float64Array,
  count: number,
): Pick<GateTrainingData, 'samples' | 'calibrations'> {
  const best = given.map(byCalibration => {
    const likelihoods = byCalibration.map(values =>
      values.reduce((sum, value) => sum + Math.log(value + probabilityFloor), 0),
    )
    return likelihoods.indexOf(Math.max(...likelihoods))
  })
  const parts = given.length
  const probabilities = new Float64Array(count * parts)
  best.forEach((choice, part) => {
    given[part][choice].forEach((value, sample) => {
      probabilities[sample * parts + part] = value
    })
  })
  return {
    samples: { count, features, probabilities },
    calibrations: best.map((choice, part) => choices[part][choice]),
  }
}
