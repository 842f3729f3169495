import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pairs } from '../../evaluation/held-out.ts'
import { foldsOf, parseSplit, splitDataset } from '../../evaluation/split.ts'
import { Dataset, writeDataset } from '../../storage/dataset.ts'
import { asUsage } from '../command.ts'
import { idColumns, importFile, importOptions } from '../source-options.ts'
import type { ProgressBar } from '../terminal/progress.ts'
import type { EvaluateFlags } from './options.ts'

/** What one training learns from, and what it is judged by. */
export interface Part {
  /** None where only saved models are judged. */
  readonly train: Dataset | undefined
  readonly test: Pairs
  /** Which one it is, from 1, of how many. */
  readonly fold: number
  readonly folds: number
}

interface PartsContext {
  /** Where files may be left that go with the command. */
  readonly folder: string
  readonly signal: AbortSignal
  readonly bar: ProgressBar
}

/** Opens what the options name, and cuts it where they say so; each part is gone when the next is asked for. */
export async function* parts(options: EvaluateFlags, context: PartsContext): AsyncGenerator<Part> {
  const { train, test, split, splitSeed } = options
  if (split === undefined) {
    const held = await open(test!, 'test', options, context)
    const dataset = train === undefined ? undefined : await open(train, 'train', options, context)
    try {
      yield { train: dataset, test: held, fold: 1, folds: 1 }
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
      const { train: kept, test: heldOut } = asUsage(() => splitDataset(whole, each))
      await writeDataset(directory, kept)
      const dataset = Dataset.open(directory)
      try {
        yield { train: dataset, test: heldOut, fold: at + 1, folds: splits.length }
      } finally {
        dataset.close()
        await rm(directory, { recursive: true })
      }
    }
  } finally {
    whole.close()
  }
}

async function open(
  source: string,
  name: 'train' | 'test' | 'whole',
  options: EvaluateFlags,
  { folder, signal, bar }: PartsContext,
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
