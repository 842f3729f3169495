import { ServiceError } from '../../protocol/errors.ts'
import type { pushMethods } from '../../protocol/push-methods.ts'
import type { PushAnalysis } from '../../push/analyse/analysis.ts'
import { Analyses } from '../../push/analyse/stored/analyses.ts'
import type { PushEngine } from '../../push/live/engine.ts'
import { PushStorageError } from '../../push/live/ledger/ledger-proxy.ts'
import type { Handlers } from '../handler.ts'
import { withoutUndefined } from '../without-undefined.ts'

const week = 7 * 86_400_000

/** The methods of content push; `engine` gives what runs the pushes of this server, if anything does. */
export function pushHandlers(engine: () => PushEngine | undefined): Handlers<keyof typeof pushMethods> {
  let analyses: Analyses | undefined
  /** @throws {ServiceError} saying what the ledger refuses. */
  async function ask<Result>(work: (engine: PushEngine) => Promise<unknown>): Promise<Result> {
    const running = engine()
    if (!running) {
      throw new ServiceError(
        'unsupported',
        'this server sends no pushes: start it with --push FILE, the configuration of pushes',
      )
    }
    try {
      return withoutUndefined(await work(running)) as Result
    } catch (error) {
      if (error instanceof PushStorageError) throw new ServiceError('storage_failed', error.message)
      if (error instanceof TypeError || error instanceof RangeError)
        throw new ServiceError('bad_message', error.message)
      throw error
    }
  }
  return {
    push_put_users: ({ users }) =>
      ask(async ({ ledger }) => {
        await ledger.call('putUsers', users)
        return { users: new Set(users.map(({ id }) => id)).size }
      }),
    push_opt_out: ({ user, optedOut }) =>
      ask(async ({ ledger }) => {
        await ledger.call('optOut', [user], optedOut)
        return { user, optedOut }
      }),
    push_click: ({ user, article, send, time = Date.now() }) =>
      ask(async ({ ledger }) => {
        const of = send === undefined ? { article: article! } : { send }
        return { status: await ledger.call('clickOf', { user, time, ...of }) }
      }),
    push_pause: ({ article }) =>
      ask(async ({ ledger }) => {
        await (article === undefined ? ledger.call('pauseAll') : ledger.call('pause', article))
        return { paused: true }
      }),
    push_resume: ({ article }) =>
      ask(async ({ ledger }) => {
        await (article === undefined ? ledger.call('pauseAll', false) : ledger.call('pause', article, false))
        return { paused: false }
      }),
    push_dry_run: ({ on }) =>
      ask(async ({ ledger }) => {
        await ledger.call('dryRun', on)
        return { dryRun: on }
      }),
    push_status: ({ reasons, ...query }) =>
      ask(async ({ ledger, users }) => {
        const page = await ledger.call('statusPage', query)
        const sends = reasons ? await ledger.call('sendsByReason', Date.now() - week) : undefined
        return { ...page, users, sends }
      }),
    push_why: ({ user, article }) => ask(({ ledger }) => ledger.call('why', user, article)),
    push_test: ({ article, users, title, text }) =>
      ask(({ ledger }) => ledger.call('sendTest', article, users, text ?? title)),
    push_decisions: query => ask(async ({ ledger }) => ({ decisions: await ledger.call('decisions', query) })),
    push_analysis: ({ days, limit }) =>
      ask(async ({ state }) => {
        analyses ??= new Analyses(state)
        return latest(await analyses.of(days), limit)
      }),
    push_report: page => ask(async ({ ledger }) => ({ campaigns: await ledger.call('reportPage', page) })),
  }
}

/** With so many of its articles: those pushed last. */
function latest(analysis: PushAnalysis, limit: number): PushAnalysis {
  const articles = analysis.articles.toSorted((a, b) => (b.lastSent ?? 0) - (a.lastSent ?? 0)).slice(0, limit)
  return Object.assign({}, analysis, { articles })
}
