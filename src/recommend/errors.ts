/** Why something cannot be done now or at all; the service has a code of the same name for each. */
export type RecommendErrorReason = 'unknown_item' | 'overloaded' | 'storage_failed' | 'bad_model' | 'shutting_down'

export class RecommendError extends Error {
  readonly reason: RecommendErrorReason

  constructor(reason: RecommendErrorReason, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'RecommendError'
    this.reason = reason
  }
}
