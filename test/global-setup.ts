import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'

/** Compiles what is out of date: tests of the command run what is packed. */
export function setup(): void {
  execFileSync(process.execPath, ['.ci/prepare.ts'], { stdio: 'inherit' })
  // Hundreds of processes and threads load the same modules.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/aurochs-test')
  // Thousands of small files are written, synced and removed: in memory that takes half the time.
  if (hasFilesInMemory()) process.env.TMPDIR ??= '/dev/shm'
}

/** Whether /dev/shm has room and may hold programs, which in a container it mostly may not. */
function hasFilesInMemory(): boolean {
  if (!existsSync('/proc/mounts') || !existsSync('/dev/shm')) return false
  const { bavail, bsize } = statfsSync('/dev/shm')
  const [, options = 'noexec'] = /^\S+ \/dev\/shm tmpfs (\S+)/m.exec(readFileSync('/proc/mounts', 'utf8')) ?? []
  return bavail * bsize >= 4 * 2 ** 30 && !options.split(',').includes('noexec')
}
