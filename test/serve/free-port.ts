import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port of this machine that nobody listens at, for a server that starts later. It is below those that systems give to connections and to who
 * asks for any: nobody else is given it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(20_000 * Math.random())
    const server = createServer()
    const isFree = await new Promise<boolean>(resolve => {
      server.once('listening', () => resolve(true)).once('error', () => resolve(false))
      server.listen(port, '127.0.0.1')
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
