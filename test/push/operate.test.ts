/** `aurochs push` on a state, which has no configuration but what the engine kept of it. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { aurochs } from '../cli/aurochs.ts'
import { freshFolder } from '../storage/folder.ts'
import { addUsers, day, hour, openLedger, refusals } from './ledger-of.ts'
import { openState, startEngine } from './live-engine.ts'

const run = async (...args: string[]) => {
  const { status, stdout, stderr } = await aurochs('push', ...args)
  return { status, said: stdout + stderr }
}

test('commands on a state go by the quiet hours and the interval that the engine was configured with', async () => {
  const state = openState()
  const { folder } = state
  // All of the day but the hour that comes in twelve hours: quiet by the configuration, and not by default.
  const at = (hours: number) => new Date(Date.now() + hours * hour).toISOString().slice(11, 16)
  const quiet = { from: at(13), until: at(12) }
  const { engine } = await startEngine(state, { round: 0, rounds: 0 }, { config: { quiet, interval: '3d' } })
  await engine.stop()
  const ledger = openLedger(folder)
  addUsers(ledger, ['ann'], 'file')
  const now = Date.now()
  ledger.putCampaign({ id: 'news', titles: ['One'], starts: now - hour, ends: now + 3 * hour, budget: 9 })
  expect(ledger.interval).toBe(3 * day)
  expect(refusals(ledger, 'news', ['ann'], now)).toEqual(['ann: quiet-hours'])
  expect((await run('why', 'ann', 'news', '--state', folder)).said).toContain(
    'These are quiet hours of the user, until',
  )
})

test('who names an interval has it, and keeps it for nobody else', () => {
  const folder = freshFolder()
  openLedger(folder, { interval: hour }).keepSettings()
  expect(openLedger(folder, { interval: day }).interval).toBe(day)
  expect(openLedger(folder).interval).toBe(hour)
  expect(openLedger().interval).toBe(7 * day)
})

test('`push test` sends an article of the catalogue that was not pushed yet, also under a title that is given', async () => {
  const folder = freshFolder()
  const ledger = openLedger(folder)
  addUsers(ledger, ['ann'])
  const catalogue = new CatalogueStore(join(folder, 'catalogue.db'))
  catalogue.put([{ id: 'news', title: 'News' }])
  catalogue.close()
  expect(await run('test', 'news', 'ann', 'nobody', '--state', folder)).toEqual({
    status: 0,
    said: 'ann: on its way\nnobody: not sent, unknown-user\n',
  })
  expect((await run('test', 'news', 'ann', '--text', 'Another', '--state', folder)).status).toBe(0)
  expect(ledger.hand('webhook', 9).map(({ title }) => title)).toEqual(['[test] News', '[test] Another'])
  const unknown = await run('test', 'none', 'ann', '--state', folder)
  expect(unknown).toMatchObject({ status: 1, said: expect.stringContaining('got "none": put the item first') })
})
