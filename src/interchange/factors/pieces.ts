/** Files written piece by piece. */
import { open } from 'node:fs/promises'
import type { IdMap } from '../../storage/ids.ts'

const bytesAtOnce = 1 << 26
const idsAtOnce = 65_536

/** Writes the bytes of `arrays`, one after the other, to a new file at `path`. */
export async function writePieces(path: string, arrays: readonly ArrayBufferView[]): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (const { buffer, byteOffset, byteLength } of arrays) {
      for (let at = 0; at < byteLength; ) {
        const length = Math.min(bytesAtOnce, byteLength - at)
        at += (await file.write(new Uint8Array(buffer, byteOffset + at, length))).bytesWritten
      }
    }
  } finally {
    await file.close()
  }
}

/**
 * Writes `ids` to a new file at `path`, a line each.
 *
 * @throws Error naming an id that has a line break in it.
 */
export async function writeTextIds(path: string, ids: IdMap, side: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    for (let first = 0; first < ids.size; first += idsAtOnce) {
      const length = Math.min(idsAtOnce, ids.size - first)
      const piece = Array.from({ length }, (_, at) => String(ids.at(first + at)))
      const broken = piece.find(id => /[\r\n]/.test(id))
      if (broken !== undefined) {
        throw new Error(
          `ids of ${side} must have no line breaks to be written a line each, but there is ${JSON.stringify(broken)}: export to parquet`,
        )
      }
      await file.write(`${piece.join('\n')}\n`)
    }
  } finally {
    await file.close()
  }
}
