import { readFileSync } from 'node:fs'
import pino, { type Logger } from 'pino'
import { assertHasSqlite } from '../storage/sqlite.ts'
import type { ServeOptions, Server } from './server.ts'

export interface ServeLibraryOptions extends Omit<ServeOptions, 'version' | 'log' | 'port'> {
  /** Default: 8080; 0: any that is free. */
  readonly port?: number | undefined
  /** Default: warnings and errors as JSON lines on stderr. */
  readonly log?: Logger | undefined
}

/**
 * Serves a model until the server is closed, as `aurochs serve` does.
 *
 * @throws Error when the model is missing or altered, the state is in use, the address is taken, or this Node cannot serve.
 */
export async function serve({ port = 8080, log, ...options }: ServeLibraryOptions): Promise<Server> {
  const { Server } = await loadServer()
  const chosen = log ?? pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true }))
  return Server.start({ ...options, port, version: packageVersion(), log: chosen })
}

/**
 * Loads what only serving needs: the rest of the package runs on more Nodes than the socket library has binaries for.
 *
 * @throws Error naming the Nodes that can serve, where this one cannot.
 */
export async function loadServer(): Promise<typeof import('./server.ts')> {
  assertHasSqlite()
  try {
    return await import('./server.ts')
  } catch (cause) {
    if (!(cause as Error).message.includes('uWS.js')) throw cause
    throw new Error(
      `serving needs the socket library uWebSockets.js, which has binaries for Node 22 and 23, and this is ${process.version} ` +
        `for ${process.platform}-${process.arch}: run it under Node 22, as npx -y -p node@22 node does`,
      { cause },
    )
  }
}

/** Version of this package. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
