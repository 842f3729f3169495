/**
 * Each model beside its peers, all in this call, with two workers, on the brunch reads: a table for each model, and its bars.
 *
 * `--model als|bpr|neighbours|word2vec|ease` measures one; `--quick` a twentieth of the users in fewer steps, without bars: to see that all
 * works; `--data FILE` other reads (Parquet, columns user, item, hour); `--factors N,N` sizes of als or bpr, or that
 * of word2vec; `--search-seconds N` and `--trace-seconds N` bound what each library has for its search and for a training that is measured.
 * bench/peers/setup.sh installs the peers.
 *
 * CPU seconds are those of all threads of a library together. Where others use the machine they compare what the clock does not: a
 * phase ends with its last worker, so that a training waits for a core that is taken from it.
 */
import { parseArgs } from 'node:util'
import { alsPeers } from './models-peers/als.ts'
import { bprPeers } from './models-peers/bpr.ts'
import { easePeers } from './models-peers/ease.ts'
import { neighboursPeers } from './models-peers/neighbours.ts'
import type { ModelBenchOptions } from './models-peers/options.ts'
import { word2vecPeers } from './models-peers/word2vec.ts'
import type { Bar, BenchOptions } from './support/bar.ts'
import { positiveInteger, positiveNumber } from './support/options.ts'
import { printer } from './support/print.ts'

type ModelBench = (options: ModelBenchOptions) => Promise<Bar[]>

const models: Readonly<Record<string, ModelBench>> = {
  als: alsPeers,
  bpr: bprPeers,
  neighbours: neighboursPeers,
  word2vec: word2vecPeers,
  ease: easePeers,
}

export async function run({ json, data, rest }: BenchOptions): Promise<Bar[]> {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      model: { type: 'string' },
      quick: { type: 'boolean', default: false },
      factors: { type: 'string' },
      'search-seconds': { type: 'string' },
      'trace-seconds': { type: 'string' },
    },
  })
  const { model, quick } = values
  if (model !== undefined && !Object.hasOwn(models, model)) {
    throw new TypeError(`--model expects one of ${Object.keys(models).join(', ')}, got ${model}`)
  }
  const seconds = (option: 'search-seconds' | 'trace-seconds', standard: number) =>
    positiveNumber(option, values[option] ?? String(quick ? 10 : standard))
  const options: ModelBenchOptions = {
    report: { json, print: printer(json) },
    data,
    quick,
    factors: values.factors?.split(',').map(size => positiveInteger('factors', size)),
    searchSeconds: seconds('search-seconds', 180),
    traceSeconds: seconds('trace-seconds', 150),
  }
  const bars: Bar[] = []
  for (const name of model === undefined ? Object.keys(models) : [model]) bars.push(...(await models[name]!(options)))
  return quick ? [] : bars
}
