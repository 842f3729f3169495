import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ServedLibrary } from '../../src/music/library/served-library.ts'
import { freshFolder } from '../storage/folder.ts'
import { randomSongs, writeSpace } from './small-space.ts'

test('one that is closed while another space is opened leaves no thread behind', async () => {
  const directory = join(freshFolder(), 'space')
  await writeSpace(directory, randomSongs(20))
  const library = await ServedLibrary.open({
    directory,
    audio: false,
    onFault: error => expect.unreachable(`${error}`),
  })
  rmSync(directory, { recursive: true })
  await writeSpace(directory, randomSongs(30))
  const before = threads()
  const reloading = library.reload()
  await library.close()
  await reloading
  await expect.poll(threads).toBeLessThan(before)
})

function threads(): number {
  return process.getActiveResourcesInfo().filter(name => name === 'MessagePort' || name === 'Worker').length
}
