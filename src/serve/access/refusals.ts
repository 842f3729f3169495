import type { Logger } from 'pino'
import { FaultLog } from '../fault-log.ts'

/** Why a caller was refused, as the metrics count it. */
export type RefusalReason =
  | 'no_key'
  | 'malformed'
  | 'unknown'
  | 'expired'
  | 'revoked'
  | 'method'
  | 'admin'
  | 'user'
  | 'host'
  | 'origin'

/** Counts refusals, and logs them: each kind at once, and what repeats it within a minute by its number only. */
export class Refusals {
  readonly #log: FaultLog
  readonly #onRefusal: (reason: RefusalReason) => void

  constructor(log: Logger, onRefusal: (reason: RefusalReason) => void) {
    // One of its own: strangers can fill it, and faults of the server must be seen all the same.
    this.#log = new FaultLog(log, 'warn')
    this.#onRefusal = onRefusal
  }

  /** `detail`: the id of the key that was used, or what else tells refusals apart; never a secret. */
  report(reason: RefusalReason, detail: string | undefined): void {
    this.#onRefusal(reason)
    this.#log.report(detail === undefined ? reason : `${reason}: ${detail}`, 'a caller was refused')
  }
}
