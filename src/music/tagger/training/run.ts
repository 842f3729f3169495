import type { Pool } from '../../../parallel/pool.ts'
import { type EpochResult, type TaggerArtifact, type TaggerManifest, writeTagger } from '../artifact.ts'
import type { ClipFrames, Standard } from '../clips/frames.ts'
import { shapeOf } from '../options.ts'
import type { TrainedNetwork } from '../tagger.ts'
import { curvesPlot } from './curves.ts'
import { measurePredictions, type TaggerMeasure } from './measure.ts'
import { predictClips } from './predict.ts'
import type { TaggerTrainer } from './trainer.ts'

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

/** What a run of a training is given. */
export interface RunContext {
  readonly pool: Pool
  /** Take the place of a tagger that is there. */
  readonly replace?: boolean | undefined
  /** Go on from the tagger that is there: the same clips and options. */
  readonly resume?: boolean | undefined
  /** Save what is so far after an epoch once this many seconds have passed since the last time. Default: 300. */
  readonly checkpointSeconds?: number | undefined
  /** Aborting it ends the reading with its reason, or the training after the running epoch; what is so far is saved. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: TaggerProgress) => void) | undefined
}

interface RunParts {
  readonly trainer: TaggerTrainer
  readonly held: ClipFrames
  readonly standard: Standard
  readonly about: Pick<TaggerManifest, 'options' | 'labels' | 'kind' | 'clips'>
  readonly directory: string
  readonly context: RunContext
}

/** One run of a training, from its first or a later epoch on. */
export class TrainingRun {
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
