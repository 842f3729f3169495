import { existsSync, statSync } from 'node:fs'
import { z } from 'zod'
import { Pool } from '../../parallel/pool.ts'
import { linesOf } from '../../words/lines.ts'
import { wordsOptions } from '../../words/options.ts'
import { trainWords, type WordsManifest, type WordsProgress } from '../../words/train.ts'
import { parseOptions, type Register, text, UsageError, wholeNumber } from '../command.ts'
import { exitCodeOf, interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { addFlags, parseFlags } from '../training/algorithm-options.ts'

const flags = z.looseObject({
  out: text('a directory'),
  threads: wholeNumber(1, 1024).optional(),
  checkpointSeconds: wholeNumber(0, 1e9),
  resume: z.boolean().optional(),
  replace: z.boolean().optional(),
  json: z.boolean().optional(),
})

const notes = `
A FILE is text in UTF-8, a sentence or a title a line, also in gzip; or - for standard input. Words are runs of letters and digits in
lower case; a change between Hangul and other scripts ends one. Of a column of a table:

  cut -f2 ratings.txt | tail -n +2 | aurochs words - --subwords jamo --out words
  aurochs nearest-words words 영화

Ctrl-C ends the training after the running epoch and saves what is so far; --resume goes on from there with the same text.`

export const register: Register = program => {
  const command = program
    .command('words')
    .description('learn vectors of the words of a text')
    .argument('<FILE...>', 'text files, or -')
    .requiredOption('--out <directory>', 'where the word vectors go')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--checkpoint-seconds <n>', 'save what is so far after an epoch when this much time has passed', '300')
    .option('--resume', 'go on from the word vectors at --out, with their options unless others are given')
    .option('--replace', 'take the place of the word vectors at --out')
    .option('--json', 'print the manifest as one line of JSON')
    .addHelpText('after', notes)
    .action(run)
  addFlags(command, wordsOptions)
}

async function run(files: string[], given: Record<string, unknown>): Promise<void> {
  const { out, threads, checkpointSeconds, resume, replace, json } = parseOptions(flags, given)
  const options = parseFlags(wordsOptions, given)
  const missing = files.find(file => file !== '-' && !existsSync(file))
  if (missing !== undefined)
    throw new UsageError(`there is no file ${missing}: name text files, or - for standard input`)
  const total = files.includes('-') ? Number.NaN : files.reduce((sum, file) => sum + statSync(file).size, 0)
  const pool = new Pool(threads === undefined ? {} : { threads })
  const bar = new ProgressBar()
  let read = 0
  const onBytes = (bytes: number) => {
    read = bytes
  }
  try {
    await interruptible(async signal => {
      const onProgress = (progress: WordsProgress) => show(bar, progress, read / total, signal.aborted)
      const context = { pool, resume, replace, checkpointSeconds, signal, onProgress }
      const manifest = await trainWords(linesOf(files, onBytes), out, options, context)
      bar.stop()
      process.stdout.write(`${json ? JSON.stringify(manifest) : summary(out, manifest)}\n`)
      if (manifest.complete) return
      const message = `interrupted after epoch ${manifest.epochs}; --resume goes on from there`
      throw new UsageError(message, exitCodeOf(signal))
    })
  } finally {
    bar.stop()
    await pool.close()
  }
}

function show(bar: ProgressBar, progress: WordsProgress, read: number, isEnding: boolean): void {
  const { stage, words, wordsPerSecond, done, secondsLeft, epochs, loss } = progress
  const rate = `, ${Math.round(wordsPerSecond).toLocaleString('en')} words/s`
  if (stage === 'reading') {
    bar.show('reading', Math.min(1, read) || 0, undefined, `, ${words.toLocaleString('en')} words${rate}`)
    return
  }
  const epoch = `, epoch ${Math.min(epochs.total, epochs.done + 1)} of ${epochs.total}`
  const last = loss.length > 0 ? `, loss ${loss.at(-1)!.toPrecision(5)}` : ''
  bar.show('training', done, secondsLeft, epoch + rate + last + (isEnding ? ', ending after this epoch' : ''))
}

function summary(out: string, { text: { words, grams, read }, epochs, loss }: WordsManifest): string {
  const size = `${words.toLocaleString('en')} words${grams > 0 ? ` and ${grams.toLocaleString('en')} n-grams` : ''}`
  const ended = loss.length > 0 ? `, loss ${loss.at(-1)!.toPrecision(5)}` : ''
  return `${out}: ${size} of a text of ${read.toLocaleString('en')}, ${epochs} epochs${ended}`
}
