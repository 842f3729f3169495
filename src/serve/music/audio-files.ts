import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises'
import { resolve, sep } from 'node:path'
import { soundTypeOf } from '../../music/audio/sound-types.ts'
import { ServiceError } from '../../protocol/errors.ts'

/** A sound file, open: to be closed by who asked for it. */
export interface AudioFile {
  readonly handle: FileHandle
  readonly type: string
  /** Bytes. */
  readonly size: number
  /** Names the content. */
  readonly etag: string
}

/**
 * Opens `file`, which is below `root`: absolute, or from there.
 *
 * @throws {ServiceError} `not_found` where there is none, it leads out of `root`, also by links, or is no sound file by its name.
 */
export async function openAudio(root: string, file: string): Promise<AudioFile> {
  const missing = new ServiceError(
    'not_found',
    'the sound file of this song is not among those that the server may send',
  )
  const type = soundTypeOf(file)
  if (type === undefined || file.includes('\0')) throw missing
  let handle: FileHandle | undefined
  try {
    const base = await realpath(root)
    const path = resolve(base, file)
    // A pipe must not hold up whoever opens it.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const found = await handle.stat({ bigint: true })
    if (!found.isFile()) throw missing
    const place = await placeOf(handle, path, found)
    if (!place?.startsWith(base.endsWith(sep) ? base : base + sep)) throw missing
    const { size, mtimeMs } = found
    return { handle, type, size: Number(size), etag: `"${size.toString(36)}-${mtimeMs.toString(36)}"` }
  } catch {
    await handle?.close()
    throw missing
  }
}

/**
 * Where the file that `handle` has open lies, without links. It is asked of what is open, since what `path` leads to may become another file
 * at any time; undefined where that has happened.
 */
async function placeOf(handle: FileHandle, path: string, { dev, ino }: BigIntStats): Promise<string | undefined> {
  const known = await readlink(`/proc/self/fd/${handle.fd}`).catch(() => undefined)
  if (known !== undefined) return known
  const place = await realpath(path)
  const found = await stat(place, { bigint: true })
  return found.dev === dev && found.ino === ino ? place : undefined
}
