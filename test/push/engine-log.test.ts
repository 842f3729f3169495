import { expect, onTestFinished, test } from 'vitest'
import { PushEngine, type PushEngineOptions } from '../../src/push/live/engine.ts'
import { freshFolder } from '../storage/folder.ts'
import { configOf, openState, startEngine } from './live-engine.ts'
import { ScriptedSteps } from './scripted-steps.ts'

test('a step has one line in the log, however many articles it decides about; each decision is for debugging', async () => {
  const state = openState()
  const { engine, log, until } = await startEngine(state, { round: 1, rounds: 1 })
  await engine.ledger.call('putUsers', [{ id: 'ann', channel: { sender: 'file', address: 'to-ann' } }])
  state.catalogue.put(Array.from({ length: 20 }, (_, at) => ({ id: `a${at}`, title: `Article ${at}` })))
  await until(() => log.lines.filter(({ message }) => message === 'pushes: decided').length === 20)
  await until(() => log.lines.some(({ message }) => message === 'pushes: decided and reserved'))
  const info = log.lines.filter(({ level }) => level === 'info')
  const lines = info.filter(({ message }) => message === 'pushes: decided and reserved')
  expect(lines.length).toBeLessThan(5)
  const sum = (name: string) => lines.reduce((sum, { fields }) => sum + (fields as Record<string, number>)[name]!, 0)
  expect([sum('decided'), sum('pushed'), sum('sends')]).toEqual([20, 20, 1])
  expect(info.some(({ message }) => /a campaign begins|a round$|decided$/.test(message))).toBe(false)
})

test('an engine without a log starts and ends', async () => {
  const folder = freshFolder()
  const steps: PushEngineOptions['steps'] = users => new ScriptedSteps(users, { round: 1, rounds: 1 })
  const engine = await PushEngine.start({ state: folder, config: configOf(folder), steps })
  onTestFinished(() => engine.stop())
  await engine.ready
  expect(engine.figures).toMatchObject({ clicks: 0, sent: {} })
})
