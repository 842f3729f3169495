import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { pushConfigOf } from '../../src/push/live/config.ts'
import type { PushSteps } from '../../src/push/loop/actions.ts'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { type ServeOptions, Server } from '../../src/serve/server.ts'
import { type SmallSong, writeSpace } from '../music/small-space.ts'
import { ScriptedSteps } from '../push/scripted-steps.ts'
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
  /**
   * Whether it sends pushes, to a file; there is the campaign `news`, of which nothing is sent but tests. `undecided`: nor
   * of others by itself. `broken`: the loop cannot begin. Default: it sends none.
   */
  readonly push?: boolean | 'undecided' | 'broken'
  /** Ids of the items of the model. Default: `i0` and so on. */
  readonly nameOf?: (item: number) => string
  /** A song space of these, and where their sound files lie. Default: it serves no music. */
  readonly music?: readonly SmallSong[]
  readonly audio?: (folder: string) => string
  /** Default: one that is silent. */
  readonly log?: Logger
}

/** Serves the model of {@link writeSmallModel} in this process, in a fresh folder. */
export async function serveSmallModel(given: ServedModelOptions = {}): Promise<ServedModel> {
  const {
    threads = 1,
    rpc,
    prepare,
    nameOf,
    push = false,
    music,
    audio,
    log = pino({ level: 'silent' }),
    ...options
  } = given
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-served-'))
  const addresses = { unix: `unix:${join(folder, 'rpc.sock')}`, tcp: '127.0.0.1:0' }
  const model = await writeSmallModel(folder, nameOf)
  const state = join(folder, 'state')
  prepare?.(state)
  if (push) putNews(state)
  const space = join(folder, 'songs')
  if (music) await writeSpace(space, music)
  const server = await Server.start({
    ...options,
    model,
    state,
    port: 0,
    rpc: rpc && addresses[rpc],
    push: push ? pushesIn(folder, push) : undefined,
    music: music && space,
    audio: audio?.(folder),
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

function putNews(state: string): void {
  const ledger = PushLedger.open(state)
  const now = Date.now()
  ledger.putUsers([{ id: 'ann', channel: { sender: 'file', address: 'to-ann' } }])
  const url = 'https://example.org/news'
  ledger.putCampaign({ id: 'news', titles: ['One', 'Two'], url, starts: now, ends: now + 3_600_000, budget: 0 })
  ledger.close()
}

/** Clicks come to `/c`; nothing is quiet. */
function pushesIn(directory: string, kind: true | 'undecided' | 'broken'): ServeOptions['push'] {
  const given = {
    senders: { file: { type: 'file', file: 'pushes.ndjson' } },
    links: { base: 'https://push.example.org/c', secrets: [{ env: 'CLICK_SECRET' }] },
    quiet: { from: '00:00', until: '00:00' },
    tick: '1s',
  }
  const environment = { CLICK_SECRET: 'a secret of the links' }
  const config = pushConfigOf(given, { directory, environment })
  return {
    config,
    steps(users) {
      if (kind === 'broken') throw new Error('learned.json is damaged')
      return kind === 'undecided' ? undecided : new ScriptedSteps(users, { round: 10, rounds: 1 })
    },
  }
}

const undecided: PushSteps = { observe: () => {}, restore: () => {}, step: async () => [], sent: () => {} }
