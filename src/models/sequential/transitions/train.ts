import { native } from '../../../native.ts'
import { splitByCost } from '../../../parallel/chunks.ts'
import { workerModuleUrl } from '../../../parallel/pool.ts'
import type { Dataset } from '../../../storage/dataset.ts'
import { vector } from '../../../storage/safetensors.ts'
import { sharedArray } from '../../../storage/shared-array.ts'
import type { TrainContext, Trained } from '../../algorithm.ts'
import { compactRows } from '../../training/compact-rows.ts'
import { checkMemory } from '../../training/neighbour-memory.ts'
import { Phases } from '../../training/phases.ts'
import { newestOf } from '../../weighting/event-sums.ts'
import { repeatShares } from '../sessions/repeats.ts'
import { assertHasTimes, visitSessions } from '../sessions/sessions.ts'
import type { CountArgs, FollowArgs } from './jobs.ts'
import type { TransitionsOptions } from './options.ts'

const work = workerModuleUrl('./jobs', import.meta.url)

/** Chunks of items of about equal cost. */
const chunks = 1024
const day = 86_400_000
/** The least that a step counts: old ones next to nothing. */
const least = 1e-30
/** Stands after each session. */
const sessionEnd = 0xffff_ffff

/**
 * Counts the steps between items in sessions, and makes probabilities of them (kernel in crates/kernels/src/transitions);
 * `transitionsTensors` in model.ts describes the tensors. The same bits come out for any number of workers.
 *
 * Takes 8 bytes of memory for each transition kept, twice where there are second steps, and 12 for each event.
 *
 * @throws RangeError when the dataset has no times, or the transitions cannot fit in memory; the signal's reason when it is aborted.
 */
export async function trainTransitions(
  dataset: Dataset,
  options: TransitionsOptions,
  context: TrainContext,
): Promise<Trained> {
  assertHasTimes(dataset, 'transitions')
  context.signal?.throwIfAborted()
  const { items } = dataset.manifest
  const { tokens, weights, events } = sessionTokens(dataset, options)
  const { window, gapDecay: decay, backward, neighbours: limit } = options
  const steps = { window, decay, backward }
  const indptr = sharedArray(BigUint64Array, items + 1)
  const places = sharedArray(Uint32Array, events)
  const starts = sharedArray(BigUint64Array, items + 1)
  native.planTransitions(tokens, indptr, places, starts, steps, limit)
  checkMemory({ items, neighbours: limit, most: Number(starts[items]) })

  const phases = new Phases(context, { jobs: work, rows: items })
  phases.total = 2
  try {
    const counts = outputOf(starts)
    const totals = sharedArray(Float64Array, items)
    const bounds = splitByCost(indptr, chunks, 1)
    const sessions = { tokens, indptr, places, ...(weights && { weights }) }
    const counting: CountArgs = { sessions, steps, limit, output: counts, totals, bounds }
    await phases.run({ name: 'count', chunks: bounds.length - 1, work: 1 }, counting)
    const counted = compacted(counts)

    const transitions = {
      counts: { indptr: counted.indptr, indices: counted.indices, weights: counted.values },
      totals,
      factors: factorsOf(counted, items, options.popularityDamping),
      share: options.secondStep,
      middle: options.middleItems,
      limit,
    }
    const room = sharedArray(BigUint64Array, items + 1)
    native.planTwoSteps(transitions, room)
    checkMemory({ items, neighbours: limit, most: Number(starts[items]) + Number(room[items]) })
    const output = outputOf(room)
    const following: FollowArgs = { transitions, output, bounds: splitByCost(room, chunks, 1) }
    await phases.run({ name: 'follow', chunks: following.bounds.length - 1, work: 1 }, following)
    const found = compacted(output)
    const tensors = {
      indptr: vector(found.indptr),
      indices: vector(found.indices),
      probabilities: vector(found.values),
      totals: vector(totals),
      repeats: vector(repeatShares(dataset.events!, options.sessionGap, options.recentItems)),
    }
    return { tensors, epochs: 1, complete: true, loss: [] }
  } finally {
    phases.close()
  }
}

/** The items of all sessions, with {@link sessionEnd} after each, and what a step to each event counts, where not 1. */
function sessionTokens({ events: sequences }: Dataset, { sessionGap, sessionHalfLife }: TransitionsOptions) {
  const { times } = sequences!
  let [length, events] = [0, 0]
  visitSessions(sequences!, sessionGap, {
    event: () => {
      length++
      events++
    },
    end: () => length++,
  })
  const tokens = sharedArray(Uint32Array, length)
  const weights = sessionHalfLife === undefined ? undefined : sharedArray(Float32Array, length)
  const newest = weights ? newestOf(times) : 0
  let next = 0
  visitSessions(sequences!, sessionGap, {
    event: (item, event) => {
      if (weights) weights[next] = Math.max(least, 2 ** ((Number(times[event]) - newest) / day / sessionHalfLife!))
      tokens[next++] = item
    },
    end: () => {
      tokens[next++] = sessionEnd
    },
  })
  return { tokens, weights, events }
}

interface Output {
  readonly starts: BigUint64Array
  readonly indices: Uint32Array
  readonly values: Float32Array
  readonly counts: Uint32Array
}

function outputOf(starts: BigUint64Array): Output {
  const most = Number(starts.at(-1))
  return {
    starts,
    indices: sharedArray(Uint32Array, most),
    values: sharedArray(Float32Array, most),
    counts: sharedArray(Uint32Array, starts.length - 1),
  }
}

/** The rows without gaps. */
function compacted({ starts, indices, values, counts }: Output) {
  const indptr = compactRows(starts, counts, [indices, values])
  const size = Number(indptr.at(-1))
  return { indptr, indices: indices.subarray(0, size), values: values.subarray(0, size) }
}

/** (items) What probabilities are multiplied with: the steps to each item to the power of −β. */
function factorsOf({ indices, values }: Pick<Output, 'indices' | 'values'>, items: number, beta: number): Float64Array {
  const factors = sharedArray(Float64Array, items)
  if (beta === 0) return factors.fill(1)
  indices.forEach((item, at) => {
    factors[item] += values[at]
  })
  return factors.map(sum => (sum > 0 ? sum ** -beta : 1))
}
