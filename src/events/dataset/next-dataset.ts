/** From a dataset and the events of a journal to the next dataset: the loop from what is served to what is learned. */
import { join } from 'node:path'
import { transposedParts } from '../../ingest/transpose.ts'
import { boundsOf, transposedAtOnce, writeCsr } from '../../ingest/write.ts'
import { MappedCsr } from '../../storage/csr.ts'
import { type Dataset, type DatasetManifest, datasetFiles, manifestOf } from '../../storage/dataset.ts'
import { writeDirectory } from '../../storage/directory.ts'
import { type Id, type IdMap, writeIds } from '../../storage/ids.ts'
import { SafetensorsWriter } from '../../storage/safetensors.ts'
import { type Sequences, sequencesLayout } from '../../storage/sequences.ts'
import { tagsOfUsers, writeUserTags } from '../../storage/user-tags.ts'
import { EventReader } from '../reader.ts'
import { mergedPairs } from './merged-pairs.ts'
import { type MergedKinds, MergedSequences, mergedKinds } from './merged-sequences.ts'
import { type JournalPart, readJournal } from './new-events.ts'
import { Numbering } from './numbering.ts'
import { appendedRows, changesOf, type PairChanges, type Rows, sumByPair } from './pair-sums.ts'

export interface NextDatasetOptions {
  /** Directory of the events, which a server may use meanwhile. */
  readonly state: string
  /** The next dataset's directory. */
  readonly out: string
  /** Take the place of a dataset at `out`, which may be the one that is extended. Default: refuse. */
  readonly replace?: boolean | undefined
  /**
   * In ms since 1970: events that arrived before it are part of the dataset, though it does not say so. Only for a dataset that
   * has no events of the journal yet. Default: 0.
   */
  readonly since?: number | undefined
  /** Aborting ends it: nothing remains and the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: NextDatasetProgress) => void) | undefined
}

export interface NextDatasetProgress {
  readonly stage: 'reading events' | 'writing pairs'
  /** Share of the stage, 0 to 1. */
  readonly done: number
}

export interface NextDataset {
  readonly manifest: DatasetManifest
  /** Events that were read, undos and what they took back included. */
  readonly events: number
  readonly newUsers: number
  readonly newItems: number
  /** Whose ids were integers and are text now, since a new one is no integer. */
  readonly becameText: readonly ('users' | 'items')[]
}

/**
 * Writes the dataset that has, beside all of `dataset`, the events of the journal that came after those it has. Its users and
 * items keep their rows; new ones that have pairs are appended. Weights add up, undos and weights below 0 lower a sum, and a
 * pair whose sum is not above 0 is left out: it begins anew, whatever its sum was. The manifest says up to which position it has the journal, so that
 * nothing is counted twice.
 *
 * The new events must fit in memory, at 48 bytes each, and so must the ids.
 *
 * @throws Error when events are missing that were removed from the journal, when `out` exists, or the disk is full. Nothing
 *   then remains on disk.
 */
export async function writeNextDataset(dataset: Dataset, options: NextDatasetOptions): Promise<NextDataset> {
  const { state, out, replace = false, since = 0, signal, onProgress } = options
  const reader = new EventReader(state)
  try {
    const after = dataset.manifest.journals?.[reader.journal] ?? (since > 0 ? reader.positionBefore(since) : 0)
    assertSums(dataset)
    assertWhole(reader, dataset, after, state)
    const upTo = Math.max(after, reader.newest)
    const users = new Numbering(dataset.users)
    const items = new Numbering(dataset.items)
    const onRead = (read: number) => onProgress?.({ stage: 'reading events', done: read / Math.max(1, upTo - after) })
    const part = await readJournal(reader, users, items, { after, upTo, signal, onRead })
    const sums = sumByPair(part, users, items)
    const rows = appendedRows(sums, users, items)
    const journals = { ...dataset.manifest.journals, [reader.journal]: upTo }
    const changes = changesOf(sums, rows.users, rows.items)
    const writing: Writing = {
      dataset,
      part,
      changes,
      ...rows,
      journals,
      ids: { users, items },
    }
    const onPairs = (done: number) => onProgress?.({ stage: 'writing pairs', done })
    const manifest = await writeDirectory(out, draft => fill(draft, writing, onPairs, signal), { replace })
    const [newUsers, newItems] = [rows.users.added.length, rows.items.added.length]
    const becameText = (['users', 'items'] as const).filter(side => {
      return dataset[side].kind === 'integer' && idsOf(side, writing).some(id => !isInteger(id))
    })
    return { manifest, events: part.read, newUsers, newItems, becameText }
  } finally {
    reader.close()
  }
}

/** @throws Error where the pairs are no sums: events add up, in lists as in the next dataset. */
function assertSums({ directory, manifest }: Dataset): void {
  const { duplicates = 'sum' } = (manifest.options ?? {}) as { readonly duplicates?: string }
  if (duplicates === 'sum' || duplicates === 'count') return
  throw new Error(
    `${directory} was imported with --duplicates ${duplicates}, and events add up: import it with --duplicates sum or count to extend it`,
  )
}

/** @throws Error where the journal lacks events that the dataset does not have. */
function assertWhole(reader: EventReader, dataset: Dataset, after: number, state: string): void {
  if (reader.removed <= after) return
  throw new Error(
    `the events of ${state} up to position ${reader.removed} were removed, and ${dataset.directory} has them only up to ` +
      `position ${after}: extend the dataset that has them`,
  )
}

interface Writing {
  readonly dataset: Dataset
  readonly part: JournalPart
  readonly changes: PairChanges
  readonly users: Rows
  readonly items: Rows
  readonly journals: Readonly<Record<string, number>>
  readonly ids: { readonly users: Numbering; readonly items: Numbering }
}

async function fill(
  draft: string,
  writing: Writing,
  onPairs: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<Omit<DatasetManifest, 'files'>> {
  const { dataset, part, users, items, journals, ids } = writing
  const path = (file: keyof typeof datasetFiles) => join(draft, datasetFiles[file])
  await writeIds(path('users'), extended(dataset.users, ids.users, users))
  await writeIds(path('items'), extended(dataset.items, ids.items, items))
  const kinds = mergedKinds(dataset.manifest.kinds, part.kindNames)
  const events = dataset.events && (await writeSequences(path('events'), dataset.events, writing, kinds))
  signal?.throwIfAborted()
  const pairs = await writePairs(path, writing, onPairs, signal)
  const userTags = dataset.tags && (await writeExtendedTags(draft, dataset.tags, users))
  dataset.assertInPlace()
  return manifestOf({
    users: users.former + users.added.length,
    items: items.former + items.added.length,
    pairs,
    events,
    kinds: events === undefined ? undefined : kinds.names,
    journals,
    userTags,
    source: dataset.manifest.source,
    options: dataset.manifest.options,
  })
}

/** Writes the tags of the former users; new ones have none. */
function writeExtendedTags(draft: string, tags: NonNullable<Dataset['tags']>, { former, added }: Rows) {
  const count = former + added.length
  const rows = Int32Array.from({ length: count }, (_, row) => (row < former ? row : -1))
  return writeUserTags(draft, count, tagsOfUsers(tags, rows))
}

/** The ids that are new to one side. */
function idsOf(side: 'users' | 'items', { ids, ...rows }: Writing): string[] {
  return rows[side].added.map(number => ids[side].idOf(number))
}

/** The ids of all rows. They stay integers only where the new ones are. */
function extended(ids: IdMap, numbering: Numbering, { former, added }: Rows): readonly Id[] {
  const old = Array.from({ length: former }, (_, row) => ids.at(row))
  const names = added.map(number => numbering.idOf(number))
  if (ids.kind === 'integer' && names.every(isInteger)) return [...old, ...names.map(BigInt)]
  return [...old.map(String), ...names]
}

function isInteger(id: string): boolean {
  return /^(0|-?[1-9]\d{0,18})$/.test(id) && BigInt.asIntN(64, BigInt(id)) === BigInt(id)
}

/** Writes the pairs both ways; gives how many there are. */
async function writePairs(
  path: (file: keyof typeof datasetFiles) => string,
  { dataset, changes, users, items }: Writing,
  onPairs: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<number> {
  const perUser = new Float64Array(users.former + users.added.length)
  const perItem = new Float64Array(items.former + items.added.length)
  let row = 0
  // Merged twice, which costs less than to keep all pairs.
  for (const { indices, counts } of mergedPairs(dataset.byUser, changes)) {
    for (const count of counts) perUser[row++] = count
    for (const item of indices) perItem[item]! += 1
  }
  const bounds = boundsOf(perUser)
  const pairs = Number(bounds.at(-1))
  if (pairs === 0) throw new Error('no pair is left: all were taken back')
  let written = 0
  const count = (more: number) => {
    signal?.throwIfAborted()
    written += more
    onPairs(written / (2 * pairs))
  }
  await writeCsr(path('byUser'), bounds, mergedPairs(dataset.byUser, changes), count)
  const byUser = MappedCsr.open(path('byUser'), perItem.length)
  try {
    const itemBounds = boundsOf(perItem)
    await writeCsr(path('byItem'), itemBounds, transposedParts(byUser, itemBounds, transposedAtOnce), count)
  } finally {
    byUser.close()
  }
  return pairs
}

/** Writes the ordered events; gives how many there are. */
async function writeSequences(
  path: string,
  former: Sequences,
  { part, users, items, ids }: Writing,
  kinds: MergedKinds,
): Promise<number> {
  const merged = new MergedSequences(former, part, { users, items }, kinds, item => ids.items.numbersOf([item])[0]!)
  const perUser = new Float64Array(users.former + users.added.length)
  let row = 0
  for (const { counts } of merged.rows()) for (const count of counts) perUser[row++] = count
  const indptr = boundsOf(perUser)
  const events = Number(indptr.at(-1))
  const { hasWeights } = merged
  const layout = sequencesLayout(indptr.length - 1, events, { hasWeights, hasKinds: kinds.names !== undefined })
  const file = await SafetensorsWriter.create(path, layout)
  try {
    await file.append('indptr', indptr)
    for (const part of merged.rows()) {
      await file.append('items', part.items)
      await file.append('times', part.times)
      if (hasWeights) await file.append('weights', part.weights)
      if (kinds.names) await file.append('kinds', part.kinds)
    }
    await file.finish()
  } finally {
    await file.close()
  }
  return events
}
