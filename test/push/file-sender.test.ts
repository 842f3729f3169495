import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileSender } from '../../src/push/send/senders/file.ts'
import { freshFolder } from '../storage/folder.ts'
import { pushTo } from './push-to.ts'
import { idsIn } from './sender-harness.ts'

const never = new AbortController().signal
const address = { addressOf: (user: string) => user }

test('a file that is opened again knows its pushes, and drops a line that was not written to its end', async () => {
  const file = join(freshFolder(), 'pushes.ndjson')
  const [ann, bob] = ['ann', 'bob'].map(user => pushTo(address, user)) as [
    ReturnType<typeof pushTo>,
    ReturnType<typeof pushTo>,
  ]
  const first = fileSender({ file })
  await first.send([ann], { signal: never })
  first.close?.()
  appendFileSync(file, JSON.stringify(bob).slice(0, 70))
  const second = fileSender({ file })
  await second.send([ann, bob], { signal: never })
  second.close?.()
  expect(idsIn(file)).toEqual([ann.id, bob.id])
  const { attempt: _, ...shown } = bob
  expect(JSON.parse(readFileSync(file, 'utf8').split('\n')[1]!)).toMatchObject(shown)
})

test('where the file cannot be written, the pushes are sent again', async () => {
  expect(() => fileSender({ file: join(freshFolder(), 'none', 'pushes.ndjson') })).toThrow('ENOENT')
  const sender = fileSender({ file: '/dev/full' })
  const [result] = await sender.send([pushTo(address, 'ann')], { signal: never })
  expect(result).toMatchObject({ outcome: 'retry', isUncertain: true })
  sender.close?.()
})
