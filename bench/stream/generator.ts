/**
 * The load of the stream bench, in a process of its own: an open loop. When an event is due is decided before the run;
 * a server that stalls is charged for every event that was due meanwhile (coordinated omission).
 */
import { build, type Histogram } from 'hdr-histogram-js'
import type { Outcome, Percentiles, Plan } from './plan.ts'
import { seeded } from './random.ts'
import { BareSocket } from './socket.ts'

process.once('message', async (plan: Plan) => {
  process.send?.(await run(plan))
  process.exit(0)
})

/** Patience with what is still missing after the last event, in ms. */
const grace = 5000

async function run(plan: Plan): Promise<Outcome> {
  const load = new Load(plan)
  await load.connect()
  await load.send()
  await load.settle()
  return load.outcome()
}

class Load {
  readonly #plan: Plan
  readonly #sockets: BareSocket[] = []
  /** Of each socket, the events whose list has not come, oldest first. */
  readonly #awaited: number[][]
  /** When each event is due, in ms. */
  readonly #due: Float64Array
  /** Events before this one are warm-up. */
  readonly #first: number
  readonly #latency = histogram()
  readonly #lateness = histogram()
  readonly #ack = histogram()
  readonly #errors: string[] = []
  readonly #random: () => number
  #begun = 0
  #ready = 0
  #sent = 0
  #acknowledged = 0
  #shown = 0
  #lastShown = 0

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
    this.#awaited = plan.users.map(() => [])
  }

  /** Opens all sockets, and waits until each has its first list. */
  async connect(): Promise<void> {
    const { host, port, path, speaks, users } = this.#plan
    for (let i = 0; i < users.length; i++) {
      const socket = await BareSocket.open(host, port, path, {
        onText: speaks === 'echo' ? text => this.#echoed(i, text) : text => this.#heard(i, text),
        onEnd: reason => this.#errors.push(`socket ${i}: ${reason}`),
      })
      this.#sockets.push(socket)
      if (speaks === 'echo') continue
      socket.send('{"type":"hello","protocol":1}')
      socket.send(JSON.stringify({ type: 'subscribe', subscription: 1, user: users[i] }))
    }
    while (speaks === 'aurochs' && this.#ready < users.length) await pause(10)
  }

  async send(): Promise<void> {
    this.#begun = performance.now()
    while (this.#sent < this.#due.length) {
      const now = performance.now() - this.#begun
      while (this.#sent < this.#due.length && this.#due[this.#sent] <= now) this.#sendOne(now)
      if (this.#sent < this.#due.length) await pause(Math.max(0, Math.floor(this.#due[this.#sent] - now)))
    }
  }

  async settle(): Promise<void> {
    const until = performance.now() + grace
    const echo = this.#plan.speaks === 'echo'
    while (performance.now() < until && (this.#shown < this.#sent || (!echo && this.#acknowledged < this.#sent))) {
      await pause(10)
    }
    for (const socket of this.#sockets) socket.close()
  }

  outcome(): Outcome {
    const spent = (this.#lastShown - this.#plan.warmup * 1000) / 1000
    return {
      ...{ sent: this.#sent, acknowledged: this.#acknowledged, shown: this.#shown, errors: this.#errors },
      latency: percentiles(this.#latency),
      lateness: percentiles(this.#lateness),
      ack: percentiles(this.#ack),
      rate: this.#latency.totalCount / spent,
    }
  }

  #sendOne(now: number): void {
    const event = this.#sent++
    const socket = Math.floor(this.#random() * this.#sockets.length)
    const item = this.#plan.items[Math.floor(this.#random() * this.#plan.items.length)]
    this.#awaited[socket].push(event)
    this.#sockets[socket].send(`{"type":"event","id":"${this.#plan.run}:${event}","item":${JSON.stringify(item)}}`)
    if (event >= this.#first) record(this.#lateness, now - this.#due[event])
  }

  #heard(socket: number, text: Buffer): void {
    // The fields' order is not the protocol's promise, but our server's; parsing each list would cost more than the server.
    if (text.includes('"type":"ack"')) {
      this.#acknowledged++
      const event = eventIn(text, '"id":"')
      if (event >= this.#first) record(this.#ack, performance.now() - this.#begun - this.#due[event])
    } else if (text.includes('"type":"list"')) {
      if (text.includes('"sequence":1,')) this.#ready++
      if (text.includes(`"after":"${this.#plan.run}:`)) this.#show(socket, eventIn(text, '"after":"'))
    } else if (!text.includes('"type":"welcome"')) {
      this.#errors.push(text.toString())
    }
  }

  #echoed(socket: number, text: Buffer): void {
    this.#show(socket, eventIn(text, '"id":"'))
  }

  /** A list that shows an event shows all that the socket sent before it. */
  #show(socket: number, event: number): void {
    const now = performance.now() - this.#begun
    const awaited = this.#awaited[socket]
    while (awaited.length > 0 && awaited[0] <= event) {
      const shown = awaited.shift()!
      this.#shown++
      this.#lastShown = now
      if (shown >= this.#first) record(this.#latency, now - this.#due[shown])
    }
  }
}

/** The event's number in `…"id":"run:123"…`. */
function eventIn(text: Buffer, before: string): number {
  const begin = text.indexOf(':', text.indexOf(before) + before.length) + 1
  return Number(text.toString('latin1', begin, text.indexOf('"', begin)))
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
