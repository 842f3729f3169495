import type { Evaluation } from '../../evaluation/evaluate.ts'
import { Artifact, recordMetrics } from '../../models/artifact/artifact.ts'
import { algorithms } from '../../models/registry.ts'
import { Pool } from '../../parallel/pool.ts'
import type { Register } from '../command.ts'
import { interruptible } from '../terminal/interrupt.ts'
import { ProgressBar } from '../terminal/progress.ts'
import { inWorkspace } from '../terminal/workspace.ts'
import { parseAlgorithmOptions } from './algorithm-options.ts'
import { comparisonsOf, comparisonTable } from './evaluate/comparison.ts'
import { folds } from './evaluate/folds.ts'
import { type Measured, measure } from './evaluate/measure.ts'
import { addEvaluateOptions, parseEvaluateOptions } from './evaluate/options.ts'
import { type ModelReport, reportOf, tableOf } from './evaluate/report.ts'

/**
 * `aurochs evaluate`: trains on one part of the data, or takes a saved model, and measures how well all items are
 * ranked for each user with held-out pairs, the user's training items left out unless --seen allow. See
 * src/evaluation/metrics/metrics.ts for what is measured and src/evaluation/splits/held-out.ts for the users that are judged.
 */
export const register: Register = program => {
  const command = program
    .command('evaluate')
    .description('measure how well a model ranks what was held out of its training')
  addEvaluateOptions(command)
  command.action(async (given: Record<string, unknown>) => {
    const flags = parseEvaluateOptions(given)
    const { model: names, metrics, compare, byHistory, resamples, sampleSeed, record, threads, json } = flags
    const trained = names.flatMap(name => algorithms.find(algorithm => algorithm.name === name) ?? [])
    const algorithmOptions = parseAlgorithmOptions(trained, given)
    const bootstrap = { resamples, seed: sampleSeed }
    const pool = new Pool(threads === undefined ? {} : { threads })
    const bar = new ProgressBar()
    try {
      await interruptible(signal =>
        inWorkspace(async folder => {
          /** The folds of each model. */
          const measured = names.map((): Measured[] => [])
          const reports: ModelReport[] = []
          for await (const fold of folds(flags, { folder, signal, bar })) {
            for (const [at, name] of names.entries()) {
              const context = { flags, algorithmOptions, folder, pool, signal, bar }
              measured[at].push(await measure(name, fold, context))
              if (fold.number < fold.folds) continue
              const report = reportOf(measured[at], { byHistory, bootstrap })
              reports.push(report)
              bar.stop()
              if (record) await saveMetrics(name, report.metrics)
              if (json) print(report)
            }
          }
          const comparisons = compare ? comparisonsOf(measured, { byHistory, bootstrap }) : []
          if (json) comparisons.forEach(print)
          else process.stdout.write(tableOf(reports, metrics) + comparisons.map(comparisonTable).join(''))
        }),
      )
    } finally {
      bar.stop()
      await pool.close()
    }
  })
}

function print(report: object): void {
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

async function saveMetrics(directory: string, metrics: Evaluation['metrics']): Promise<void> {
  const artifact = Artifact.open(directory)
  try {
    await recordMetrics(artifact, metrics)
  } finally {
    artifact.close()
  }
}
