import type { Sequences } from '../../storage/sequences.ts'
import type { ResolvedRequest } from '../algorithm.ts'
import { type RecencyOptions, recentItems } from './recent-items.ts'
import { withRepeats } from './repeats.ts'

/**
 * What a kernel is asked for by what the user did last, and what comes again.
 *
 * @param trained what each user did before the training, in order.
 * @param repeats from `repeatShares`.
 */
export function sessionRequest(
  request: ResolvedRequest,
  trained: Sequences | undefined,
  options: RecencyOptions,
  repeats: Float32Array,
) {
  const { limit, exclude, only, allowed } = request
  return {
    ...withRepeats(recentItems(request, trained, options), repeats),
    limit,
    exclude,
    ...(only && { only }),
    ...(allowed && { allowed }),
  }
}
