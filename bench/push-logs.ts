/**
 * What the models of the content push do on real logs, each data set in its file of `push-logs`: `--only upworthy,clickbait` runs
 * some of them. `--data FOLDER` has them all, each in a folder of its own name.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from '../src/parallel/pool.ts'
import type { LogBench } from './push-logs/log-bench.ts'
import type { Bar, Bench } from './support/bar.ts'
import { printer } from './support/print.ts'

/** Files of `push-logs`, in the order in which they run. */
const dataSets: readonly string[] = [
  'upworthy',
  'brunch',
  'mind-small-sample',
  'fb-headlines',
  'clickbait',
  'korean-news',
]

const shared = join(import.meta.dirname, '../../shared/data')

export const run: Bench = async ({ json, data = shared, rest }) => {
  const { values } = parseArgs({ args: [...rest], options: { only: { type: 'string' } } })
  const names = values.only?.split(',') ?? dataSets
  const unknown = names.find(name => !dataSets.includes(name))
  if (unknown !== undefined) throw new TypeError(`--only expects some of ${dataSets.join(',')}, got ${unknown}`)
  const write = printer(json)
  const pool = new Pool({ threads: 2 })
  const bars: Bar[] = []
  try {
    for (const name of names) {
      const begun = performance.now()
      const print = (line: object) => write({ data: name, ...line })
      const { runLog }: { runLog: LogBench } = await import(`./push-logs/${name}.ts`)
      const found = await runLog({ json, print, folder: join(data, name), pool })
      bars.push(...found.map(bar => ({ ...bar, name: `${name}: ${bar.name}` })))
      print({ seconds: (performance.now() - begun) / 1000 })
    }
  } finally {
    await pool.close()
  }
  return bars
}
