import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { formatOf } from '../../storage/directory.ts'
import { faultIn } from '../../storage/expectation.ts'
import { ClickLinks } from '../send/click-link.ts'
import { longestTimer } from '../send/senders/attempts.ts'
import { pushUser } from '../send/user.ts'
import { duration } from './duration.ts'
import type { ArticleRules } from './ledger/article-intake.ts'
import type { EventRules } from './ledger/event-rules.ts'
import type { SendingOptions } from './ledger/ledger-thread.ts'
import { assertSender, resolveSender, type SecretSource, secretSchema, senderSchema } from './ledger/senders.ts'
import { type LoopSettings, loopSchema, loopSettingsOf } from './parts/loop-settings.ts'

const milliseconds = { h: 3_600_000, d: 86_400_000 } as const
const mustBeTick = {
  error: ({ input }: { readonly input?: unknown }) =>
    `must be a time of 24d at most, as 30s, got ${Math.round(Number(input) / milliseconds.h)} hours`,
}
/** Worker threads on any machine; where more run at once, as many as that. */
const mostThreads = 64

const names = z.array(z.string().min(1)).min(1)

/** The configuration of pushes, as it stands in a JSON file. Paths are relative to it. */
export const pushConfigSchema = z.strictObject({
  /** What pushes go out by; the channels of users name them. */
  senders: z
    .record(z.string().min(1).max(64), senderSchema)
    .refine(senders => Object.keys(senders).length > 0, 'must be an object with one sender at least, got none'),
  /** Where clicks are counted and redirected: an address of this server, as https://push.example.org/c. Default: clicks come as events. */
  links: z.strictObject({ base: z.url({ protocol: /^https?$/ }), secrets: z.array(secretSchema).min(1) }).optional(),
  /** Which items of the catalogue are articles, and for how long they are new. Default: all, 4h. */
  articles: z
    .strictObject({
      within: duration.default(4 * milliseconds.h),
      categories: names.optional(),
      tags: names.optional(),
    })
    .prefault({}),
  /** The kind of events that are clicks, and those that are reads. Default: push_click; all others of a weight above 0. */
  events: z
    .strictObject({ click: z.string().min(1).max(32).default('push_click'), reads: names.optional() })
    .prefault({}),
  /** How often the loop decides. */
  tick: duration.refine(ms => ms <= longestTimer, mustBeTick).default(30_000),
  /** From one push to a user to the next at least. */
  interval: duration.default(7 * milliseconds.d),
  /** The quiet hours of users who have none of their own. Default: 22:00 to 08:00. */
  quiet: z.strictObject({ from: z.string(), until: z.string() }).default({ from: '22:00', until: '08:00' }),
  /** Whether a push waits for the hour at which its user comes most, within the life of the article, where that is known. */
  bestHours: z.boolean().default(false),
  /** How long sends that have ended are kept. */
  keep: duration.default(400 * milliseconds.d),
  /** After so long all clicks on a push have come. */
  settle: duration.default(milliseconds.d),
  /** How much of the past the loop is told of when it starts. */
  replay: duration.default(3 * milliseconds.d),
  /** Whether everything is decided and recorded, and nothing sent. Default: as it was, at first false. */
  dryRun: z.boolean().optional(),
  /** What the loop decides by. */
  loop: loopSchema,
})

/** The configuration with its secrets in place. Times are in ms. */
export interface PushConfig {
  readonly sending: SendingOptions
  readonly articles: ArticleRules
  readonly events: EventRules
  readonly tick: number
  readonly interval: number
  readonly quiet?: { readonly from: string; readonly until: string } | undefined
  readonly bestHours?: boolean | undefined
  readonly keep: number
  readonly settle: number
  readonly replay: number
  readonly dryRun?: boolean | undefined
  readonly loop: LoopSettings
}

/** @throws TypeError naming the file, what in it is wrong, and what is expected. */
export function loadPushConfig(file: string, environment: NodeJS.ProcessEnv = process.env): PushConfig {
  let given: unknown
  try {
    given = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new TypeError(
      `${file} must be a JSON file with senders, as {"senders": {"log": {"type": "file", "file": "pushes.ndjson"}}}: ${(error as Error).message}`,
    )
  }
  try {
    return pushConfigOf(given, { directory: dirname(file), environment })
  } catch (error) {
    throw error instanceof TypeError ? new TypeError(`${file}: ${error.message}`) : error
  }
}

export interface ConfigContext {
  /** What paths are relative to. */
  readonly directory: string
  readonly environment: NodeJS.ProcessEnv
}

/**
 * The configuration as `push.json` has it.
 *
 * @param context the directory alone, or with the environment. Default: the one of this process, and its environment.
 * @throws TypeError naming what is wrong.
 */
export function pushConfigOf(given: unknown, context: string | Partial<ConfigContext> = {}): PushConfig {
  const { directory = '.', environment = process.env } = typeof context === 'string' ? { directory: context } : context
  const { data, error } = pushConfigSchema.safeParse(given)
  if (!data) throw new TypeError(faultIn(pushConfigSchema, given) ?? error.message)
  const { senders, links, quiet, loop, ...rest } = data
  const { articles, interval, settle, replay } = rest
  assertQuiet(quiet)
  assertThreads(loop.threads)
  const read = (source: SecretSource) => readSecret(source, directory, environment)
  const resolved = Object.entries(senders).map(([name, sender]) => {
    const placed = sender.type === 'file' ? { ...sender, file: resolve(directory, sender.file) } : sender
    const options = within(`senders.${name}`, () => resolveSender(placed, read))
    within(`senders.${name}`, () => assertSender(options))
    return [name, options] as const
  })
  const settings = loopSettingsOf(loop, { within: articles.within, interval, settle, replay, directory })
  assertModel(settings.model)
  return {
    ...rest,
    quiet,
    loop: settings,
    sending: { senders: Object.fromEntries(resolved), links: links && within('links', () => linksOf(links, read)) },
  }
}

function linksOf(
  { base, secrets }: { readonly base: string; readonly secrets: readonly SecretSource[] },
  read: (source: SecretSource) => string,
) {
  const links = { base, secrets: secrets.map(read) }
  new ClickLinks(links)
  return links
}

function assertThreads(threads: number | undefined): void {
  const most = Math.max(mostThreads, availableParallelism())
  if (threads === undefined || threads <= most) return
  throw new TypeError(
    `loop.threads must be at most ${most}, got ${threads}: leave it out for as many as the machine runs at once`,
  )
}

function assertModel(directory: string | undefined): void {
  if (directory === undefined) return
  const format = within('loop.model', () => formatOf(directory))
  if (format === 'aurochs-model') return
  throw new TypeError(
    `loop.model must be the directory of a trained model, got ${directory}, which ${format === undefined ? 'is none' : `is an ${format}`}: train it first, or leave it out`,
  )
}

function assertQuiet(quiet: object): void {
  const fault = faultIn(pushUser.shape.quiet, quiet)
  if (fault !== undefined) throw new TypeError(`quiet: ${fault}`)
}

/** What `work` gives. @throws TypeError with the name of the option before what it says. */
function within<Value>(option: string, work: () => Value): Value {
  try {
    return work()
  } catch (error) {
    throw new TypeError(`${option}: ${(error as Error).message}`)
  }
}

/** What a file or a variable holds, without space around it. */
function readSecret(source: SecretSource, directory: string, environment: NodeJS.ProcessEnv): string {
  if ('env' in source) {
    const value = environment[source.env]?.trim()
    if (value) return value
    throw new TypeError(
      `the variable ${source.env} must hold a secret, and it is ${value === undefined ? 'not set' : 'empty'}: export it`,
    )
  }
  const path = resolve(directory, source.file)
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new TypeError(`the secret in ${path} cannot be read: ${(error as Error).message}`)
  }
  if (text !== '') return text
  throw new TypeError(`${path} must hold a secret, and it is empty: write it there`)
}
