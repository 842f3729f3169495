/** A caller of the internal RPC, in a process of its own. */
import { RpcClient } from '../../src/client/rpc/index.ts'
import { rateOf, type Task, Users } from './task.ts'

const [address, ids] = process.argv.slice(2) as [string, string]
const client = await RpcClient.connect(address)
const users = new Users(JSON.parse(ids))

process.on('message', async ({ method, users: count = 1, inFlight, seconds }: Task) => {
  const calls = {
    ping: () => client.call('ping', {}),
    recommend: () => client.call('recommend', { user: users.next() }),
    recommend_batch: () => client.call('recommend_batch', { users: users.some(count) }),
  }
  process.send?.(await rateOf(calls[method], seconds, inFlight))
})
process.once('disconnect', () => client.close())
process.send?.('ready')
