import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseSendId } from './send-id.ts'

export interface ClickLinkOptions {
  /** The address that counts clicks and redirects, such as https://example.org/click. */
  readonly base: string
  /** Sign links. The first makes new ones; links that any of them made are known. */
  readonly secrets: readonly string[]
}

export interface ClickLink {
  /** Of the send. */
  readonly send: string
  /** Where the user goes. */
  readonly target: string
}

/** In bytes, of HMAC-SHA256: 128 bits are not guessed. */
const tagLength = 16

/**
 * Addresses that say which push was clicked and where its user goes. Only what a secret signed is followed, so nobody can make
 * one that leads elsewhere.
 */
export class ClickLinks {
  readonly #base: URL
  readonly #secrets: readonly string[]

  /** @throws TypeError naming the option. */
  constructor({ base, secrets }: ClickLinkOptions) {
    const url = webAddress(base)
    if (!url) throw new TypeError(`base must be an http or https address, got ${JSON.stringify(base)}`)
    if (secrets.length === 0) throw new TypeError('secrets must have one at least, got none')
    for (const { length } of secrets) {
      if (length < 16) throw new TypeError(`secrets must have at least 16 characters each, got ${length}`)
    }
    this.#base = url
    this.#secrets = secrets
  }

  /** @throws TypeError where the send has no id of a ledger, or the target is no web address. */
  make({ send, target }: ClickLink): string {
    if (!parseSendId(send)) throw new TypeError(`send must be the id of a send, got ${JSON.stringify(send)}`)
    const to = webAddress(target)
    if (!to) throw new TypeError(`target must be an http or https address, got ${JSON.stringify(target)}`)
    const url = new URL(this.#base)
    url.searchParams.set('send', send)
    url.searchParams.set('to', to.href)
    url.searchParams.set('tag', tagOf(this.#secrets[0]!, { send, target: to.href }).toString('base64url'))
    return url.href
  }

  /** What `address`, whole or from its path on, says; undefined unless a secret signed it. */
  parse(address: string): ClickLink | undefined {
    const url = URL.parse(address, this.#base)
    const [send, target, tag] = ['send', 'to', 'tag'].map(name => url?.searchParams.get(name) ?? '') as [
      string,
      string,
      string,
    ]
    const given = Buffer.from(tag, 'base64url')
    if (given.length !== tagLength) return undefined
    const link = { send, target }
    // All are tried, so that the time tells nothing.
    const isSigned = this.#secrets.map(secret => timingSafeEqual(tagOf(secret, link), given)).includes(true)
    return isSigned && parseSendId(send) && webAddress(target)?.href === target ? link : undefined
  }
}

function tagOf(secret: string, { send, target }: ClickLink): Buffer {
  return createHmac('sha256', secret).update(`click\n${send}\n${target}`).digest().subarray(0, tagLength)
}

function webAddress(text: string): URL | undefined {
  const url = URL.parse(text)
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url : undefined
}
