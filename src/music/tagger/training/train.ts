import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { assertReplaceable } from '../../../storage/directory.ts'
import { faultIn } from '../../../storage/expectation.ts'
import { TaggerArtifact } from '../artifact.ts'
import type { LabelledClip, LabelledClips } from '../clips/clips.ts'
import { clipFrames, type ReadingProgress, readFrames, standardOf } from '../clips/frames.ts'
import { splitClips, type TaggerSplit } from '../clips/split.ts'
import { shapeOf, type TaggerOptions, taggerOptions } from '../options.ts'
import { type RunContext, type TrainedTagger, TrainingRun } from './run.ts'
import { initialState, type TaggerState, TaggerTrainer } from './trainer.ts'

export interface TrainTagger extends RunContext {
  /** Of each file at most this many seconds, in its middle. Default: 30. */
  readonly seconds?: number | undefined
  /** Share of the clips that is held out for the validation, where the clips do not say. Default: 0.1. */
  readonly validation?: number | undefined
  readonly onReading?: ((progress: ReadingProgress) => void) | undefined
}

/**
 * Learns a tagger of labelled sounds and saves it to `directory`; `Tagger` opens it. Where there is a validation part it has the parameters of
 * the epoch that was best there, and ends early where none has become better for long. The same bits come out for any number of workers.
 *
 * @param given those left out have their defaults or, to resume, are those of before.
 * @throws TypeError naming the option that is wrong; RangeError where no clip can be read, they do not fit in memory, or something is at
 *   `directory` that was not to be replaced, or cannot be resumed; NotReplaceableError where something else than a tagger is there; Error where the
 *   training diverges.
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
    const trained = await new TrainingRun({ trainer, held, standard, about, directory, context }).train(from)
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
