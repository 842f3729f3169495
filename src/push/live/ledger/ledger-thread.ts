/**
 * The thread of the push ledger: SQLite blocks while the disk writes, and neither the server nor the loop should wait for that. The senders are
 * here, too, beside what they confirm.
 */
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadReady } from '../../../events/restarting-thread.ts'
import { fileIdentity } from '../../../storage/file-identity.ts'
import { namedError } from '../../../storage/sqlite-errors.ts'
import { ClickLinks } from '../../send/click-link.ts'
import { Dispatcher } from '../../send/dispatcher.ts'
import type { Outgoing } from '../../send/senders/sender.ts'
import { ledgerName, pushFile } from '../../send/tables/schema.ts'
import { LiveLedger, type LiveLedgerOptions } from './live-ledger.ts'
import { openSenders, type SenderOptions } from './senders.ts'
import { SendingReport } from './sending-report.ts'

/** Methods of the ledger that the thread carries out, and what its senders report. */
export type LedgerMethods = Omit<LiveLedger, 'close' | 'directory' | 'interval'> & {
  /** What the senders did since it was last asked for. */
  takeSendingReport(): SendingReport
}

export interface LedgerRequest {
  readonly method: string
  readonly args: readonly unknown[]
}

/** `kind`: of errors that are a caller's mistake. */
export type LedgerResponse =
  | { readonly result: unknown }
  | { readonly failure: string; readonly kind: 'TypeError' | 'RangeError' | 'Error' }

export interface LedgerThreadData {
  readonly state: string
  readonly ledger: LiveLedgerOptions
  /** What pushes go out by. None: they are not sent here, and another process may send them. */
  readonly sending?: SendingOptions | undefined
  /** Of the file that must be there, where one was there before. */
  readonly identity?: string | undefined
}

export interface SendingOptions {
  readonly senders: Readonly<Record<string, SenderOptions>>
  readonly links?: { readonly base: string; readonly secrets: readonly string[] } | undefined
  readonly batchSize?: number | undefined
  readonly poll?: number | undefined
  readonly grace?: number | undefined
}

/** What the thread finds when it opens the ledger. */
export interface LedgerFound {
  readonly identity: string | undefined
}

const { state, ledger: options, sending, identity } = workerData as LedgerThreadData
const port = parentPort!
const file = join(state, pushFile)
/** Methods after which pushes may be due. */
const reserving: ReadonlySet<string> = new Set(['reservePlanned', 'sendTest', 'pauseAll', 'pause', 'dryRun'])

try {
  if (identity !== undefined) assertInPlace(identity)
  const ledger = LiveLedger.open(
    state,
    sending ? Object.assign({}, options, { senders: Object.keys(sending.senders) }) : options,
  )
  if (sending) ledger.keepSettings()
  const report = new SendingReport()
  const dispatcher = sending && dispatch(ledger, sending, report)
  const own = fileIdentity(file)
  port.on('message', (request: LedgerRequest | 'close') => {
    if (request === 'close') {
      void close(ledger, dispatcher)
      return
    }
    port.postMessage(answer(ledger, own, report, request))
    if (reserving.has(request.method)) dispatcher?.wake()
  })
  port.postMessage({ found: { identity: own } } satisfies ThreadReady<LedgerFound>)
} catch (error) {
  port.postMessage({ failure: (error as Error).message } satisfies ThreadReady<LedgerFound>)
  port.close()
}

function dispatch(ledger: LiveLedger, { senders, links: link, ...rest }: SendingOptions, report: SendingReport) {
  const links = link && new ClickLinks(link)
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined))
  return Dispatcher.start(ledger, {
    ...given,
    senders: openSenders(senders),
    ...(links && { linkOf: (push: Outgoing) => push.url && links.make({ send: push.id, target: push.url }) }),
    onConfirmed: (sender, confirmed) => report.confirm(sender, confirmed),
    onError: error => report.fail(error),
  })
}

function answer(
  ledger: LiveLedger,
  own: string | undefined,
  report: SendingReport,
  { method, args }: LedgerRequest,
): LedgerResponse {
  try {
    assertInPlace(own)
    if (method === 'takeSendingReport')
      return { result: Object.assign(report.take(), { unknownSenders: ledger.takeUnknownSenders() }) }
    const result = (ledger as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[method]!(...args)
    // What was written to a file that is not there any more is not on disk for anybody.
    assertInPlace(own)
    return { result }
  } catch (thrown) {
    const error = namedError(thrown, ledgerName(state))
    const kind = error instanceof TypeError ? 'TypeError' : error instanceof RangeError ? 'RangeError' : 'Error'
    return { failure: (error as Error).message, kind }
  }
}

async function close(ledger: LiveLedger, dispatcher: Dispatcher | undefined): Promise<void> {
  try {
    await dispatcher?.stop()
  } finally {
    ledger.close()
    port.close()
  }
}

/** @throws Error when the file was removed or replaced. */
function assertInPlace(known: string | undefined): void {
  if (fileIdentity(file) === known) return
  throw new Error(`${file} was removed or replaced while it was in use: put the state back, or start again`)
}
