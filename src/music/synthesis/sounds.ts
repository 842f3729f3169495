import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Pool, workerModuleUrl } from '../../parallel/pool.ts'
import { assertWholeNumber } from '../../storage/whole-number.ts'
import type { SongPlan } from './songs.ts'

export interface SoundOptions {
  readonly pool: Pool
  /** Samples a second, from 8,000 to 192,000. Default: 22,050. */
  readonly rate?: number
  readonly signal?: AbortSignal
  /** How many of the songs are written. */
  readonly onProgress?: (written: number) => void
}

/** The file of a song in `folder`. */
export function soundFile(folder: string, { id }: Pick<SongPlan, 'id'>): string {
  return join(folder, `${id}.wav`)
}

/**
 * Writes the sound of each song into `folder`, as 16-bit wav of one channel, on the workers of `pool`. The bytes depend on the
 * songs and the rate alone. Once `signal` is aborted no further one is begun.
 *
 * @throws RangeError for the rate; the reason of `signal`; Error where a file cannot be written.
 */
export async function writeSounds(
  songs: readonly SongPlan[],
  folder: string,
  { pool, rate = 22_050, signal, onProgress }: SoundOptions,
): Promise<void> {
  assertWholeNumber('rate', rate, 8000, 192_000)
  await mkdir(folder, { recursive: true })
  const module = workerModuleUrl('./sound/jobs', import.meta.url)
  const waiting = [...songs]
  let written = 0
  const writeNext = async (): Promise<void> => {
    for (let song = waiting.shift(); song; song = waiting.shift()) {
      await pool.run(module, 'writeSound', { song, path: soundFile(folder, song), rate }, signal)
      written++
      onProgress?.(written)
    }
  }
  // Two jobs a worker: it has the next one as soon as it ends one.
  await Promise.all(Array.from({ length: 2 * pool.threads }, writeNext))
}
