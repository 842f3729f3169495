import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Pool } from '../../src/parallel/pool.ts'
import { PushUsers } from '../../src/push/data/users.ts'
import { LearnedFiles, type LearnedState } from '../../src/push/live/parts/learned-files.ts'
import { CtrModel } from '../../src/push/prefer/ctr/ctr-model.ts'
import { PreferenceModel } from '../../src/push/prefer/preference-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { LogLines } from './live-engine.ts'
import { SmallWorld } from './small-world.ts'

let pool: Pool
beforeAll(() => {
  pool = new Pool({ threads: 1 })
})
afterAll(() => pool.close())

const users = new PushUsers(10)
const row = { rows: 1, columns: { user: 1, segment: 1, category: 1, hour: 1, recency: 1 } }

async function stateOf(): Promise<LearnedState> {
  const world = new SmallWorld()
  await world.run(world.now + 1)
  const { blend } = new PreferenceModel(users, pool)
  return { loop: world.loop.snapshot()!, blend: blend.state, responses: { rounds: [], done: [] } }
}

/** A click model that was clicked so often. */
function clicksOf(count: number): CtrModel {
  const model = new CtrModel({ bits: 8 })
  for (let click = 0; click < count; click++) {
    model.learn(row, { clicked: Uint8Array.of(1), shares: Float32Array.of(1) })
  }
  return model
}

function openIn(folder: string) {
  const log = new LogLines()
  const files = new LearnedFiles(folder, log)
  const state = files.read()
  const preference = files.preference(users, pool, { options: {}, state })
  return { files, state, log, prediction: preference.ctr.predict(row)[0] }
}

test('the click model and what was learned with it appear at once, whenever the process ends', async () => {
  const folder = freshFolder()
  const { files } = openIn(folder)
  await files.keep(await stateOf(), clicksOf(3))
  const known = clicksOf(3).predict(row)[0]
  const directory = join(folder, 'push-loop')
  const before = readFileSync(join(directory, 'learned.json'))
  await files.keep(await stateOf(), clicksOf(30))
  expect(readdirSync(directory).filter(name => name.startsWith('clicks'))).toEqual(['clicks-2.safetensors'])
  expect(openIn(folder).prediction).toBe(clicksOf(30).predict(row)[0])
  // Killed after the click model was written, before the state was.
  await files.keep(await stateOf(), clicksOf(3))
  copyFileSync(join(directory, 'clicks-3.safetensors'), join(directory, 'clicks-1.safetensors'))
  writeFileSync(join(directory, 'learned.json'), before)
  const killed = openIn(folder)
  expect(killed.prediction).toBe(known)
  expect(killed.log.lines).toEqual([])
  await killed.files.keep(await stateOf(), clicksOf(5))
  expect(readdirSync(directory).filter(name => name.startsWith('clicks'))).toEqual(['clicks-2.safetensors'])
})

test('a click model of another format is learned anew, and said', async () => {
  const folder = freshFolder()
  await openIn(folder).files.keep(await stateOf(), clicksOf(3))
  const file = join(folder, 'push-loop', 'clicks-1.safetensors')
  writeFileSync(file, readFileSync(file, 'latin1').replace('aurochs-ctr-model 1', 'aurochs-ctr-model 0'), 'latin1')
  const { prediction, log, state } = openIn(folder)
  expect(state).toBeDefined()
  expect(prediction).toBe(new CtrModel().predict(row)[0])
  expect(log.lines).toMatchObject([
    {
      level: 'warn',
      fields: { err: { message: expect.stringContaining('its format must be aurochs-ctr-model 1') } },
      message: 'pushes: a part of what was learned cannot be read, it is learned anew',
    },
  ])
})

test('what was learned of another format, or of other effects, is learned anew, and said', async () => {
  const folder = freshFolder()
  const { files } = openIn(folder)
  const state = await stateOf()
  await files.keep(state, clicksOf(3))
  const { loop } = state
  const other = Object.assign({}, loop, { effects: { weights: [1], precision: [1] } })
  const world = new SmallWorld()
  const log = new LogLines()
  expect(new LearnedFiles(folder, log).orAnew(() => world.loop.restoreSnapshot(other))).toBe(false)
  expect(log.lines).toMatchObject([{ level: 'warn' }])
  const file = join(folder, 'push-loop', 'learned.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('aurochs-push-loop 2', 'aurochs-push-loop 1'))
  const old = openIn(folder)
  expect(old.state).toBeUndefined()
  expect(old.log.lines).toMatchObject([{ level: 'warn', fields: { got: 'aurochs-push-loop 1' } }])
})
