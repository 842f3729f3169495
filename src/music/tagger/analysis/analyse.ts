import { type Pool, workerModuleUrl } from '../../../parallel/pool.ts'
import { type SoundAnalysis, Tagger } from '../tagger.ts'
import type { AnalyseArgs, FileAnalysis } from './analyse-jobs.ts'

export type { FileAnalysis } from './analyse-jobs.ts'

const work = workerModuleUrl('./analyse-jobs', import.meta.url)

/**
 * What the tagger at `directory` predicts of sound files, by all workers, in the order of the files. Few are ahead of the one that is given.
 *
 * @throws the reason of the signal.
 */
export async function* analyseFiles(
  directory: string,
  files: readonly string[],
  { pool, signal }: { readonly pool: Pool; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<FileAnalysis & { readonly file: string }, void, undefined> {
  const ahead: Promise<FileAnalysis>[] = []
  const most = 2 * pool.threads
  for (let next = 0, given = 0; given < files.length; given++) {
    for (; next < files.length && ahead.length < most; next++) {
      const args: AnalyseArgs = { directory, file: files[next]! }
      const analysis = pool.run<FileAnalysis>(work, 'analyse', args, signal)
      // Who waits for an earlier one learns of it when its turn comes.
      analysis.catch(() => {})
      ahead.push(analysis)
    }
    yield { file: files[given]!, ...(await ahead.shift()!) }
  }
}

/** A tagger whose sounds are analysed by the workers of a pool. */
export interface PooledTagger {
  readonly labels: readonly string[]
  /** Numbers of an embedding. */
  readonly embedding: number
  /** Files that are analysed at once. */
  readonly threads: number
  /** @throws Error that says why the file cannot be read; the reason of the signal. */
  analyse(path: string, signal?: AbortSignal): Promise<SoundAnalysis>
}

/** The tagger at `directory`. @throws Error naming the file that is missing, damaged or of another format. */
export function pooledTagger(directory: string, pool: Pool): PooledTagger {
  const tagger = Tagger.open(directory)
  const { labels, embedding } = tagger
  tagger.close()
  return {
    labels,
    embedding,
    threads: pool.threads,
    analyse: async (file, signal) => {
      const args: AnalyseArgs = { directory, file }
      const analysis = await pool.run<FileAnalysis>(work, 'analyse', args, signal)
      if ('fault' in analysis) throw new Error(analysis.fault)
      return analysis
    },
  }
}
