import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Lets `work` use a folder that goes with it, also when the process ends in the middle. TMPDIR says on which disk. */
export async function inWorkspace<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-'))
  const clear = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', clear)
  try {
    return await work(folder)
  } finally {
    process.off('exit', clear)
    clear()
  }
}
