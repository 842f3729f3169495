/** The library in a process of its own, without a server: what RPC is measured against. */
import { Recommender } from '../../src/recommend/recommender.ts'
import { rateOf, type Task, Users } from './task.ts'

const [model, state, ids] = process.argv.slice(2) as [string, string, string]
const recommender = await Recommender.open({ model, state })
const users = new Users(JSON.parse(ids))
const filters = { limit: 10, seen: 'exclude', exclude: [] } as const

process.on('message', async ({ users: count = 1, seconds, inFlight }: Task) => {
  const batch = () => recommender.recommendBatch(users.some(count).map(String), filters)
  process.send?.(await rateOf(batch, seconds, inFlight))
})
process.once('disconnect', () => void recommender.close())
process.send?.('ready')
