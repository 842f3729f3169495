/** From what the caller names to files that can be read more than once. */
import { constants, createReadStream, createWriteStream, openSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Database, literal } from '../database.ts'
import type { SourceFile } from './file.ts'

export interface FindOptions {
  /** Folder for copies of what is no regular file. It is made once there is one, and never cleared here. */
  readonly copies: string
  /** Aborting it ends the copying. */
  readonly signal?: AbortSignal | undefined
}

/**
 * The files that `sources` name, which may have globs, sorted within each. A name that exists as it stands is no glob.
 * Standard input (`-`), pipes and other things that are no regular files can be read but once: they are copied.
 *
 * @throws RangeError naming the source that leads to no file.
 */
export async function findFiles(db: Database, sources: readonly string[], options: FindOptions): Promise<SourceFile[]> {
  const files: SourceFile[] = []
  for (const name of await namesOf(db, sources)) {
    const path = name === '-' ? stdin : name
    const found = statSync(path)
    files.push({ path: found.isFile() ? path : await copied(path, found.isFIFO(), files.length, options), name })
  }
  return files
}

const stdin = '/dev/stdin'

/** The names of files, globs resolved. */
async function namesOf(db: Database, sources: readonly string[]): Promise<string[]> {
  const names: string[] = []
  for (const source of sources) {
    if (/^\w+:\/\//.test(source)) throw new RangeError(`${source} is not on this machine: download it first`)
    const found = statSync(source === '-' ? stdin : source, { throwIfNoEntry: false })
    if (found?.isDirectory())
      throw new RangeError(`${source} is a directory: name its files, as in '${source}/*.parquet'`)
    if (found) names.push(source)
    else names.push(...(await glob(db, source)))
  }
  return names
}

async function copied(
  source: string,
  isPipe: boolean,
  index: number,
  { copies, signal }: FindOptions,
): Promise<string> {
  await mkdir(copies, { recursive: true })
  const copy = join(copies, `${index}`)
  await pipeline(stream(source, isPipe), createWriteStream(copy), { ...(signal && { signal }) })
  return copy
}

function stream(source: string, isPipe: boolean): Readable {
  if (source === stdin) return process.stdin
  if (!isPipe) return createReadStream(source)
  // A thread that waits for the writer of a named pipe could not be interrupted; a socket waits without one.
  const fd = openSync(source, constants.O_RDONLY | constants.O_NONBLOCK)
  return new Socket({ fd, readable: true, writable: false })
}

async function glob(db: Database, source: string): Promise<string[]> {
  const found = await db.rows<{ file: string }>(`select file from glob(${literal(source)}) order by file`)
  if (found.length === 0) throw new RangeError(`there is no file ${source}: check the path, and quote globs`)
  return found.map(({ file }) => file)
}
