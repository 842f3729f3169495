import { stat } from 'node:fs/promises'
import { soundsIn } from '../../music/audio/sounds-in.ts'
import { analyseFiles, type FileAnalysis } from '../../music/tagger/analysis/analyse.ts'
import { Tagger } from '../../music/tagger/tagger.ts'
import { Pool } from '../../parallel/pool.ts'
import { asUsage, UsageError } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'

export interface Analysing {
  readonly tagger: string
  readonly threads: number | undefined
  /** Gets each analysis in the order of the files. */
  readonly onAnalysis: (
    analysis: FileAnalysis & { readonly file: string },
    labels: readonly string[],
  ) => Promise<void> | void
}

/**
 * Has the tagger at `tagger` analyse sound files, and those in directories, and shows how far that has come. Files that cannot be read are
 * named on standard error, and then the exit code is 1.
 */
export async function analyseAll(places: readonly string[], { tagger, threads, onAnalysis }: Analysing): Promise<void> {
  const opened = asUsage(() => Tagger.open(tagger))
  const { labels } = opened
  opened.close()
  const pool = new Pool(threads === undefined ? {} : { threads })
  const bar = new ProgressBar()
  try {
    await interruptible(async signal => {
      const files = await filesAt(places, signal)
      const begun = performance.now()
      let [done, faults] = [0, 0]
      for await (const analysis of analyseFiles(tagger, files, { pool, signal })) {
        done++
        if ('fault' in analysis) {
          bar.stop()
          process.stderr.write(`aurochs: ${analysis.fault}\n`)
          faults++
        } else await onAnalysis(analysis, labels)
        const rate = done / ((performance.now() - begun) / 1000)
        if (files.length > 1)
          bar.show(
            'analysing',
            done / files.length,
            undefined,
            `, ${done} of ${files.length} files, ${rate.toFixed(1)} files/s`,
          )
      }
      bar.stop()
      if (faults > 0) throw new UsageError(`${faults} of ${files.length} files could not be analysed`, 1)
    }, 'interrupted: what was analysed until then was given')
  } finally {
    bar.stop()
    await pool.close()
  }
}

async function filesAt(places: readonly string[], signal: AbortSignal): Promise<string[]> {
  const files: string[] = []
  for (const place of places) {
    const found = await stat(place).catch(() => undefined)
    if (!found) throw new UsageError(`${place}: expected a sound file or a directory of such, got no such file`)
    files.push(...(found.isDirectory() ? await soundsIn(place, signal) : [place]))
  }
  if (files.length === 0) throw new UsageError(`${places.join(', ')}: expected sound files, got none`)
  return files
}
