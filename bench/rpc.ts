/**
 * What the internal RPC costs: `aurochs serve --rpc` and one caller, in processes of their own on the same cores, by
 * turns with the same calls on the library in process: `x4` where four batches are in flight, otherwise one after the
 * other. Over a Unix socket, or with `--tcp` over TCP.
 *
 * `--data MODEL` names the model's directory. `--seconds N` of each measurement (1), `--rounds N` (9): short ones, since
 * the pace of a machine that others share changes.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { Measured } from './rpc/measured.ts'
import { streamModel } from './stream/model.ts'
import { participants } from './stream/participants.ts'
import { startProgram, stopProgram } from './stream/program.ts'
import { atLeast, type Bench } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { positiveInteger, positiveNumber } from './support/options.ts'
import { printer } from './support/print.ts'

/** Calls of `recommend` and `ping` at once: enough for two batches a core. */
const inFlight = 256
/** Users whom the lists are for: fewer than the server and the library keep in memory. */
const userCount = 5000

export const run: Bench = async ({ json, data, rest }) => {
  const { seconds, rounds, tcp } = options(rest)
  const print = printer(json)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-rpc-'))
  try {
    const model = await streamModel(data, folder)
    const users = JSON.stringify(participants(Artifact.open(model, { verify: false }), userCount).users)
    const address = tcp ? 'tcp:127.0.0.1:0' : `unix:${join(folder, 'rpc.sock')}`
    const serveArgs = ['serve', model, '--port', '0', '--state', join(folder, 'server'), '--rpc', address, '--json']
    // From source, as the library and the caller beside it are.
    const server = await startProgram('src/cli/main.ts', serveArgs)
    const caller = await Measured.start('caller.ts', [server.rpc!, users])
    const library = await Measured.start('library.ts', [model, join(folder, 'library'), users])

    const batches: number[] = []
    const singles: number[] = []
    const pings: number[] = []
    for (let round = 0; round < rounds; round++) {
      const listsOfBatches = async (size: number, of: Measured, atOnce = 1) =>
        size * (await of.rate({ method: 'recommend_batch', users: size, inFlight: atOnce, seconds }))
      const library256 = await listsOfBatches(256, library)
      const rpc256 = await listsOfBatches(256, caller)
      const library256x4 = await listsOfBatches(256, library, 4)
      const rpc256x4 = await listsOfBatches(256, caller, 4)
      const library64 = await listsOfBatches(64, library)
      const rpc1 = await caller.rate({ method: 'recommend', inFlight, seconds })
      const pingRate = await caller.rate({ method: 'ping', inFlight, seconds })
      print({ round, unit: 'lists/s', library256, rpc256, library256x4, rpc256x4, library64, rpc1, pingRate })
      batches.push(rpc256 / library256)
      singles.push(rpc1 / library64)
      pings.push(pingRate)
    }
    await library.stop()
    await caller.stop()
    await stopProgram(server)
    return [
      atLeast('rate of recommend_batch of 256 users by RPC, of that in process', median(batches), 0.8),
      atLeast('rate of single recommends by RPC, of batches of 64 in process', median(singles), 0.5),
      atLeast('pipelined pings a second', median(pings), 40_000),
    ]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function options(args: readonly string[]): { seconds: number; rounds: number; tcp: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '9' },
      tcp: { type: 'boolean', default: false },
    },
  })
  return {
    seconds: positiveNumber('seconds', values.seconds),
    rounds: positiveInteger('rounds', values.rounds),
    tcp: values.tcp,
  }
}
