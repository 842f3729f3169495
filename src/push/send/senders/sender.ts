/** A push on its way to one user. */
export interface Outgoing {
  /** The idempotency key: the same at each attempt. */
  readonly id: string
  readonly user: string
  readonly campaign: string
  /** A token, a URL or a subscription, as the sender takes it. */
  readonly address: string
  readonly title: string
  /** Where a click leads. */
  readonly url?: string
  /** In ms since 1970: not to be shown later. */
  readonly ends: number
  /** From 1 on. */
  readonly attempt: number
  /** Whether it is sent for people to look at before others get it; its title says so, too. Absent: it is not. */
  readonly isTest?: true
}

/**
 * What became of an attempt.
 *
 * `retry`: after so many ms at least; `isUncertain` where the user may have got it all the same, which only senders that know keys
 * again may say. `gone`: the address is dead. `unknown`: it may have gone out, and another attempt could show it twice.
 */
export type Outcome =
  | { readonly outcome: 'delivered' }
  | { readonly outcome: 'retry'; readonly after: number; readonly isUncertain?: boolean; readonly reason: string }
  | { readonly outcome: 'gone'; readonly reason?: string }
  | { readonly outcome: 'failed' | 'unknown'; readonly reason: string }

export type SendResult = Outcome & { readonly id: string }

/** Makes one attempt at each push of a batch; the ledger keeps when the next is due. */
export interface Sender {
  /** Whether who gets an id again does not show the push again: then what was interrupted is sent again. */
  readonly isIdempotent: boolean
  /** Attempts that it makes at the same time, over all calls. Then each push has a call of its own; else a whole batch has, one at a time. */
  readonly concurrency?: number
  /** One result for each push, in their order. What `signal` interrupts is uncertain, or unknown. Never throws. */
  send(batch: readonly Outgoing[], options: { readonly signal: AbortSignal }): Promise<SendResult[]>
  close?(): Promise<void> | void
}
