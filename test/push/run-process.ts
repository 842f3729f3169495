/** `node run-process.ts STATE CONFIG`: as `aurochs push run`, and at the address that it prints links of clicks are followed and `/step` is the time of the latest step; until SIGTERM. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { loadPushConfig } from '../../src/push/live/config.ts'
import { PushEngine } from '../../src/push/live/engine.ts'
import { pushesOf } from '../../src/push/live/parts/open-loop.ts'

const [state, file] = process.argv.slice(2) as [string, string]
const ended = once(process, 'SIGTERM')
const errors: unknown[] = []
const say = (fields: object, message: string) => {
  if (process.env.LOG) console.error(message, JSON.stringify(fields))
}
const engine = await PushEngine.start({
  ...pushesOf(loadPushConfig(file)),
  state,
  log: {
    info: say,
    warn: say,
    error: (fields, message) => {
      errors.push(message)
      console.error(message, fields)
    },
  },
})
await engine.ready
const server = createServer(async ({ url = '' }, response) => {
  if (url === '/step') {
    response.end(String(engine.figures.lastStep ?? 0))
    return
  }
  const location = await engine.follow(url)
  if (location === undefined) response.writeHead(404).end()
  else response.writeHead(302, { location }).end()
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
await ended
server.close()
server.closeAllConnections()
await engine.stop()
if (errors.length > 0) throw new Error(`there were errors: ${errors.join(', ')}`)
