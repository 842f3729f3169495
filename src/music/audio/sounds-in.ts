import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { soundTypeOf } from './sound-types.ts'

/** An entry of a directory, or what it is a link to. */
interface Entry {
  readonly path: string
  readonly name: string
  readonly isDirectory: boolean
  readonly isFile: boolean
}

/** The entries of `directory` in order, links as what they lead to; links that lead nowhere are left out. */
export async function entriesOf(directory: string): Promise<Entry[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const found = await Promise.all(entries.map(entry => followed(join(directory, entry.name), entry)))
  return found.filter(entry => entry !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function followed(path: string, entry: Dirent): Promise<Entry | undefined> {
  const target = entry.isSymbolicLink() ? await stat(path).catch(() => undefined) : entry
  return target && { path, name: entry.name, isDirectory: target.isDirectory(), isFile: target.isFile() }
}

/**
 * Paths of the sound files in `directory` and its folders, in order. Links are followed; a folder is entered once, however many lead to it.
 *
 * @throws the reason of the signal when it is aborted.
 */
export async function soundsIn(directory: string, signal?: AbortSignal): Promise<string[]> {
  const entered = new Set<string>()
  const files: string[] = []
  const enter = async (folder: string): Promise<void> => {
    signal?.throwIfAborted()
    const place = await realpath(folder)
    if (entered.has(place)) return
    entered.add(place)
    for (const { path, isDirectory, isFile } of await entriesOf(folder)) {
      if (isDirectory) await enter(path)
      else if (isFile && soundTypeOf(path) !== undefined) files.push(path)
    }
  }
  await enter(directory)
  return files.sort()
}
