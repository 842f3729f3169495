/**
 * `aurochs serve` is ended by SIGKILL under load, again and again on the same state, and after each time every event that was
 * acknowledged must be there. The clients are bare sockets, not those of the package.
 *
 * `--data MODEL` names the model's directory; `--rounds N` (30), `--sockets N` (16).
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Artifact } from '../src/models/artifact/artifact.ts'
import { streamModel } from './stream/model.ts'
import { participants } from './stream/participants.ts'
import { type Program, startProgram } from './stream/program.ts'
import { seeded } from './stream/random.ts'
import { BareSocket } from './stream/socket.ts'
import { eventsByUser } from './stream/stored-events.ts'
import { atLeast, atMost, type Bar, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

/** Events of one socket that may be without an ack. */
const mostUnanswered = 200
/** In ms: a round lasts from the shorter to the longer. */
const [shortest, longest] = [200, 1200]

export const run: Bench = async ({ json, data, rest }) => {
  const { rounds, sockets } = options(rest)
  const print = printer(json)
  const random = seeded(1)
  const folder = mkdtempSync(join(tmpdir(), 'aurochs-kill-'))
  const state = join(folder, 'state')
  let running: Program | undefined
  try {
    const model = await streamModel(data, folder)
    const { users, items } = participants(Artifact.open(model, { verify: false }), sockets)
    let [sent, acknowledged, lost, errors] = [0, 0, 0, 0]
    const known = new Set<string>()
    for (let round = 1; round <= rounds; round++) {
      // Clients send as fast as they are answered, which a fast machine would take for too much.
      const serve = ['serve', model, '--port', '0', '--state', state, '--rate', '0', '--json']
      const server = await startProgram('dist/cli/main.js', serve)
      running = server
      const clients = await Promise.all(users.map(user => Client.open(server.port, String(user), items, round)))
      for (const client of clients) client.begin()
      await setTimeout(shortest + random() * (longest - shortest))
      await kill(server)
      for (const client of clients) {
        client.end()
        for (const event of client.acknowledged) known.add(event)
        sent += client.sent
        acknowledged += client.acknowledged.size
        errors += client.errors.length
      }
      const events = Array.from(eventsByUser(state), ([user, events]) => events.map(({ id }) => `${user} ${id}`)).flat()
      const stored = new Set(events)
      const missing = [...known].filter(event => !stored.has(event)).length
      lost = Math.max(lost, missing)
      print({ round, sent, acknowledged, stored: stored.size, missing, errors })
    }
    return bars({ acknowledged, lost, errors, rounds })
  } finally {
    // Where something failed in the midst of a round.
    running?.child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
}

async function kill({ child }: Program): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

interface Counts {
  readonly acknowledged: number
  readonly lost: number
  readonly errors: number
  readonly rounds: number
}

function bars({ acknowledged, lost, errors, rounds }: Counts): Bar[] {
  return [
    atLeast('acknowledged events a round', acknowledged / rounds, 100),
    atMost('acknowledged events that were lost', lost, 0),
    atMost('errors', errors, 0),
  ]
}

/** Sends as long as the server acknowledges. */
class Client {
  readonly acknowledged = new Set<string>()
  readonly errors: string[] = []
  sent = 0
  readonly #user: string
  readonly #items: readonly (string | number)[]
  readonly #round: number
  #socket: BareSocket | undefined
  #isOver = false

  static async open(port: number, user: string, items: readonly (string | number)[], round: number): Promise<Client> {
    const client = new Client(user, items, round)
    client.#socket = await BareSocket.open('127.0.0.1', port, '/v1/stream', {
      onText: text => client.#receive(text.toString()),
      onEnd: () => {
        client.#isOver = true
      },
    })
    client.#socket.send('{"type":"hello","protocols":[1]}')
    return client
  }

  private constructor(user: string, items: readonly (string | number)[], round: number) {
    this.#user = user
    this.#items = items
    this.#round = round
  }

  begin(): void {
    while (!this.#isOver && this.sent - this.acknowledged.size < mostUnanswered) {
      const item = this.#items[this.sent % this.#items.length]
      const event = { type: 'event', id: `${this.#round}-${++this.sent}`, user: this.#user, item }
      this.#socket!.send(JSON.stringify(event))
    }
  }

  end(): void {
    this.#isOver = true
    this.#socket!.close()
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as { readonly type: string; readonly id?: string }
    if (message.type === 'ack') this.acknowledged.add(`${this.#user} ${message.id}`)
    else if (message.type === 'error') this.errors.push(text)
    this.begin()
  }
}

function options(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '30' }, sockets: { type: 'string', default: '16' } },
  })
  return { rounds: positiveInteger('rounds', values.rounds), sockets: positiveInteger('sockets', values.sockets) }
}
