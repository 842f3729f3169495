import type { Command } from 'commander'
import { z } from 'zod'
import { parseOptions, text, wholeNumber } from '../command.ts'
import { analyseAll } from './sound-files.ts'

const Options = z.object({
  tagger: text('a directory'),
  top: wholeNumber(1, 65_536).default(5),
  threads: wholeNumber(1, 1024).optional(),
  json: z.boolean().optional(),
})

/** `aurochs music tag`. */
export function registerTag(music: Command): void {
  music
    .command('tag')
    .description('what sound files are labelled with, by a tagger: the likeliest labels of each')
    .argument('<FILE...>', 'sound files, and directories of such')
    .requiredOption('--tagger <directory>', 'what `aurochs music train-tagger` made')
    .option('--top <n>', 'labels of a file (default: 5)')
    .option('--threads <n>', 'workers (default: as many as the machine runs at once)')
    .option('--json', 'a line of JSON a file, with the probabilities of all labels')
    .action(run)
}

async function run(places: readonly string[], given: unknown): Promise<void> {
  const { tagger, top, threads, json } = parseOptions(Options, given)
  await analyseAll(places, {
    tagger,
    threads,
    onAnalysis: (analysis, labels) => {
      if ('fault' in analysis) return
      const { file, probabilities, seconds, failedPackets } = analysis
      const ranked = labels
        .map((label, at) => ({ label, probability: probabilities[at]! }))
        .sort((a, b) => b.probability - a.probability)
      if (json) {
        const all = Object.fromEntries(ranked.map(({ label, probability }) => [label, Number(probability.toFixed(6))]))
        process.stdout.write(`${JSON.stringify({ file, seconds, failedPackets, labels: all })}\n`)
        return
      }
      const said = ranked.slice(0, top).map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`)
      const damaged = failedPackets > 0 ? ` (${failedPackets} packets could not be decoded)` : ''
      process.stdout.write(`${file}: ${said.join(', ')}${damaged}\n`)
    },
  })
}
