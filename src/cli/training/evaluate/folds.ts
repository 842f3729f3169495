import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { splitEvents, type TestEvents } from '../../../evaluation/splits/events-from.ts'
import type { Pairs } from '../../../evaluation/splits/held-out.ts'
import { foldsOf, parseSplit, type Split, splitDataset } from '../../../evaluation/splits/split.ts'
import { Dataset, type DatasetParts, writeDataset } from '../../../storage/dataset.ts'
import { asUsage, UsageError } from '../../command.ts'
import { idColumns, importFile, importOptions } from '../../data/source-options.ts'
import type { ProgressBar } from '../../terminal/progress.ts'
import type { EvaluateFlags } from './options.ts'

/** What one training learns from, and what it is judged by. */
export interface Fold {
  /** None where only saved models are judged. */
  readonly train: Dataset | undefined
  readonly test: Test
  /** Which one it is, from 1, of how many. */
  readonly number: number
  readonly folds: number
}

/** Pairs to be found, or events to be predicted one after the other. */
export type Test =
  | { readonly kind: 'pairs'; readonly pairs: Pairs }
  | { readonly kind: 'events'; readonly events: TestEvents }

interface FoldsContext {
  /** Where files may be left that go with the command. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly bar: ProgressBar
}

/** Opens what the options name, and cuts it where they say so; each fold is gone when the next is asked for. */
export async function* folds(options: EvaluateFlags, context: FoldsContext): AsyncGenerator<Fold> {
  const { train, test: given, split, splitSeed } = options
  if (split === undefined) {
    const held = await open(given!, 'test', options, context)
    const dataset = train === undefined ? undefined : await open(train, 'train', options, context)
    try {
      const test: Test = options.next ? { kind: 'events', events: eventsOf(held) } : { kind: 'pairs', pairs: held }
      yield { train: dataset, test, number: 1, folds: 1 }
    } finally {
      held.close()
      dataset?.close()
    }
    return
  }
  const whole = await open(train!, 'whole', options, context)
  const splits = foldsOf(parseSplit(split, splitSeed))
  const directory = join(context.folder, 'train')
  try {
    for (const [at, each] of splits.entries()) {
      context.signal.throwIfAborted()
      const { train: kept, test } = asUsage(() =>
        options.next ? eventPartsOf(whole, each, options) : partsOf(whole, each),
      )
      await writeDataset(directory, kept)
      const dataset = Dataset.open(directory)
      try {
        yield { train: dataset, test, number: at + 1, folds: splits.length }
      } finally {
        dataset.close()
        await rm(directory, { recursive: true })
      }
    }
  } finally {
    whole.close()
  }
}

function partsOf(whole: Dataset, split: Split): { readonly train: DatasetParts; readonly test: Test } {
  const { train, test: pairs } = splitDataset(whole, split)
  return { train, test: { kind: 'pairs', pairs } }
}

function eventPartsOf(
  whole: Dataset,
  split: Split,
  { dropRepeats }: EvaluateFlags,
): { readonly train: DatasetParts; readonly test: Test } {
  const { train, test: events } = splitEvents(whole, split.kind === 'time' ? split.from : Number.NaN, { dropRepeats })
  return { train, test: { kind: 'events', events } }
}

/** @throws UsageError where the dataset has no times. */
function eventsOf({ directory, events, users, items, manifest }: Dataset): TestEvents {
  if (events) return { events, users, items, kinds: manifest.kinds }
  throw new UsageError(
    `--next needs the times of events, but ${directory} has pairs only: import it with times (time, --time)`,
  )
}

async function open(
  source: string,
  name: 'train' | 'test' | 'whole',
  options: EvaluateFlags,
  { folder, signal, bar }: FoldsContext,
): Promise<Dataset> {
  if (existsSync(join(source, 'manifest.json'))) return Dataset.open(source, { verify: true })
  const out = join(folder, name)
  const ids = await idColumns(options, source)
  // What is held out is not cut: it is matched with what is left of the training.
  const uncut = name === 'test' ? { minUser: undefined, minItem: undefined } : {}
  const onProgress = ({ done }: { done: number }) => bar.show(`importing ${source}`, done)
  await importFile({ ...importOptions(options), ...uncut, ...ids, sources: [source], out, signal, onProgress })
  return Dataset.open(out)
}
