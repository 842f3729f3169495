import { isIP } from 'node:net'
import { isLoopback } from '../loopback.ts'

/** At these a server listens at every address of the machine. */
const everyAddress: readonly string[] = ['0.0.0.0', '::']

/**
 * By which names the server may be addressed. A page of anyone's can have its own name resolve to this machine, and is then
 * of the same origin as the server; but its requests still bear that name as their `Host`.
 *
 * Allowed are the names of this machine (`localhost`, 127.x, `[::1]`), `listening`, where the server listens, and `allowed`
 * (`*`: any). Where it listens at every address, each address is allowed, since only names can be made to resolve to
 * another machine, and the names must be listed.
 */
export class Hosts {
  readonly #names: ReadonlySet<string>
  readonly #allowsAddresses: boolean

  constructor(listening: string, allowed: readonly string[]) {
    this.#names = new Set([listening, ...allowed].map(plainName))
    this.#allowsAddresses = everyAddress.includes(listening)
  }

  /** `host`: the header as it came, empty where there is none. */
  allows(host: string): boolean {
    if (this.#names.has('*')) return true
    const name = nameOf(host)
    if (name === undefined) return false
    return isLoopback(name) || this.#names.has(name) || (this.#allowsAddresses && isIP(name) !== 0)
  }
}

/** The name in a `Host` header, without port and brackets. */
function nameOf(host: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([\da-fA-F:.]+)\]|([^:[\]@/\s]+))(?::\d{0,5})?$/.exec(host) ?? []
  const name = bracketed ?? plain
  return name === undefined ? undefined : plainName(name)
}

/** Names are the same in any case, and with the dot that ends a full name. */
function plainName(name: string): string {
  return name
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/(?<=.)\.$/, '')
}
