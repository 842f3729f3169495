import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { assertReplaceable } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { sharedArray } from '../../storage/shared-array.ts'
import { type EpochResult, TaggerArtifact, type TaggerManifest, writeTagger } from './artifact.ts'
import type { LabelledClip, LabelledClips } from './clips.ts'
import { curvesPlot } from './curves.ts'
import { clipFrames, type ReadingProgress, readFrames, type Standard, standardOf } from './frames.ts'
import { measurePredictions, type TaggerMeasure } from './measure.ts'
import { shapeOf, type TaggerOptions, taggerOptions } from './options.ts'
import type { PredictArgs } from './predict-jobs.ts'
import type { ClipFrames } from './slices.ts'
import { splitClips, type TaggerSplit } from './split.ts'
import type { TrainedNetwork } from './tagger.ts'
import { initialState, type TaggerState, TaggerTrainer } from './trainer.ts'

const work = workerModuleUrl('./predict-jobs', import.meta.url)

export interface TrainTagger {
  readonly pool: Pool
  /** Of each file at most this many seconds, in its middle. Default: 30. */
  readonly seconds?: number | undefined
  /** Share of the clips that is held out for the validation, where the clips do not say. Default: 0.1. */
  readonly validation?: number | undefined
  /** Take the place of a tagger that is there. */
  readonly replace?: boolean | undefined
  /** Go on from the tagger that is there: the same clips and options. */
  readonly resume?: boolean | undefined
  /** Save what is so far after an epoch once this many seconds have passed since the last time. Default: 300. */
  readonly checkpointSeconds?: number | undefined
  /** Aborting it ends the reading with its reason, or the training after the running epoch; what is so far is saved. */
  readonly signal?: AbortSignal | undefined
  readonly onReading?: ((progress: ReadingProgress) => void) | undefined
  readonly onProgress?: ((progress: TaggerProgress) => void) | undefined
}

/** How far a training has come. */
export interface TaggerProgress {
  /** Share of the training that is done, 0 to 1. */
  readonly done: number
  readonly slicesPerSecond: number
  /** Infinity while unknown. */
  readonly secondsLeft: number
  readonly of: number
  readonly epochs: readonly EpochResult[]
}

export interface TrainedTagger {
  readonly manifest: TaggerManifest
  /** Of the validation part, where there is one. */
  readonly measure: TaggerMeasure | undefined
  /** Files that could not be used, and why. */
  readonly faults: readonly string[]
}

/**
 * Learns a tagger of labelled sounds and saves it to `directory`; `Tagger` opens it. Where there is a validation part it has the parameters of
 * the epoch that was best there, and ends early where none has become better for long. The same bits come out for any number of workers.
 *
 * @param given those left out have their defaults or, to resume, are those of before.
 * @throws TypeError naming the option that is wrong; RangeError where no clip can be read, they do not fit in memory, or something is at
 *   `directory` that may not be replaced or resumed; Error where the training diverges.
 */
export async function trainTagger(
  { clips, labels, kind }: Pick<LabelledClips, 'clips' | 'labels' | 'kind'>,
  directory: string,
  given: Partial<TaggerOptions>,
  context: TrainTagger,
): Promise<TrainedTagger> {
  const { pool, replace = false, resume = false, seconds = 30, validation = 0.1, signal } = context
  const fault = faultIn(taggerOptions, given)
  if (fault) throw new TypeError(`options of the tagger: ${fault}`)
  assertDirectory(directory, { replace, resume })
  const from = resume ? TaggerArtifact.open(directory) : undefined
  try {
    const options = from ? optionsToContinue(from, given) : taggerOptions.parse(given)
    const shape = shapeOf(options, labels.length, kind)
    const part = 4 * 2 ** options.blocks
    if (options.frames % part !== 0) {
      throw new TypeError(`options of the tagger: frames must be a multiple of ${part}, got ${options.frames}`)
    }
    const read = await readFrames(
      clips.map(({ file }) => file),
      { seconds, pool, signal, onProgress: context.onReading },
    )
    const usable = clips.flatMap((clip, at) => {
      const values = read.frames[at]
      return values ? [{ clip, values }] : []
    })
    const split = splitClips(
      usable.map(({ clip }) => clip),
      validation,
      options.seed,
    )
    if (split.training.length < 2) {
      const first = read.faults[0] === undefined ? '' : `; the first that cannot be read: ${read.faults[0]}`
      throw new RangeError(`expected at least 2 sounds to train on, got ${split.training.length}${first}`)
    }
    const of = (rows: readonly number[]) => rows.map(row => usable[row]!)
    const standard = standardOf(of(split.training).map(({ values }) => values))
    const training = clipFrames(of(split.training), labels, standard)
    const held = clipFrames(of(split.validation), labels, standard)
    const checksum = checksumOf(usable, split)
    if (from && from.manifest.clips.checksum !== checksum) {
      throw new RangeError(
        `${directory} was trained on other clips, or more or less of each, or others of them: resume it with the same (also seconds, validation), or train anew (--replace)`,
      )
    }
    const about = {
      options,
      labels,
      kind,
      clips: { training: split.training.length, validation: split.validation.length, checksum },
    }
    const state = from ? stateOf(from, initialState(shape, options.seed)) : initialState(shape, options.seed)
    const trainer = new TaggerTrainer(shape, training, options, pool, state)
    const run = new Run({ trainer, held, standard, about, directory, context })
    const trained = await run.train(from)
    return { ...trained, faults: read.faults }
  } finally {
    from?.close()
  }
}

function assertDirectory(
  directory: string,
  { replace, resume }: { readonly replace: boolean; readonly resume: boolean },
) {
  if (replace && resume) throw new TypeError('a tagger is either replaced (--replace) or resumed (--resume)')
  if (replace || resume) return assertReplaceable(directory, 'aurochs-tagger')
  if (!existsSync(directory)) return
  throw new RangeError(
    `${directory} exists: choose another place, replace it (replace, --replace) or go on from it (resume, --resume)`,
  )
}

function optionsToContinue({ directory, manifest }: TaggerArtifact, given: Partial<TaggerOptions>): TaggerOptions {
  if (manifest.complete) throw new RangeError(`${directory} has come to its end: train anew (--replace)`)
  const options = taggerOptions.parse({ ...manifest.options, ...given })
  for (const [name, value] of Object.entries(options)) {
    const before = manifest.options[name as keyof TaggerOptions]
    if (value !== before) {
      throw new RangeError(`${directory} was trained with ${name} ${before}, not ${value}: resume it with the same`)
    }
  }
  return options
}

/** Of which clips, what they are labelled with, how much of each, and what for. */
function checksumOf(
  clips: readonly { readonly clip: LabelledClip; readonly values: Float32Array }[],
  split: TaggerSplit,
): string {
  const lines = clips.map(({ clip: { file, labels }, values }) => JSON.stringify([file, labels, values.length]))
  const parts = JSON.stringify([split.training, split.validation])
  return createHash('sha256')
    .update([...lines, parts].join('\n'))
    .digest('hex')
    .slice(0, 16)
}

function stateOf(artifact: TaggerArtifact, state: TaggerState): TaggerState {
  const { weights, moments } = state
  const take = (name: string, into: Float32Array) => into.set(artifact.tensor(name, into.length).data)
  take('latest', weights.parameters)
  take('latestMoments', moments)
  take('first', weights.first)
  take('second', weights.second)
  state.epochs = artifact.manifest.epochs.length
  return state
}

interface RunParts {
  readonly trainer: TaggerTrainer
  readonly held: ClipFrames
  readonly standard: Standard
  readonly about: Pick<TaggerManifest, 'options' | 'labels' | 'kind' | 'clips'>
  readonly directory: string
  readonly context: TrainTagger
}

/** One run of a training, from its first or a later epoch on. */
class Run {
  readonly #parts: RunParts
  readonly #epochs: EpochResult[] = []
  /** What predicts best so far; of the same shape as the state's. */
  readonly #best: { readonly parameters: Float32Array; readonly moments: Float32Array }
  #bestEpoch = 0
  #isOurs = false

  constructor(parts: RunParts) {
    this.#parts = parts
    const { weights, moments } = parts.trainer.state
    this.#best = { parameters: weights.parameters.slice(), moments: moments.slice() }
  }

  async train(from: TaggerArtifact | undefined): Promise<Omit<TrainedTagger, 'faults'>> {
    const { trainer, about, held, context } = this.#parts
    const { signal, onProgress, checkpointSeconds = 300 } = context
    const { options } = about
    if (from) {
      this.#epochs.push(...from.manifest.epochs)
      this.#bestEpoch = from.manifest.epoch
      this.#best.parameters.set(from.tensor('parameters', this.#best.parameters.length).data)
      this.#best.moments.set(from.tensor('moments', this.#best.moments.length).data)
    }
    const [begun, before] = [performance.now(), trainer.state.epochs]
    const report = () => onProgress?.(this.#progress(before, (performance.now() - begun) / 1000))
    const ticking = onProgress && setInterval(report, 200)
    let savedAt = begun
    try {
      while (!this.#isOver && !signal?.aborted) {
        const loss = await trainer.epoch()
        this.#take(loss, held.starts.length > 1 ? await this.#measure(this.#latest) : undefined)
        report()
        if (!this.#isOver && performance.now() - savedAt >= checkpointSeconds * 1000) {
          await this.#save(trainer.state.epochs >= options.epochs)
          savedAt = performance.now()
        }
      }
    } finally {
      clearInterval(ticking)
    }
    const measure = held.starts.length > 1 ? await this.#measure(this.#best) : undefined
    return { manifest: await this.#save(this.#isOver), measure }
  }

  get #isOver(): boolean {
    const { options, clips } = this.#parts.about
    const { length } = this.#epochs
    return length >= options.epochs || (clips.validation > 0 && length - this.#bestEpoch >= options.patience)
  }

  get #latest() {
    const { weights, moments } = this.#parts.trainer.state
    return { parameters: weights.parameters, moments }
  }

  /** Keeps the parameters where they are the best so far. */
  #take(loss: number, measure: TaggerMeasure | undefined): void {
    const { labels: _, confusion: __, ...validation } = measure ?? { labels: [], confusion: undefined, loss: 0 }
    const best = this.#epochs[this.#bestEpoch - 1]?.validation
    this.#epochs.push({ loss, ...(measure && { validation }) })
    if (measure && best && !isBetter(validation, best)) return
    this.#bestEpoch = this.#epochs.length
    this.#best.parameters.set(this.#latest.parameters)
    this.#best.moments.set(this.#latest.moments)
  }

  async #measure({ parameters, moments }: Omit<TrainedNetwork, 'shape'>): Promise<TaggerMeasure> {
    const { held, about, context } = this.#parts
    const { options, labels, kind } = about
    const network = { shape: shapeOf(options, labels.length, kind), parameters, moments }
    return measurePredictions(await predictClips(network, held, context.pool), held.targets, labels, kind)
  }

  #progress(before: number, seconds: number): TaggerProgress {
    const { trainer, about } = this.#parts
    const { epochs } = about.options
    const inThisRun = this.#epochs.length - before + trainer.fraction
    return {
      done: epochs > 0 ? (before + inThisRun) / epochs : 1,
      slicesPerSecond: (inThisRun * trainer.clips) / Math.max(seconds, 1e-9),
      secondsLeft: inThisRun > 0 ? (seconds / inThisRun) * (epochs - before - inThisRun) : Number.POSITIVE_INFINITY,
      of: epochs,
      epochs: [...this.#epochs],
    }
  }

  async #save(complete: boolean): Promise<TaggerManifest> {
    const { trainer, standard, about, directory, context } = this.#parts
    const { weights } = trainer.state
    const { parameters, moments } = this.#best
    const tensors = {
      parameters,
      moments,
      mean: standard.mean,
      deviation: standard.deviation,
      ...(!complete && {
        latest: weights.parameters,
        latestMoments: trainer.state.moments,
        first: weights.first,
        second: weights.second,
      }),
    }
    const manifest = await writeTagger(directory, tensors, curvesPlot(this.#epochs, this.#bestEpoch), {
      ...about,
      epochs: [...this.#epochs],
      epoch: this.#bestEpoch,
      complete,
      replace: this.#isOurs || (context.replace ?? false) || (context.resume ?? false),
    })
    // Where an earlier checkpoint of this run lies.
    this.#isOurs = true
    return manifest
  }
}

type Compared = NonNullable<EpochResult['validation']>

function isBetter(validation: Compared, best: Compared): boolean {
  const of = ({ accuracy, meanAveragePrecision }: Compared) => accuracy ?? meanAveragePrecision ?? 0
  return of(validation) > of(best) || (of(validation) === of(best) && validation.loss < best.loss)
}

/** (clips × labels) What a network says of clips, predicted by all workers. */
export async function predictClips(network: TrainedNetwork, clips: ClipFrames, pool: Pool): Promise<Float32Array> {
  const count = clips.starts.length - 1
  const probabilities = sharedArray(Float32Array, count * clips.classes)
  const args: PredictArgs = { network, clips: { ...clips, targets: clips.targets.subarray(0, 0) }, probabilities }
  await pool.phase(work, 'predict', args)
  return probabilities
}
