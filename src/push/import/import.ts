import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withCatalogue } from '../../catalogue/idle-catalogue.ts'
import { eventsFile } from '../../events/schema.ts'
import { EventStore, steadyTime } from '../../events/store.ts'
import { type ReadRowsOptions, readRows } from '../../ingest/rows.ts'
import { withLockedStore } from '../../storage/directory-lock.ts'
import { asGiven, faultIn } from '../../storage/expectation.ts'
import { PushLedger } from '../send/ledger.ts'
import { type PushUser, pushUser } from '../send/user.ts'
import { eventOf, type PastVisit, type PushFileKind, pushColumns, pushRows, soughtColumns } from './columns.ts'

export interface ImportPushOptions
  extends Partial<Pick<ReadRowsOptions<string, unknown>, 'format' | 'delimiter' | 'header' | 'badRows' | 'signal'>> {
  readonly state: string
  readonly kind: PushFileKind
  /** Files and globs, or `-` for standard input. */
  readonly sources: readonly string[]
  /** For what must be written meanwhile; it goes at the end. Default: a fresh one among those for temporary files. */
  readonly folder?: string | undefined
  readonly onRows?: (rows: number) => void
}

type FilledOptions = ImportPushOptions & Pick<ReadRowsOptions<string, unknown>, 'badRows' | 'signal' | 'folder'>

export interface ImportedPushes {
  readonly rows: number
  /** Rows that say what was known: of articles and users, those of one that comes again later. */
  readonly duplicates: number
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

const pushFileKinds = Object.keys(pushColumns) as PushFileKind[]

/** Keeps some rows; gives how many of them were known. */
type Keep<Row> = (rows: readonly Row[]) => number

/**
 * Keeps what files say of users, articles, visits or pushes in the state. Users who are not known are added, without an address. Times in
 * the future are taken for now, but for articles, which appear then.
 *
 * @throws as `readRows`, and Error where a server uses the state (articles, and visits with articles).
 */
export async function importPushes(given: ImportPushOptions): Promise<ImportedPushes> {
  const { kind, state } = given
  if (!pushFileKinds.includes(kind)) {
    throw new TypeError(`kind must be one of ${pushFileKinds.join(', ')}, got ${asGiven(kind)}`)
  }
  const folder = given.folder ?? (await mkdtemp(join(tmpdir(), 'aurochs-push-')))
  const { badRows = 'fail', signal = new AbortController().signal } = given
  const options: FilledOptions = Object.assign({}, given, { folder, badRows, signal })
  const now = steadyTime()
  switch (kind) {
    case 'articles':
      return withCatalogue(state, store =>
        keepAll(
          options,
          pushRows.articles,
          rows => {
            store.patch(rows)
            return 0
          },
          ({ id }) => id,
        ),
      )
    case 'users':
      return withLedger(state, ledger =>
        keepAll(
          options,
          texts => checkedUser(pushRows.users(texts, now)),
          rows => {
            ledger.putUsers(rows.map(withoutOptIn), now)
            return 0
          },
          ({ id }) => id,
        ),
      )
    case 'pushes':
      return withLedger(state, ledger =>
        keepAll(
          options,
          texts => pushRows.pushes(texts, now),
          rows => ledger.keepPastPushes(rows, now).duplicates,
        ),
      )
    case 'visits':
      return withLedger(state, ledger =>
        withJournal(state, journal =>
          keepAll(options, texts => pushRows.visits(texts, now), visitKeeper(ledger, journal, now)),
        ),
      )
  }
}

async function keepAll<Field extends string, Row>(
  { kind, onRows = () => {}, ...options }: FilledOptions,
  parse: (texts: { readonly [Name in Field]?: string | null }) => Row,
  keep: Keep<Row>,
  idOf?: (row: Row) => string,
): Promise<ImportedPushes> {
  const ids = new Set<string>()
  let [rows, duplicates, badRows, firstBadRow] = [0, 0, 0, undefined as string | undefined]
  const columns = soughtColumns(kind) as unknown as ReadRowsOptions<Field, Row>['columns']
  for await (const read of readRows<Field, Row>({ ...options, columns, parse })) {
    if (read.rows.length > 0) duplicates += keep(read.rows)
    rows += read.rows.length
    if (idOf) for (const row of read.rows) ids.add(idOf(row))
    ;[badRows, firstBadRow] = [read.badRows, read.firstBadRow]
    onRows(rows)
  }
  return { rows, duplicates: idOf ? rows - ids.size : duplicates, badRows, firstBadRow }
}

/** Reads become events of the journal; visits of nothing in particular are noted in the ledger. */
function visitKeeper(ledger: PushLedger, journal: EventStore, now: number): Keep<PastVisit> {
  return rows => {
    const reads = rows.filter(visit => visit.article !== undefined) as (PastVisit & { readonly article: string })[]
    const visits = rows.filter(({ article }) => article === undefined)
    const positions = journal.record(
      reads.map(eventOf),
      reads.map(() => now),
    )
    ledger.putUsers(
      visits.map(({ user: id, time: lastVisit }) => ({ id, lastVisit })),
      now,
    )
    ledger.recordVisits(visits, now)
    return positions.filter(position => position === 0).length
  }
}

/** A file is older than what users did since: that it has no opt-out of a user clears none. */
function withoutOptIn({ optedOut, ...user }: PushUser): PushUser {
  return optedOut === true ? { ...user, optedOut } : user
}

/** @throws Error naming the column. */
function checkedUser(user: PushUser): PushUser {
  const fault = faultIn(pushUser, user)
  if (fault === undefined) return user
  throw new Error(fault)
}

async function withLedger<Result>(state: string, work: (ledger: PushLedger) => Promise<Result>): Promise<Result> {
  const ledger = PushLedger.open(state)
  try {
    return await work(ledger)
  } finally {
    ledger.close()
  }
}

function withJournal<Result>(state: string, work: (store: EventStore) => Promise<Result>): Promise<Result> {
  return withLockedStore(state, () => new EventStore(join(state, eventsFile)), work)
}
