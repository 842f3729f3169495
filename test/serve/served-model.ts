import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { type ServeOptions, Server } from '../../src/serve/server.ts'
import { writeSmallModel } from './small-model.ts'

export interface ServedModel {
  readonly server: Server
  /** Directory of the model that is served: the small one. */
  readonly model: string
  /** Holds the model, its dataset, the state of the server and the socket of its internal RPC. */
  readonly folder: string
  /** Ends the server and removes the folder. */
  readonly close: () => Promise<void>
}

export interface ServedModelOptions
  extends Pick<ServeOptions, 'cors' | 'host' | 'maxConnections' | 'open' | 'rate' | 'sendMemory' | 'tls'> {
  /** Default: 1. */
  readonly threads?: number
  /** What the internal RPC listens at. Default: there is none. */
  readonly rpc?: 'unix' | 'tcp'
  /** Puts into the directory of the state what should be there before the server starts. */
  readonly prepare?: (state: string) => void
  /** Ids of the items of the model. Default: `i0` and so on. */
  readonly nameOf?: (item: number) => string
  /** Default: one that is silent. */
  readonly log?: Logger
}

/** Serves the model of {@link writeSmallModel} in this process, in a fresh folder. */
export async function serveSmallModel(given: ServedModelOptions = {}): Promise<ServedModel> {
  const { threads = 1, rpc, prepare, nameOf, log = pino({ level: 'silent' }), ...options } = given
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-served-'))
  const addresses = { unix: `unix:${join(folder, 'rpc.sock')}`, tcp: '127.0.0.1:0' }
  const model = await writeSmallModel(folder, nameOf)
  const state = join(folder, 'state')
  prepare?.(state)
  const server = await Server.start({
    ...options,
    model,
    state,
    port: 0,
    rpc: rpc && addresses[rpc],
    threads,
    version: '0.0.0',
    log,
  })
  const close = async () => {
    await server.close()
    rmSync(folder, { recursive: true })
  }
  return { server, model, folder, close }
}
