import { join } from 'node:path'
import { hashOf } from '../../../src/push/text/word-hashes.ts'
import type { TitleTest } from '../../../src/push/title/text-prior.ts'
import { rowsOf } from '../rows.ts'

export interface HeadlineTest extends TitleTest {
  readonly id: string
  /** Of `testFolds`: these are for judging alone; -1 … -5 are for choosing. */
  readonly fold: number
}

export const testFolds = [0, 1, 2, 3] as const
export const choiceFolds = [-1, -2, -3, -4, -5] as const

/** The tests of a table, arms of equal headline as one: two fifths of them for judging, by the hash of their id. */
export async function headlineTests(folder: string): Promise<HeadlineTest[]> {
  const rows = await rowsOf<{ id: string; title: string; sends: number; clicks: number }>(`
    SELECT clickability_test_id AS id, headline AS title, sum(impressions)::INT AS sends, sum(clicks)::INT AS clicks
    FROM '${join(folder, 'tests.parquet')}' WHERE impressions > 0 GROUP BY ALL ORDER BY id, title`)
  const tests = new Map<string, HeadlineTest['titles'][number][]>()
  for (const { id, title, sends, clicks } of rows) {
    const titles = tests.get(id) ?? []
    tests.set(id, titles)
    titles.push({ title, effectiveSends: sends, clicks })
  }
  return Array.from(tests, ([id, titles]) => ({ id, titles, fold: foldOf(hashOf(`fold ${id}`) % 1000) }))
}

function foldOf(hash: number): number {
  return hash < 400 ? testFolds[hash % testFolds.length]! : choiceFolds[hash % choiceFolds.length]!
}

/** Two headlines of one test whose click rates differ by more than 1.96 standard errors: places in `titles`. */
export interface HeadlinePair {
  readonly test: HeadlineTest
  readonly better: number
  readonly worse: number
}

export function pairsOf(tests: readonly HeadlineTest[], leastZ = 1.96): HeadlinePair[] {
  const pairs: HeadlinePair[] = []
  for (const test of tests) {
    for (let a = 0; a < test.titles.length; a++) {
      for (let b = 0; b < a; b++) {
        const [first, second] = [test.titles[a]!, test.titles[b]!]
        const [n, m] = [first.effectiveSends, second.effectiveSends]
        const pooled = (first.clicks + second.clicks) / (n + m)
        const error = Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        const z = (first.clicks / n - second.clicks / m) / error
        if (z > leastZ) pairs.push({ test, better: a, worse: b })
        if (z < -leastZ) pairs.push({ test, better: b, worse: a })
      }
    }
  }
  return pairs
}
