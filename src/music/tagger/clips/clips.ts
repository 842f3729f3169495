/** Sound files and what they are labelled with. */
import { mkdtemp, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type ReadRowsOptions, readRows, type SoughtColumn } from '../../../ingest/rows.ts'
import { asGiven } from '../../../storage/expectation.ts'
import { entriesOf, soundsIn } from '../../audio/sounds-in.ts'

/** Whether a clip has exactly one of the labels, or any of them. */
export type LabelKind = 'single' | 'multi'

export interface LabelledClip {
  /** Path of its sound file. */
  readonly file: string
  readonly labels: readonly string[]
  /** Clips of one group, such as an artist, are all trained on or all validated by. */
  readonly group?: string | undefined
  /** Which part of the clips it belongs to, where the source says so: `train`, `validation`; those of others are left out. */
  readonly split?: string | undefined
}

export interface LabelledClips {
  readonly clips: readonly LabelledClip[]
  /** All labels, in order. */
  readonly labels: readonly string[]
  readonly kind: LabelKind
  /** Rows of the table that were left out, where such are. */
  readonly badRows: number
  readonly firstBadRow: string | undefined
}

/** How a table of labels is read: `badRows` is `refuse` by default. */
export type ReadLabels = Partial<
  Pick<ReadRowsOptions<never, never>, 'format' | 'delimiter' | 'header' | 'badRows' | 'signal'>
>

const mostLabels = 65_536

const columns = {
  file: { names: ['file', 'path', 'filename', 'audio'], isNeeded: true, title: 'file' },
  labels: {
    names: ['labels', 'label', 'tags', 'tag', 'moods', 'mood', 'class', 'category'],
    isNeeded: true,
    title: 'labels',
  },
  group: { names: ['group', 'artist', 'source'], isNeeded: false, title: 'group' },
  split: { names: ['split', 'part', 'subset'], isNeeded: false, title: 'split' },
} as const satisfies Record<string, SoughtColumn>

/**
 * The labelled clips of a directory, each of whose folders holds sound files of the label that it is named by, at any depth; or of a table (CSV, NDJSON,
 * Parquet) with the columns `file`, relative to the table, `labels` (separated by `|`, or a JSON array), and, where there are some,
 * `group` and `split`. A file that comes in several rows has the labels of all.
 *
 * Links are followed.
 *
 * @throws RangeError saying what is missing; SourceError naming the row that cannot be used, unless such are skipped.
 */
export async function labelledClips(place: string, reading: ReadLabels = {}): Promise<LabelledClips> {
  const found = await stat(place).catch(() => undefined)
  if (!found) throw new RangeError(`${place}: expected a directory or a table of labelled sounds, got no such file`)
  const { clips, ...bad } = await (found.isDirectory() ? clipsIn(place, reading.signal) : clipsOf(place, reading))
  const labels = [...new Set(clips.flatMap(clip => clip.labels))].sort()
  if (labels.length < 2 || labels.length > mostLabels) {
    throw new RangeError(`${place}: expected 2 to ${mostLabels} labels, got ${labels.length}`)
  }
  return { clips, labels, kind: clips.every(clip => clip.labels.length === 1) ? 'single' : 'multi', ...bad }
}

type Found = Pick<LabelledClips, 'clips' | 'badRows' | 'firstBadRow'>

async function clipsIn(directory: string, signal?: AbortSignal): Promise<Found> {
  const clips: LabelledClip[] = []
  for (const { path, name, isDirectory } of await entriesOf(directory)) {
    if (!isDirectory) continue
    for (const file of await soundsIn(path, signal)) clips.push({ file, labels: [name] })
  }
  if (clips.length > 0) return { clips, badRows: 0, firstBadRow: undefined }
  throw new RangeError(
    `${directory}: expected a folder of sound files for each label, got none; or name a table with the columns file and labels`,
  )
}

async function clipsOf(
  table: string,
  { signal = new AbortController().signal, badRows = 'refuse', ...reading }: ReadLabels,
): Promise<Found> {
  const byFile = new Map<string, { labels: Set<string>; group?: string | undefined; split?: string | undefined }>()
  const folder = await mkdtemp(join(tmpdir(), 'aurochs-labels-'))
  const rows = readRows({ ...reading, sources: [table], columns, folder, badRows, signal, parse: rowOf })
  let bad: Pick<Found, 'badRows' | 'firstBadRow'> = { badRows: 0, firstBadRow: undefined }
  for await (const { rows: some, badRows, firstBadRow } of rows) {
    bad = { badRows, firstBadRow }
    for (const { file, labels, group, split } of some) {
      const path = resolve(dirname(table), file)
      const clip = byFile.get(path) ?? { labels: new Set<string>(), group, split }
      for (const label of labels) clip.labels.add(label)
      byFile.set(path, clip)
    }
  }
  const clips = [...byFile].map(([file, { labels, ...rest }]) => ({ file, labels: [...labels], ...rest }))
  if (clips.length > 0) return { clips, ...bad }
  const left =
    bad.badRows > 0
      ? `; ${bad.badRows} bad row${bad.badRows === 1 ? ' was' : 's were'} left out, the first: ${bad.firstBadRow}`
      : ''
  throw new RangeError(`${table}: expected rows of sound files and their labels, got none${left}`)
}

type Texts = { readonly [Name in keyof typeof columns]?: string | null }

function rowOf({ file, labels, group, split }: Texts) {
  if (!file) throw new Error('file: expected the path of a sound file, got nothing')
  const list = labelsIn(labels ?? '')
  if (list.length === 0) throw new Error('labels: expected at least one label, got none')
  return { file, labels: list, group: group ?? undefined, split: split ?? undefined }
}

function labelsIn(text: string): string[] {
  const list: unknown = text.startsWith('[') ? parsed(text) : text.split('|')
  if (!Array.isArray(list) || !list.every(label => typeof label === 'string')) {
    throw new Error(`labels: expected labels separated by | or an array of them, got ${asGiven(text.slice(0, 60))}`)
  }
  return list.map((label: string) => label.trim()).filter(label => label !== '')
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
