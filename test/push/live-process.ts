/**
 * `node live-process.ts STATE URL LAST`: runs the push engine on a state until it is killed. LAST `ARTICLES,VISITS`: until so many
 * articles are pushed and so many visits are taken, and nothing is open; then it stops.
 */
import { setTimeout } from 'node:timers/promises'
import { PushEngine } from '../../src/push/live/engine.ts'
import { ScriptedSteps } from './scripted-steps.ts'

const [state, url, last] = process.argv.slice(2) as [string, string, string]
const quiet = { from: '00:00', until: '00:00' }
const attempts = { first: 10, longest: 40, timeout: 400, concurrency: 8 }
const errors: unknown[] = []
const engine = await PushEngine.start({
  state,
  config: {
    sending: {
      senders: { hook: { type: 'webhook', url, secret: 'a secret of the webhook', ...attempts } },
      batchSize: 8,
      poll: 5,
    },
    articles: { within: 14_400_000 },
    events: { click: 'push_click' },
    tick: 5,
    interval: 7 * 86_400_000,
    quiet,
    keep: 400 * 86_400_000,
    settle: 86_400_000,
    replay: 86_400_000,
  },
  steps: users => new ScriptedSteps(users, { round: 7, rounds: 1000 }),
  log: { info: () => {}, warn: () => {}, error: fields => errors.push(fields) },
})
console.log('begun')
if (last !== '0') {
  const [articles, visits] = last.split(',').map(Number) as [number, number]
  await engine.ready
  const isOpen = async () => {
    const { campaigns } = await engine.ledger.call('statusPage', { limit: 1000 })
    const taken = (await engine.ledger.call('visitsByHour')).reduce((sum, count) => sum + count, 0)
    if (campaigns.length < articles || taken < visits) return true
    return campaigns.some(({ counts, stopped }) => counts.reserved + counts.handed > 0 || stopped === undefined)
  }
  while (await isOpen()) await setTimeout(20)
  await engine.stop()
  if (errors.length > 0) throw new Error(JSON.stringify(errors))
}
