import type { Sequences } from '../../../storage/sequences.ts'
import type { ResolvedRequest } from '../../algorithm.ts'
import { type RecencyOptions, recentItems } from './recent-items.ts'
import { withRepeats } from './repeats.ts'

/**
 * What a kernel is asked for by what the user did last, and what comes again.
 *
 * @param trained what each user did before the training, in order.
 * @param repeats from `repeatShares`.
 * @param sumsOf what all that follows each of some items scores in sum. Default: 1.
 */
export function sessionRequest(
  request: ResolvedRequest,
  trained: Sequences | undefined,
  options: RecencyOptions,
  repeats: Float32Array,
  sumsOf?: (items: Uint32Array) => Float32Array,
) {
  const { limit, exclude, only, allowed } = request
  const recent = recentItems(request, trained, options)
  return {
    ...withRepeats(recent, repeats, sumsOf?.(recent.items)),
    limit,
    exclude,
    ...(only && { only }),
    ...(allowed && { allowed }),
  }
}
