import type { Command } from 'commander'
import { z } from 'zod'
import { sourceOptions } from '../../ingest/options.ts'
import { taggerFiles } from '../../music/tagger/artifact.ts'
import { type LabelledClips, labelledClips } from '../../music/tagger/clips/clips.ts'
import { taggerOptions } from '../../music/tagger/options.ts'
import type { TaggerMeasure } from '../../music/tagger/training/measure.ts'
import type { TaggerProgress, TrainedTagger } from '../../music/tagger/training/run.ts'
import { trainTagger } from '../../music/tagger/training/train.ts'
import { Pool } from '../../parallel/pool.ts'
import { parseOptions, share, text, throwUsage, UsageError, wholeNumber } from '../command.ts'
import { addReadingOptions } from '../data/source-options.ts'
import { exitCodeOf, interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { table } from '../terminal/table.ts'
import { addFlags, parseFlags } from '../training/algorithm-options.ts'

const { format, delimiter, header, badRows } = sourceOptions

const flags = z.looseObject({
  out: text('a directory'),
  seconds: wholeNumber(1, 86_400),
  validation: share({ orNone: true }),
  threads: wholeNumber(1, 1024).optional(),
  checkpointSeconds: wholeNumber(0, 1e9),
  resume: z.boolean().optional(),
  replace: z.boolean().optional(),
  json: z.boolean().optional(),
  format,
  delimiter,
  header,
  badRows,
})

const notes = `
SOUNDS is a directory with a folder of sound files for each label, or a table (CSV, NDJSON, Parquet) with the columns file (relative to
the table) and labels (separated by |), and, where there are some, group (files of one group are not split) and split (train or validation).
Where each file has one label, exactly one is predicted; else each label by itself.

Ctrl-C ends the training after the running epoch and saves the tagger so far; --resume goes on from there, bit for bit as if it had not
stopped. The curves of the training are in ${taggerFiles.curves} at --out.
`

/** `aurochs music train-tagger`. */
export function registerTrainTagger(music: Command): void {
  const command = music
    .command('train-tagger')
    .description('learn what sounds are labelled with: moods, instruments, events')
    .argument('<SOUNDS>', 'labelled sound files: a directory or a table')
    .requiredOption('--out <directory>', 'where the tagger goes')
    .option('--seconds <n>', 'of each file, in its middle, at most', '30')
    .option('--validation <share>', 'of the files that the tagger is chosen by, where the table has no split', '0.1')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--checkpoint-seconds <n>', 'save the tagger so far after an epoch when this much time has passed', '300')
    .option('--resume', 'go on from the tagger at --out')
    .option('--replace', 'take the place of the tagger at --out')
    .option('--json', 'print one line of JSON an epoch, and the manifest as the last')
    .addHelpText('after', notes)
    .action(run)
  command.optionsGroup('Training:')
  addFlags(command, taggerOptions)
  command.optionsGroup('Reading, where SOUNDS is a table:')
  addReadingOptions(command)
}

async function run(sounds: string, given: Record<string, unknown>): Promise<void> {
  const parsed = parseOptions(flags, given)
  const { out, seconds, validation, threads, checkpointSeconds, resume, replace, json } = parsed
  const { format, delimiter, header, badRows } = parsed
  const options = parseFlags(taggerOptions, given)
  const pool = new Pool(threads === undefined ? {} : { threads })
  const bar = new ProgressBar()
  let printed = 0
  const show = (progress: TaggerProgress) => {
    const { epochs, of, done, slicesPerSecond, secondsLeft } = progress
    if (!json) return bar.show('training', done, secondsLeft, noteOf(progress))
    for (; printed < epochs.length; printed++) {
      const line = { epoch: printed + 1, epochs: of, ...epochs[printed], slicesPerSecond, secondsLeft }
      process.stdout.write(`${JSON.stringify(line)}\n`)
    }
  }
  try {
    await interruptible(async signal => {
      const clips = await labelledClips(sounds, { format, delimiter, header, badRows, signal }).catch(throwUsage)
      const trained = await trainTagger(clips, out, options, {
        pool,
        seconds,
        validation,
        checkpointSeconds,
        resume,
        replace,
        signal,
        onReading: ({ files, of, seconds }) =>
          json ||
          bar.show('reading', files / of, undefined, `, ${files} of ${of} files, ${Math.round(seconds / 60)} minutes`),
        onProgress: show,
      }).catch(throwUsage)
      bar.stop()
      process.stdout.write(json ? `${JSON.stringify(trained.manifest)}\n` : summary(out, trained, clips))
      if (trained.manifest.complete) return
      const message = `interrupted after epoch ${trained.manifest.epochs.length}; --resume goes on from there`
      throw new UsageError(message, exitCodeOf(signal))
    })
  } finally {
    bar.stop()
    await pool.close()
  }
}

function noteOf({ epochs, of, slicesPerSecond }: TaggerProgress): string {
  const last = epochs.at(-1)
  const quality = last?.validation && `, ${qualityOf(last.validation)}`
  return `, epoch ${Math.min(of, epochs.length + 1)} of ${of}, ${Math.round(slicesPerSecond)} slices/s${last ? `, loss ${last.loss.toPrecision(4)}` : ''}${quality ?? ''}`
}

function qualityOf({
  accuracy,
  meanAveragePrecision = Number.NaN,
}: Pick<TaggerMeasure, 'accuracy' | 'meanAveragePrecision'>) {
  return accuracy === undefined
    ? `mean average precision ${meanAveragePrecision.toFixed(4)}`
    : `accuracy ${accuracy.toFixed(4)}`
}

function summary(
  out: string,
  { manifest, measure, faults }: TrainedTagger,
  { badRows, firstBadRow }: LabelledClips,
): string {
  const { labels, clips, epochs, epoch } = manifest
  const bad =
    badRows > 0 ? `${badRows} bad row${badRows === 1 ? ' was' : 's were'} left out; the first: ${firstBadRow}\n` : ''
  const left = faults.length > 0 ? `${faults.length} files were left out; the first: ${faults[0]}\n` : ''
  const size = `${labels.length} labels, ${clips.training} sounds`
  const held = measure ? `; of ${clips.validation} others: ${qualityOf(measure)}` : ''
  const line = `${out}: ${size}, ${epochs.length} epochs, that of ${epoch} kept${held}\n`
  return `${measure ? `${labelTable(measure)}\n${confusionTable(measure)}` : ''}${bad}${left}${line}`
}

/** Of each label how well it was found among the sounds that were not trained on. */
function labelTable({ labels }: TaggerMeasure): string {
  const number = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(3))
  return table([
    ['label', 'sounds', 'precision', 'recall', 'average precision'],
    ...labels.map(({ label, clips, precision, recall, averagePrecision }) => [
      label,
      clips,
      number(precision),
      number(recall),
      number(averagePrecision),
    ]),
  ])
}

/** The most columns that a terminal shows. */
const mostConfused = 20

function confusionTable({ labels, confusion }: TaggerMeasure): string {
  if (!confusion || labels.length > mostConfused) return ''
  const rows = confusion.map((counts, at) => [`${at + 1}  ${labels[at]!.label}`, ...counts])
  return `${table([['taken for', ...labels.map((_, at) => `${at + 1}`.padStart(3))], ...rows])}\n`
}
