/** What the ledger and the journal of a state have, as an analysis takes it: read only, while a server may write. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { eventsFile, eventsFormat } from '../../../events/schema.ts'
import { openReadOnly } from '../../../storage/sqlite.ts'
import { namedError } from '../../../storage/sqlite-errors.ts'
import { keptSettings } from '../../send/tables/kept-settings.ts'
import { ledgerName, pushFile, pushFormat } from '../../send/tables/schema.ts'
import { analyse } from '../analyse.ts'
import type { PushAnalysis } from '../analysis.ts'
import { week } from '../tally.ts'
import { articlesOf, segmentsOf } from './articles.ts'
import { dryRunOf } from './dry-run.ts'
import { holdOutsOf, type Range, sendsOf } from './sends.ts'
import { visitsOf, weeklyActiveOf } from './visits.ts'

const day = 86_400_000

export interface StoredPushesOptions {
  /** From so many days before now on. Default: 28. */
  readonly days?: number | undefined
  /** In ms since 1970. Default: by the clock. */
  readonly now?: number | undefined
  /** IANA zone of hours and days. Default: UTC. */
  readonly zone?: string | undefined
}

/**
 * Analyses the pushes of the state in a directory, as they are at one moment.
 *
 * @throws Error when there is no ledger, or it is of another version.
 */
export async function analyseStored(
  state: string,
  { days = 28, now = Date.now(), zone }: StoredPushesOptions = {},
): Promise<PushAnalysis> {
  const ledger = openReadOnly(join(state, pushFile), pushFormat)
  try {
    // All that follows sees the file as it is now.
    ledger.exec('BEGIN')
    const hasJournal = attachJournal(ledger, join(state, eventsFile))
    const interval = keptSettings(ledger).interval ?? week
    const range: Range = { from: now - days * day, now, interval }
    const { articles, placeOf } = articlesOf(ledger, range, state)
    const analysis = await analyse({
      ...range,
      zone,
      articles,
      segments: segmentsOf(ledger),
      sends: sendsOf(ledger, placeOf, range),
      holdOuts: holdOutsOf(ledger, placeOf, range),
      visits: visitsOf(ledger, range, hasJournal),
      weeklyActive: hasJournal ? weeklyActiveOf(ledger, range) : undefined,
    })
    const dryRun = dryRunOf(ledger, range)
    return dryRun ? Object.assign({}, analysis, { dryRun }) : analysis
  } catch (error) {
    throw namedError(error, ledgerName(state))
  } finally {
    ledger.close()
  }
}

/** Whether there is a journal: its tables are then those of `journal`. */
function attachJournal(ledger: DatabaseSync, file: string): boolean {
  if (!existsSync(file)) return false
  // Checks that it is one.
  openReadOnly(file, eventsFormat).close()
  ledger.exec('COMMIT')
  ledger.prepare('ATTACH ? AS journal').run(file)
  ledger.exec('BEGIN')
  return true
}
