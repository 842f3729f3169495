import { randomNumbers, shuffled } from '../../../storage/random.ts'
import type { LabelledClip } from './clips.ts'

/** Rows of clips. */
export interface TaggerSplit {
  readonly training: readonly number[]
  readonly validation: readonly number[]
}

/**
 * The split that the clips name (`train`, `validation`; others are left out), or else a validation part of about `share` of the clips of each
 * label, groups of clips kept whole. The same for the same seed.
 */
export function splitClips(clips: readonly LabelledClip[], share: number, seed: number): TaggerSplit {
  const rows = clips.map((_, row) => row)
  const named = rows.filter(row => clips[row]!.split !== undefined)
  if (named.length > 0) {
    const of = (...names: readonly string[]) => rows.filter(row => names.includes(clips[row]!.split ?? ''))
    return { training: of('train', 'training'), validation: of('validation', 'valid', 'val', 'dev') }
  }
  const wanted = new Map<string, number>()
  for (const { labels } of clips) for (const label of labels) wanted.set(label, (wanted.get(label) ?? 0) + share)
  const groups = new Map<string, number[]>()
  for (const row of rows) {
    const group = clips[row]!.group === undefined ? `row ${row}` : `group ${clips[row]!.group}`
    const own = groups.get(group)
    if (own) own.push(row)
    else groups.set(group, [row])
  }
  const validation = new Set<number>()
  for (const own of shuffled([...groups.values()], randomNumbers(seed))) {
    const labels = own.flatMap(row => clips[row]!.labels)
    // At least half of what it brings must be wanted.
    const missing = labels.filter(label => wanted.get(label)! >= 0.5)
    if (missing.length * 2 < labels.length || missing.length === 0) continue
    for (const row of own) validation.add(row)
    for (const label of labels) wanted.set(label, wanted.get(label)! - 1)
  }
  return {
    training: rows.filter(row => !validation.has(row)),
    validation: rows.filter(row => validation.has(row)),
  }
}
