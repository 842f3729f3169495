import { readFileSync } from 'node:fs'

/** What Linux says of the memory of a process. */
export interface Memory {
  readonly rssMiB: number
  /** The part of it that is no file: heaps and indexes. */
  readonly anonymousMiB: number
}

/** On other systems: nothing. */
export function memoryOf(pid: number): Partial<Memory> {
  if (process.platform !== 'linux') return {}
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mebibytes = (field: string) =>
    Math.round(Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024)
  return { rssMiB: mebibytes('VmRSS'), anonymousMiB: mebibytes('RssAnon') }
}

/** How many directories are gone of which a process has files mapped. On other systems than Linux: 0. */
export function removedDirectories(pid: number): number {
  if (process.platform !== 'linux') return 0
  const removed = / (\/.*)\/[^/]* \(deleted\)$/gm
  const maps = readFileSync(`/proc/${pid}/maps`, 'utf8')
  return new Set(Array.from(maps.matchAll(removed), ([, directory]) => directory)).size
}
