import { readFileSync } from 'node:fs'
import pino, { type Logger } from 'pino'
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
 * @throws Error when the model is missing or altered, the state is in use, or the address is taken.
 */
export async function serve({ port = 8080, log, ...options }: ServeLibraryOptions): Promise<Server> {
  // Loaded only now: the socket library has binaries for some Nodes only, and the rest of the package needs none.
  const { Server } = await import('./server.ts')
  const chosen = log ?? pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true }))
  return Server.start({ ...options, port, version: packageVersion(), log: chosen })
}

/** Version of this package. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version
}
