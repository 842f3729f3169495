import { splitByCost } from '../../../parallel/chunks.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { Trained } from '../../algorithm.ts'
import { allocateEntries, rowsOfColumns, rowTensors } from '../../training/entries.ts'
import type { Phases } from '../../training/phases.ts'
import { type EaseWork, tooLittleRegularization } from './dense.ts'

/** Chunks of items of about equal cost. */
const chunks = 2048

/** Each column of B by itself, from its candidates (crates/kernels/src/ease/regression.rs); kept by rows, as lists need them. */
export async function trainSparse(
  { items, training, costs, options }: EaseWork,
  phases: Phases,
): Promise<Trained['tensors']> {
  const most = Math.min(options.candidates, items - 1)
  // Each pair of users and items makes one addition more than it has others.
  const entries = allocateEntries(items, item => Math.min(most, Number(costs[item + 1] - costs[item])))
  const residuals = sharedArray(Float32Array, items)
  // What a system of equations takes, in additions at random places.
  const bounds = splitByCost(costs.subarray(0, items + 1), chunks, 200 + most ** 3 / 60)
  phases.total = 1
  const phase = { name: 'columns', chunks: bounds.length - 1, work: 1 }
  const faults = await phases.run<number | null>(phase, { training, entries, residuals, bounds })
  const fault = faults.find(item => item !== null)
  if (typeof fault === 'number')
    throw tooLittleRegularization(`the regression of item ${fault} is not positive definite`, options)
  return { ...rowTensors(rowsOfColumns(entries, options.entries)), residuals: { data: residuals, shape: [items] } }
}
