import { statSync } from 'node:fs'
import { z } from 'zod'
import { pushesOf } from '../../push/live/parts/open-loop.ts'
import { longestInterval } from '../../recommend/retraining/schedule.ts'
import { serve } from '../../serve/serve.ts'
import type { Server } from '../../serve/server.ts'
import type { TlsFiles } from '../../serve/tls.ts'
import { asGiven, oneOf } from '../../storage/expectation.ts'
import {
  duration,
  durationFrom,
  instant,
  parseOptions,
  type Register,
  several,
  text,
  UsageError,
  wholeNumber,
} from '../command.ts'
import { pushConfigIn } from '../push/push-config.ts'
import { endSignals } from '../terminal/interrupt.ts'
import { openLog } from '../terminal/log.ts'
import { rpcAddress } from './server-call.ts'

const factor = z.string().transform((text, context) => {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= 1) return value
  context.addIssue(`must be a number above 0 and at most 1, got ${asGiven(text)}`)
  return z.NEVER
})

/** As browsers send it: a scheme and a host, without a path. */
function isOrigin(text: string): boolean {
  return text === '*' || (URL.canParse(text) && new URL(text).origin === text)
}

const corsRefusal = {
  error: ({ input }: { readonly input?: unknown }) => {
    const wrong = (input as readonly string[]).find(origin => !isOrigin(origin))
    return `must be an origin such as https://example.org, or *, got ${asGiven(wrong)}`
  },
}

/** As in a URL, without a port. */
function isHost(text: string): boolean {
  return text === '*' || (URL.canParse(`http://${text}`) && !/[:/?#@]/.test(text.replace(/^\[.*\]$/, '')))
}

const hostRefusal = {
  error: ({ input }: { readonly input?: unknown }) => {
    const wrong = (input as readonly string[]).find(name => !isHost(name))
    return `must be a name or an address without a port, or *, got ${asGiven(wrong)}`
  },
}

const Options = z.object({
  port: wholeNumber(0, 65535),
  host: text('a name or an address of this machine'),
  state: text('a directory'),
  rpc: rpcAddress.optional(),
  cors: z
    .array(z.string())
    .refine(origins => origins.every(isOrigin), corsRefusal)
    .default([]),
  allowHost: z
    .array(z.string())
    .refine(names => names.every(isHost), hostRefusal)
    .default([]),
  open: z.boolean().default(false),
  tlsCert: text('a file').optional(),
  tlsKey: text('a file').optional(),
  threads: wholeNumber(1, 1024).optional(),
  since: instant.optional(),
  retrain: durationFrom(1000, longestInterval, 'a time from 1s to 24d, as 1h').optional(),
  dataset: text('a directory').optional(),
  keep: duration.optional(),
  keepIds: duration.optional(),
  watch: text('the directory of a model').optional(),
  push: text('a file').optional(),
  music: text('the directory of a song space').optional(),
  audio: text('a directory').optional(),
  historyLimit: wholeNumber(1, 1_000_000),
  impressionDecay: factor,
  impressionHalfLife: durationFrom(1000, Number.POSITIVE_INFINITY, 'a time of 1s or more, as 1d'),
  maxConnections: wholeNumber(1, 1_000_000),
  idleTimeout: wholeNumber(8, 960),
  rate: wholeNumber(0, 1_000_000_000),
  sendMemory: wholeNumber(1, 1_000_000).transform(mebibytes => mebibytes * 2 ** 20),
  logLevel: oneOf(['silent', 'error', 'warn', 'info', 'debug']),
  page: z.boolean(),
  json: z.boolean().default(false),
})

/** `aurochs serve`: runs until SIGTERM or SIGINT, then ends what has begun and exits with 0; a second signal exits at once. */
export const register: Register = program => {
  program
    .command('serve')
    .description('stream recommendations that change with each event')
    .argument('<model>', 'directory of a trained model')
    .option('-p, --port <port>', 'port to listen at; 0 takes one that is free', '8080')
    .option('--host <host>', 'address to listen at; 0.0.0.0 for all of this machine', '127.0.0.1')
    .requiredOption('--state <dir>', 'directory that keeps the events; made if there is none')
    .option(
      '--rpc <address>',
      'internal RPC, as unix:/run/aurochs.sock or 127.0.0.1:9000; by a socket, everything may be called',
    )
    .option('--cors <origin>', "whose web pages may use the server besides its own, or '*'; may be repeated", several)
    .option(
      '--allow-host <name>',
      "a name that clients may address the server by besides localhost and --host, or '*'; may be repeated",
      several,
    )
    .option(
      '--open',
      'without keys (aurochs keys), or where all are revoked, serve whoever reaches the server, for every user',
    )
    .option('--tls-cert <file>', 'serve by https and wss: the certificate and those that lead to its authority, in PEM')
    .option('--tls-key <file>', 'its private key, in PEM')
    .option('--threads <n>', 'threads that fold in and rank (default: all of the machine)')
    .option('--since <date>', 'events that arrived before it are in the model already, though it does not say so')
    .option('--retrain <time>', 'train the next model of the events again and again, with so much time between, as 1h')
    .option('--dataset <dir>', 'with --retrain: the dataset that the model was trained on; the next takes its place')
    .option(
      '--keep <time>',
      'with --retrain: remove events after so long, as 90d, once they are part of dataset and models',
    )
    .option('--keep-ids <time>', 'with --keep: an event that is sent again is known for so long (default: 30d)')
    .option('--watch <dir>', 'serve the model of this directory whenever another takes its place')
    .option('--push <file>', 'send pushes: the JSON file that configures them (aurochs push run --help)')
    .option('--music <dir>', 'serve mixes of the songs of a song space (aurochs music build-space)')
    .option('--audio <dir>', 'with --music: let songs be played whose sound files lie in this directory or below it')
    .option('--history-limit <n>', 'events of one user that count at most, the newest', '5000')
    .option(
      '--impression-decay <f>',
      'what the score of an item is multiplied by for each time that it was shown and not taken; 1: nothing sinks',
      '0.9',
    )
    .option('--impression-half-life <time>', 'after so long it counts half that an item was shown', '1d')
    .option('--max-connections <n>', 'sockets open at once', '10000')
    .option('--idle-timeout <seconds>', 'a socket that answers no ping for so long is closed', '60')
    .option(
      '--rate <n>',
      'what a client may ask for in a second, in events; a list of 1000 items is as 20; 0: any',
      '5000',
    )
    .option(
      '--send-memory <MiB>',
      'what may wait to be read, of all connections; beyond, slow readers are closed',
      '256',
    )
    .option(
      '--log-level <level>',
      'silent, error, warn, info or debug; the log goes to stderr, as JSON lines where that is no terminal',
      'info',
    )
    .option('--no-page', 'show a browser that opens the address no page to try and watch the server')
    .option('--json', 'print the address as one JSON object')
    .action(async (model: string, given: unknown) => {
      const { allowHost: allowHosts, tlsCert, tlsKey, ...options } = parseOptions(Options, given)
      const tls = tlsFiles(tlsCert, tlsKey)
      if (options.audio !== undefined && options.music === undefined) {
        throw new UsageError('--audio needs --music: name the song space whose songs it has')
      }
      if (options.audio !== undefined && !statSync(options.audio, { throwIfNoEntry: false })?.isDirectory()) {
        throw new UsageError(`--audio must be a directory, got ${options.audio}`)
      }
      const log = openLog(options.logLevel)
      const signals = endSignals()
      const push = options.push === undefined ? undefined : pushesOf(pushConfigIn(options.push, '--push'), model)
      const server = await serve({ ...options, push, allowHosts, tls, model, log, retrain: retrainingOf(options) })
      if (signals.exitCode === undefined) announce(server, options)
      await signals.first
      log.info('shutting down; a second signal ends at once')
      await server.close()
      process.exit(0)
    })
}

type RetrainingFlags = Pick<z.output<typeof Options>, 'retrain' | 'dataset' | 'keep' | 'keepIds' | 'threads'>

/** @throws UsageError where an option lacks another. */
function retrainingOf({ retrain: interval, dataset, keep, keepIds, threads }: RetrainingFlags) {
  if (interval !== undefined && dataset !== undefined) return { interval, dataset, keep, keepIds, threads }
  if (interval !== undefined)
    throw new UsageError('--retrain needs --dataset: name the one that the model was trained on')
  if (dataset !== undefined || keep !== undefined || keepIds !== undefined) {
    throw new UsageError('--dataset, --keep and --keep-ids need --retrain: say how often')
  }
  return undefined
}

function tlsFiles(cert: string | undefined, key: string | undefined): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert === undefined && key === undefined) return undefined
  throw new UsageError('--tls-cert and --tls-key must be given together: each needs the other')
}

type Announced = Pick<z.output<typeof Options>, 'host' | 'page' | 'json'>

function announce({ url, port, rpc }: Server, { host, page, json }: Announced): void {
  const stream = `${url.replace('http', 'ws')}/v1/stream`
  if (json) process.stdout.write(`${JSON.stringify({ url, stream, host, port, rpc })}\n`)
  else {
    const internal = rpc === undefined ? '' : `  rpc      ${rpc}\n`
    const opened = page ? `  page     ${url}/\n` : ''
    process.stdout.write(`serving at ${url}\n${opened}  stream   ${stream}\n  metrics  ${url}/metrics\n${internal}`)
  }
}
