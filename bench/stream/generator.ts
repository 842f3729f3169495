/**
 * The load of the stream bench, in a process of its own: an open loop. When an event is due is decided before the run;
 * a server that stalls is charged for every event that was due meanwhile (coordinated omission).
 */
import { writeFileSync } from 'node:fs'
import { build, type Histogram } from 'hdr-histogram-js'
import type { GeneratorMessage } from './load.ts'
import type { Outcome, Percentiles, Plan } from './plan.ts'
import { seeded } from './random.ts'
import { BareSocket } from './socket.ts'

process.once('message', async (plan: Plan) => {
  const report = (message: GeneratorMessage) => process.send?.(message)
  const load = new Load(plan)
  await load.connect()
  report({ type: 'started' })
  await load.send()
  await load.settle()
  report({ type: 'done', outcome: load.outcome() })
  process.disconnect()
})

/** In ms: how long after the last event answers may still come. */
const settleTimeout = 5000

/** What is known of one socket. */
interface Client {
  /** The events whose list has not come, oldest first. */
  readonly awaited: number[]
  /** The model that was announced last, if any was; and the one of the newest list. */
  announced: string | undefined
  listed: string | undefined
}

class Load {
  readonly #plan: Plan
  readonly #sockets: BareSocket[] = []
  /** In the order of the sockets. */
  readonly #clients: readonly Client[]
  /** When each event is due, in ms. */
  readonly #due: Float64Array
  /** Events before this one are warm-up. */
  readonly #first: number
  readonly #latency = histogram()
  readonly #lateness = histogram()
  readonly #ack = histogram()
  readonly #errors: string[] = []
  readonly #lists: Buffer[] = []
  readonly #random: () => number
  #begun = 0
  #ready = 0
  #sent = 0
  #acknowledged = 0
  #shown = 0
  #lastShown = 0
  #announced = 0

  constructor(plan: Plan) {
    this.#plan = plan
    this.#random = seeded(plan.seed)
    const due: number[] = []
    for (let at = 0; ; ) {
      at += (-Math.log(1 - this.#random()) / plan.rate) * 1000
      if (at >= (plan.warmup + plan.seconds) * 1000) break
      due.push(at)
    }
    this.#due = Float64Array.from(due)
    this.#first = due.findIndex(at => at >= plan.warmup * 1000)
    this.#clients = plan.users.map(() => ({ awaited: [], announced: undefined, listed: undefined }))
  }

  /** Opens all sockets, and waits until each has its first list. */
  async connect(): Promise<void> {
    const { host, port, path, protocol, users } = this.#plan
    for (const [at, user] of users.entries()) {
      const client = this.#clients[at]!
      const socket = await BareSocket.open(host, port, path, {
        onText: text => {
          if (protocol === 'echo') this.#show(client, eventIn(text, '"id":"'))
          else this.#receive(client, text)
        },
        onEnd: reason => this.#errors.push(`the socket of ${user}: ${reason}`),
      })
      this.#sockets.push(socket)
      if (protocol === 'echo') continue
      socket.send('{"type":"hello","protocols":[1]}')
      socket.send(JSON.stringify({ type: 'subscribe', subscription: 1, query: { kind: 'user', user } }))
    }
    while (protocol === 'aurochs' && this.#ready < users.length) {
      if (this.#errors.length > 0) throw new Error(`no list came: ${this.#errors[0]}`)
      await pause(10)
    }
  }

  async send(): Promise<void> {
    this.#begun = performance.now()
    while (this.#sent < this.#due.length) {
      const now = performance.now() - this.#begun
      while (this.#sent < this.#due.length && this.#dueAt(this.#sent) <= now) this.#sendOne(now)
      if (this.#sent < this.#due.length) await pause(Math.max(0, Math.floor(this.#dueAt(this.#sent) - now)))
    }
  }

  /** Waits for what is still to come, and closes the sockets. */
  async settle(): Promise<void> {
    const until = performance.now() + settleTimeout
    while (performance.now() < until && !this.#isSettled()) await pause(10)
    for (const socket of this.#sockets) socket.close()
    const { listFile } = this.#plan
    if (listFile !== undefined) writeFileSync(listFile, Buffer.concat(this.#lists))
  }

  outcome(): Outcome {
    const spent = (this.#lastShown - this.#plan.warmup * 1000) / 1000
    return {
      sent: this.#sent,
      acknowledged: this.#acknowledged,
      shown: this.#shown,
      errors: this.#errors,
      announced: this.#announced,
      outdated: this.#clients.filter(isOutdated).length,
      latency: percentiles(this.#latency),
      lateness: percentiles(this.#lateness),
      ack: percentiles(this.#ack),
      rate: this.#latency.totalCount / spent,
    }
  }

  #isSettled(): boolean {
    const { protocol, announcements = 0 } = this.#plan
    if (this.#shown < this.#sent) return false
    if (protocol === 'echo') return true
    const isAnnounced = this.#announced >= announcements * this.#clients.length
    return this.#acknowledged >= this.#sent && isAnnounced && !this.#clients.some(isOutdated)
  }

  #dueAt(event: number): number {
    return this.#due[event]!
  }

  #sendOne(now: number): void {
    const event = this.#sent++
    const at = Math.floor(this.#random() * this.#sockets.length)
    const item = this.#plan.items[Math.floor(this.#random() * this.#plan.items.length)]
    this.#clients[at]!.awaited.push(event)
    this.#sockets[at]!.send(`{"type":"event","id":"${this.#plan.run}:${event}","item":${JSON.stringify(item)}}`)
    if (event >= this.#first) record(this.#lateness, now - this.#dueAt(event))
  }

  // The fields' order is not the protocol's promise, but our server's; parsing each list would cost more than the server.
  #receive(client: Client, text: Buffer): void {
    switch (stringAfter(text, '"type":"')) {
      case 'ack': {
        this.#acknowledged++
        const event = eventIn(text, '"id":"')
        if (event >= this.#first) record(this.#ack, performance.now() - this.#begun - this.#dueAt(event))
        break
      }
      case 'list':
        if (this.#plan.listFile !== undefined) this.#lists.push(Buffer.from(text), newline)
        if (text.includes('"sequence":1,')) this.#ready++
        client.listed = stringAfter(text, '"generation":"')
        if (text.includes(`"after":"${this.#plan.run}:`)) this.#show(client, eventIn(text, '"after":"'))
        break
      case 'generation':
        this.#announced++
        client.announced = stringAfter(text, '"generation":"')
        break
      case 'welcome':
      case 'subscribed':
        break
      default:
        this.#errors.push(text.toString())
    }
  }

  /** A list that shows an event shows all that the socket sent before it. */
  #show({ awaited }: Client, event: number): void {
    const now = performance.now() - this.#begun
    for (let oldest = awaited[0]; oldest !== undefined && oldest <= event; oldest = awaited[0]) {
      awaited.shift()
      this.#shown++
      this.#lastShown = now
      if (oldest >= this.#first) record(this.#latency, now - this.#dueAt(oldest))
    }
  }
}

const newline = Buffer.from('\n')

function isOutdated({ announced, listed }: Client): boolean {
  return announced !== undefined && announced !== listed
}

/** The string in `…"name":"value"…`, of ASCII without escapes. */
function stringAfter(text: Buffer, before: string): string {
  const begin = text.indexOf(before) + before.length
  return text.toString('latin1', begin, text.indexOf('"', begin))
}

/** The event's number in `…"id":"run:123"…`. */
function eventIn(text: Buffer, before: string): number {
  const id = stringAfter(text, before)
  return Number(id.slice(id.indexOf(':') + 1))
}

/** In µs, up to a minute, to 3 digits. */
function histogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 })
}

function record(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.min(60_000_000, Math.max(1, Math.round(ms * 1000))))
}

function percentiles(histogram: Histogram): Percentiles {
  const at = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: at(100) }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => (ms < 1 ? setImmediate(resolve) : setTimeout(resolve, ms)))
}
