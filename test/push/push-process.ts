/**
 * `node push-process.ts STATE URL ROUND`: reserves pushes of new campaigns for all users again and again, and sends them, until it is
 * killed. ROUND 0: only sends what is there, until nothing is open.
 */
import { setTimeout } from 'node:timers/promises'
import { Dispatcher } from '../../src/push/send/dispatcher.ts'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { fcmSender } from '../../src/push/send/senders/fcm.ts'
import { webhookSender } from '../../src/push/send/senders/webhook.ts'
import { killAccount, killUsers } from './push-users.ts'

const [state, url, round] = process.argv.slice(2) as [string, string, string]
const ledger = PushLedger.open(state, { quiet: { from: '00:00', until: '00:00' } })
const attempts = { first: 10, longest: 40, timeout: 400, concurrency: 8 }
const dispatcher = Dispatcher.start(ledger, {
  senders: {
    webhook: webhookSender({ url: `${url}/webhook`, secret: 'a secret of the webhook', ...attempts }),
    fcm: fcmSender({ account: killAccount(url), url, ...attempts }),
  },
  batchSize: 8,
  poll: 5,
})
console.log('begun')
if (round === '0') {
  const counts = () => ledger.campaigns().map(id => ledger.countsOf(id))
  const isOpen = () => counts().some(({ reserved, handed }) => reserved + handed > 0)
  while (isOpen()) await setTimeout(20)
  await dispatcher.stop()
  ledger.close()
} else {
  const users = killUsers()
  for (let count = 0; ; count++) {
    const starts = Date.now() - 1000
    const id = `article-${round}-${count}`
    ledger.putCampaign({ id, titles: ['One'], starts, ends: starts + 3_600_000, budget: users.length })
    const some = users.filter(() => Math.random() < 0.1)
    ledger.reserve(
      id,
      some.map(user => ({ user })),
    )
    dispatcher.wake()
    await setTimeout(20)
  }
}
