/** Where an RPC server listens. */
export type RpcAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** What `sockaddr_un` holds, its closing zero left out; the system would cut the rest off. */
const longestPath = 103

/**
 * The address that `text` spells: `unix:/path/to.sock`, `tcp:127.0.0.1:9000`, `tcp:[::1]:9000`, or without `tcp:`; a port
 * alone is of this machine. Port 0: any that is free.
 *
 * @throws {TypeError}
 */
export function parseRpcAddress(text: string): RpcAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    const bytes = new TextEncoder().encode(path).length
    if (bytes === 0 || path.includes('\0') || bytes > longestPath) {
      throw new TypeError(`the path of a Unix socket must have 1 to ${longestPath} bytes, got ${bytes}: ${text}`)
    }
    return { path }
  }
  const [, bracketed, plain, digits] = /^(?:tcp:)?(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) {
    throw new TypeError(`expected an address such as unix:/run/aurochs.sock, tcp:127.0.0.1:9000 or 9000, got ${text}`)
  }
  return { host: bracketed ?? plain ?? '127.0.0.1', port }
}

/** Whether {@link parseRpcAddress} can read `text`. */
export function isRpcAddress(text: string): boolean {
  try {
    parseRpcAddress(text)
    return true
  } catch {
    return false
  }
}

/** `address` as {@link parseRpcAddress} reads it. */
export function formatRpcAddress(address: RpcAddress): string {
  if ('path' in address) return `unix:${address.path}`
  const { host, port } = address
  return `tcp:${host.includes(':') ? `[${host}]` : host}:${port}`
}
