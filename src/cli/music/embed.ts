import { createWriteStream, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { z } from 'zod'
import { sync, withDraft } from '../../storage/directory.ts'
import { parseOptions, text, UsageError, wholeNumber } from '../command.ts'
import { analyseAll } from './sound-files.ts'

const Options = z.object({
  tagger: text('a directory'),
  out: text('a file').optional(),
  threads: wholeNumber(1, 1024).optional(),
})

/** `aurochs music embed`. */
export function registerEmbed(music: Command): void {
  music
    .command('embed')
    .description('vectors that sounds are alike by (cosine), by a tagger: a line of JSON a file')
    .argument('<FILE...>', 'sound files, and directories of such')
    .requiredOption('--tagger <directory>', 'what `aurochs music train-tagger` made')
    .option('--out <file>', 'where the lines go (default: standard output)')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .action(run)
}

async function run(places: readonly string[], given: unknown): Promise<void> {
  const { tagger, out, threads } = parseOptions(Options, given)
  const embed = (write: (line: string) => Promise<void> | void) =>
    analyseAll(places, {
      tagger,
      threads,
      onAnalysis: analysis => {
        if ('fault' in analysis) return
        const { file, embedding } = analysis
        return write(
          `${JSON.stringify({ file, embedding: [...embedding].map(value => Number(value.toPrecision(7))) })}\n`,
        )
      },
    })
  if (out === undefined) return embed(line => void process.stdout.write(line))
  // Before the sounds are analysed, not after.
  if (statSync(out, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`--out must be a file, got the directory ${out}`)
  }
  await withDraft(out, async draft => {
    const path = join(draft, 'embeddings.ndjson')
    const file = createWriteStream(path)
    const write = (line: string) =>
      new Promise<void>((resolve, reject) => {
        file.write(line, error => (error ? reject(error) : resolve()))
      })
    await embed(write)
    await new Promise<void>((resolve, reject) =>
      file.end((error?: Error | null) => (error ? reject(error) : resolve())),
    )
    await sync(path)
    await rename(path, out)
  })
}
