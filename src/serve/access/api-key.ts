import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** `aur_ID_SECRET`: an id that may be shown, and 256 random bits that may not. */
export interface ApiKey {
  readonly id: string
  readonly secret: string
}

/** A new id of a key, of 12 characters. */
export function newKeyId(): string {
  return randomBytes(6).toString('hex')
}

export function newApiKey(): ApiKey {
  return { id: newKeyId(), secret: randomBytes(32).toString('base64url') }
}

export function formatApiKey({ id, secret }: ApiKey): string {
  return `aur_${id}_${secret}`
}

/** The key that `text` spells, if it is one. */
export function parseApiKey(text: string): ApiKey | undefined {
  const [, id, secret] = /^aur_([\da-f]{12})_([\w-]{43})$/.exec(text) ?? []
  return id === undefined || secret === undefined ? undefined : { id, secret }
}

/** What is kept of a secret. It needs no salt and no slow hash: nobody guesses 256 random bits. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Whether `hash` is that of `secret`, found in a time that does not depend on where they differ. */
export function isHashOf(hash: string, secret: string): boolean {
  const [kept, given] = [Buffer.from(hash), Buffer.from(hashOf(secret))]
  return kept.length === given.length && timingSafeEqual(kept, given)
}
