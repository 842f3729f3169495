/**
 * Which web pages may use the server: those that it serves itself, and those of the `allowed` origins (`*`: of any).
 * Whatever is not a browser sends no `Origin` and is not bound by it.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>

  constructor(allowed: readonly string[]) {
    this.#allowed = new Set(allowed)
  }

  allows(origin: string, host: string): boolean {
    return origin === '' || this.#shares(origin) || URL.parse(origin)?.host === host
  }

  /** Headers that let the page of `origin` read the answer. */
  headers(origin: string): (readonly [string, string])[] {
    if (origin === '' || !this.#shares(origin)) return []
    return [
      ['access-control-allow-origin', origin],
      ['vary', 'origin'],
    ]
  }

  /** Headers that answer a browser's question whether it may send at all. */
  preflight(origin: string): (readonly [string, string])[] {
    const headers = this.headers(origin)
    if (headers.length === 0) return []
    return [
      ...headers,
      ['access-control-allow-methods', 'GET, POST'],
      ['access-control-allow-headers', 'authorization, content-type'],
      ['access-control-max-age', '86400'],
    ]
  }

  #shares(origin: string): boolean {
    return this.#allowed.has('*') || this.#allowed.has(origin)
  }
}
