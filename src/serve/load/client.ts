/** Whom a message, a call or a subscription is from, as far as the load that it makes goes: clients of one name count as one. */
export interface Client {
  /** Of a socket or a peer's address. */
  readonly name: string
  /** Whether its rate is limited; that of the internal RPC is not. */
  readonly isLimited: boolean
}
