import type { Pool } from '../../parallel/pool.ts'
import { Ensemble, trainEnsemble } from '../boosting/ensemble.ts'
import { foldCount, type LinearRow } from '../text/linear-model.ts'

/** Fewer pushes teach trees nothing that a linear model has not found. */
const leastRows = 200
const settings = { loss: 'squared', leaves: 15, learningRate: 0.08, columnShare: 0.3, l2: 10 } as const
const mostTrees = 250

export interface Residuals {
  readonly targets: Float64Array
  readonly weights: Float64Array
  /** (rows) Which fold each is held out in. */
  readonly folds: Uint8Array
}

/**
 * As many trees as are best for the mean of the folds, learned of all rows, and what those of the other folds say of each row. Nothing
 * where there are too few rows, or trees make it no better.
 */
export async function trainResidualTrees(
  rows: readonly LinearRow[],
  { targets, weights, folds }: Residuals,
  { pool, seed, signal }: { readonly pool: Pool; readonly seed: number; readonly signal?: AbortSignal | undefined },
): Promise<{ readonly trees: Ensemble; readonly heldOut: Float64Array } | undefined> {
  if (rows.length < leastRows) return undefined
  const all = Uint32Array.from(rows.keys())
  const part = (places: Uint32Array) => ({
    columns: columnsOf(rows, places),
    labels: Float32Array.from(places, row => targets[row]!),
    weights: Float32Array.from(places, row => weights[row]!),
  })
  const options = { ...settings, seed }
  const ensembles: { readonly ensemble: Ensemble; readonly held: Uint32Array }[] = []
  for (let fold = 0; fold < foldCount; fold++) {
    const held = all.filter(row => folds[row] === fold)
    const learned = all.filter(row => folds[row] !== fold)
    if (held.length === 0 || learned.length === 0) continue
    const context = { pool, validation: part(held), signal }
    ensembles.push({
      held,
      ensemble: await trainEnsemble(part(learned), { ...options, trees: mostTrees, patience: 0 }, context),
    })
  }
  const losses = Array.from({ length: mostTrees + 1 }, (_, trees) =>
    ensembles.reduce(
      (sum, { ensemble, held }) => sum + held.length * (ensemble.losses[trees] ?? Number.POSITIVE_INFINITY),
      0,
    ),
  )
  const best = losses.indexOf(Math.min(...losses))
  if (best < 1) return undefined
  const heldOut = new Float64Array(rows.length)
  for (const { ensemble, held } of ensembles) {
    const predicted = firstTrees(ensemble, best).scores(rowsOf(rows, held))
    held.forEach((row, at) => {
      heldOut[row] = predicted[at]!
    })
  }
  return { trees: await trainEnsemble(part(all), { ...options, trees: best, patience: 0 }, { pool, signal }), heldOut }
}

/** The same with its first trees alone. */
export function firstTrees(ensemble: Ensemble, count: number): Ensemble {
  const { loss, features, base, losses, trees } = ensemble
  const nodes = trees.starts[count]!
  const { starts, ...ofNodes } = trees
  const kept = Object.entries(ofNodes).map(([name, values]) => [name, values.slice(0, nodes)])
  return new Ensemble({
    loss,
    features,
    base,
    losses: losses.slice(0, count + 1),
    trees: { ...(Object.fromEntries(kept) as typeof ofNodes), starts: starts.slice(0, count + 1) },
  })
}

function columnsOf(rows: readonly LinearRow[], places: Uint32Array): Float32Array {
  const features = rows[0]!.dense.length
  const columns = new Float32Array(features * places.length)
  places.forEach((row, at) => {
    const { dense } = rows[row]!
    for (let feature = 0; feature < features; feature++) columns[feature * places.length + at] = dense[feature]!
  })
  return columns
}

function rowsOf(rows: readonly LinearRow[], places: Uint32Array): Float32Array {
  const features = rows[0]!.dense.length
  const values = new Float32Array(features * places.length)
  for (const [at, row] of places.entries()) values.set(rows[row]!.dense, at * features)
  return values
}
