import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TaggerOptions } from '../../../src/music/tagger/options.ts'
import { freshFolder } from '../../storage/folder.ts'
import { tone, wav } from '../wav.ts'

const rate = 16_000

/** Tones of 0.5 s that are low, high, or both at once; each a little different. */
export function sound(kind: 'low' | 'high' | 'both', number: number): Float32Array {
  const [low, high] = [tone(0.5, 200 + 7 * number, rate), tone(0.5, 2000 + 70 * number, rate)]
  if (kind === 'both') return low.map((sample, at) => (sample + high[at]!) / 2)
  return kind === 'low' ? low : high
}

/** A directory with folders `high` and `low`, each of `count` sounds. */
export function soundFolders(count: number): string {
  const folder = freshFolder()
  for (const kind of ['low', 'high'] as const) {
    mkdirSync(join(folder, kind))
    for (let number = 0; number < count; number++) {
      writeFileSync(join(folder, kind, `${number}.wav`), wav(sound(kind, number)))
    }
  }
  return folder
}

/** A table of `count` sounds that are low, high, and both, beside them. */
export function soundTable(count: number): string {
  const folder = freshFolder()
  const rows = (['low', 'high', 'both'] as const).flatMap(kind =>
    Array.from({ length: count }, (_, number) => {
      const file = `${kind}-${number}.wav`
      writeFileSync(join(folder, file), wav(sound(kind, number)))
      return `${file},${kind === 'both' ? 'low|high' : kind}`
    }),
  )
  const table = join(folder, 'labels.csv')
  writeFileSync(table, `file,labels\n${rows.join('\n')}\n`)
  return table
}

/** Options that suit such sounds. */
export const small = {
  width: 16,
  blocks: 2,
  embedding: 16,
  frames: 16,
  batch: 8,
  shard: 4,
  epochs: 20,
  rate: 0.003,
  mixup: 0,
  pitch: 0,
  stretch: 0,
  maskedBands: 0,
  dropout: 0,
} satisfies Partial<TaggerOptions>
