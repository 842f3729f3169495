import { type IdMap, plainId } from '../storage/ids.ts'

/** Why something cannot be done now or at all; the service has a code of the same name for each. */
export type RecommendErrorReason = 'unknown_item' | 'overloaded' | 'storage_failed' | 'bad_model' | 'shutting_down'

export class RecommendError extends Error {
  readonly reason: RecommendErrorReason
  /** In ms: when it is worth asking again, where that is known. */
  readonly retryAfter: number | undefined

  constructor(
    reason: RecommendErrorReason,
    message: string,
    { cause, retryAfter }: { readonly cause?: unknown; readonly retryAfter?: number } = {},
  ) {
    super(message, { cause })
    this.name = 'RecommendError'
    this.reason = reason
    this.retryAfter = retryAfter
  }
}

export function unknownItem(item: string, items: Pick<IdMap, 'size' | 'at'>): RecommendError {
  const like = items.size > 0 ? `: its ${items.size} items have ids like ${JSON.stringify(plainId(items.at(0)))}` : ''
  return new RecommendError('unknown_item', `the model has no item ${JSON.stringify(item)}${like}`)
}
