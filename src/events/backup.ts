import { existsSync, readdirSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { sync, withDraft } from '../storage/directory.ts'
import { lockFile } from '../storage/directory-lock.ts'
import { busyTimeout, connect } from '../storage/sqlite.ts'
import { EventReader } from './reader.ts'

/**
 * Copies the state in `directory`, which a server may use meanwhile, to the new directory `out`: each of its databases as it was
 * at one moment. The copy appears whole or not at all, and can be served like the state itself.
 *
 * @throws Error when `directory` is no state, `out` exists, or the disk is full.
 */
export async function backUpState(directory: string, out: string): Promise<void> {
  new EventReader(directory).close()
  const place = resolve(out)
  if (existsSync(place)) throw new Error(`${out} exists: name another place for the copy`)
  await withDraft(place, async draft => {
    for (const name of readdirSync(directory)) {
      if (name.endsWith('.db') && name !== lockFile) await copyDatabase(join(directory, name), join(draft, name))
    }
    await sync(draft)
    await rename(draft, place)
    await sync(dirname(place))
  })
}

async function copyDatabase(from: string, to: string): Promise<void> {
  const database = connect(from, { readOnly: true })
  try {
    database.exec(`PRAGMA busy_timeout = ${busyTimeout}`)
    database.prepare('VACUUM INTO ?').run(to)
  } finally {
    database.close()
  }
  await sync(to)
}
