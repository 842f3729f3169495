import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { Pool } from '../../src/parallel/pool.ts'
import type { WordsOptions } from '../../src/words/options.ts'
import { trainWords } from '../../src/words/train.ts'
import { WordVectors } from '../../src/words/word-vectors.ts'
import { rowsOf } from './rows.ts'

const headlineOptions: Partial<WordsOptions> = {
  factors: 64,
  epochs: 10,
  minCount: 3,
  subwords: 'characters',
  buckets: 200_000,
}

/** Lets `use` have word vectors that are learned of `lines`. */
export async function withVectors<Result>(
  lines: readonly string[],
  pool: Pool,
  use: (vectors: WordVectors) => Promise<Result>,
  options = headlineOptions,
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-push-logs-'))
  try {
    await trainWords(lines, join(folder, 'words'), options, { pool })
    const vectors = WordVectors.open(join(folder, 'words'), { verify: false })
    try {
      return await use(vectors)
    } finally {
      vectors.close()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Headlines of the fb-headlines and clickbait data sets, without what came of them: text to learn words from. */
export async function otherHeadlines(data: string): Promise<string[]> {
  const posts = join(data, 'fb-headlines/posts.parquet')
  const found = existsSync(posts)
    ? await rowsOf<{ title: string }>(
        `SELECT link_name AS title FROM '${posts}' WHERE link_name IS NOT NULL ORDER BY status_id`,
      )
    : []
  return [
    ...found.map(({ title }) => title),
    ...clickbaitHeadlines(join(data, 'clickbait'), 1),
    ...clickbaitHeadlines(join(data, 'clickbait'), 0),
  ]
}

export function clickbaitHeadlines(folder: string, isClickbait: 0 | 1): string[] {
  const file = join(folder, isClickbait ? 'clickbait_data.gz' : 'non_clickbait_data.gz')
  if (!existsSync(file)) return []
  return gunzipSync(readFileSync(file))
    .toString()
    .split('\n')
    .filter(line => line.trim() !== '')
}
