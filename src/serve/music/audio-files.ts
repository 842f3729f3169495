import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { extname, resolve, sep } from 'node:path'
import { ServiceError } from '../../protocol/errors.ts'

/** What sound files are sent as, by how their names end. */
const types: Readonly<Record<string, string>> = {
  '.mp3': 'audio/mpeg',
  '.m4a': 'audio/mp4',
  '.mp4': 'audio/mp4',
  '.aac': 'audio/aac',
  '.ogg': 'audio/ogg',
  '.oga': 'audio/ogg',
  '.opus': 'audio/ogg',
  '.flac': 'audio/flac',
  '.wav': 'audio/wav',
}

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
  const type = types[extname(file).toLowerCase()]
  if (type === undefined || file.includes('\0')) throw missing
  let handle: FileHandle | undefined
  try {
    const [base, path] = await Promise.all([realpath(root), realpath(resolve(root, file))])
    if (!path.startsWith(base.endsWith(sep) ? base : base + sep)) throw missing
    // What was looked at has no links in it; a pipe must not hold up whoever opens it.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const stat = await handle.stat()
    if (!stat.isFile()) throw missing
    return {
      handle,
      type,
      size: stat.size,
      etag: `"${stat.size.toString(36)}-${Math.floor(stat.mtimeMs).toString(36)}"`,
    }
  } catch {
    await handle?.close()
    throw missing
  }
}
