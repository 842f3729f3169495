/** What a search found, in a file of its own beside its trials, for training to take up. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { faultIn } from '../../storage/expectation.ts'

const fileName = 'best.json'
const plotName = 'plot.svg'

const schema = z.object({
  algorithm: z.string(),
  options: z.record(z.string(), z.unknown()),
  metric: z.string(),
  score: z.number(),
  /** None where the defaults could not be trained. */
  defaultScore: z.number().optional(),
  trials: z.int().positive(),
  seconds: z.number(),
})

export type SavedBest = z.output<typeof schema>

/** Writes the best so far, and a plot of what was tried, in place of those that are there. */
export function saveSearch(directory: string, best: SavedBest, plot: string): void {
  replaceFile(join(directory, fileName), `${JSON.stringify(best, undefined, 2)}\n`)
  replaceFile(join(directory, plotName), plot)
}

function replaceFile(path: string, text: string): void {
  const draft = `${path}.next`
  const file = openSync(draft, 'w')
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, path)
}

/** @throws RangeError when `directory` holds no search that has found anything. */
export function readBest(directory: string): SavedBest {
  const path = join(directory, fileName)
  if (!existsSync(path)) {
    throw new RangeError(`${directory} holds no search that found anything: expected the --out of aurochs tune`)
  }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new RangeError(`${path} is no JSON: search once more, by aurochs tune`)
  }
  const fault = faultIn(schema, value)
  if (fault) throw new RangeError(`${path} is damaged: ${fault}; search once more, by aurochs tune`)
  return value as SavedBest
}
