/** Whom a message, a call or a subscription is from, as far as the load that it makes goes: clients of one name count as one. */
export interface LoadAccount {
  /** Of a socket or a peer's address. */
  readonly name: string
  /** Whether the rate of the server is a limit to it; to the internal RPC it is none. */
  readonly isLimited: boolean
}

/** A rate of their own that several accounts have together. */
export interface SharedRate {
  readonly name: string
  /** In units a second; always the same for a name. */
  readonly rate: number
}
