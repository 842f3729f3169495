/** The number of a send in its ledger, and what tells it from one of the same number in another copy of the ledger. */
export interface SendKey {
  readonly number: number
  /** Random, below 2^48. */
  readonly nonce: number
}

const pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-8000-8000-([0-9a-f]{12})$/

/** The key as it goes to senders and into addresses: a UUID of version 8, so that APNs takes it as `apns-id`. */
export function sendIdOf({ number, nonce }: SendKey): string {
  const digits = number.toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-8000-8000-${nonce.toString(16).padStart(12, '0')}`
}

/** Undefined where `id` is none that {@link sendIdOf} gives. */
export function parseSendId(id: string): SendKey | undefined {
  const [, high, low, nonce] = pattern.exec(id) ?? []
  if (high === undefined) return undefined
  return { number: Number.parseInt(high + low, 16), nonce: Number.parseInt(nonce!, 16) }
}
